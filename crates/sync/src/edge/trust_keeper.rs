//! Who keeps what an edge trusts.

use crate::signature::PinnedSigners;
use crate::trust::TrustBytes;

/// Keeps trust bundles, and knows what is in them.
pub trait TrustKeeper: Send {
    /// Reads a bundle and stores it so that it survives a power cut; only then it counts: for new connections, and for
    /// what is sealed (see [`crate::DataKeys`]). Gives whose manifests are taken from now on. It may be asked for one
    /// that it keeps already, and is called where it may take its time.
    ///
    /// # Errors
    /// Why it is not kept; the one before still counts then.
    fn keep(&mut self, bundle: &TrustBytes) -> Result<PinnedSigners, String>;
}
