//! Who an edge is, as it says so to its control plane.

use crate::digest::Digest;
use crate::features::Features;
use crate::signature::PinnedSigners;

/// Who an edge is.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Whose manifests it takes, until a trust bundle says otherwise.
    pub signers: PinnedSigners,
    /// The trust bundle that it keeps.
    pub trust: Option<Digest>,
    /// What it understands.
    pub features: Features,
    /// Its version.
    pub version: String,
    /// Another one for each start of the process.
    pub boot_id: [u8; 16],
    /// The number before that of its first stream: more than any stream of an earlier process had, as the time in
    /// milliseconds is.
    pub connections_before: u64,
    /// Makes its pauses others than those of other edges.
    pub seed: u64,
}
