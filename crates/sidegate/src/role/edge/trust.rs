//! What an edge trusts, as its identity keeps it and as what is synced needs it.

use sidegate_enrolment::TrustBundle;
use sidegate_enrolment::edge::EdgeIdentity;
use sidegate_model::sealing::{Keyring, SealingKey};
use sidegate_sync::edge::TrustKeeper;
use sidegate_sync::{DataKeys, Digest, Namespace, PinnedSigners, TrustBytes};

/// The keys of a bundle: the last one of a namespace seals.
pub(super) fn keyrings(bundle: &TrustBundle) -> Vec<(Namespace, Keyring)> {
    let of_namespace = bundle.data_keys.iter().filter_map(|(namespace, keys)| {
        let mut keys = keys.iter().rev().map(|key| SealingKey::new(key.bytes));
        let current = keys.next()?;
        Some((namespace.clone(), Keyring::new(current, keys)))
    });
    of_namespace.collect()
}

/// By which the control plane knows which bundle is kept.
pub(super) fn digest(bundle: &TrustBundle) -> Option<Digest> {
    TrustBytes::new(bundle.encode()).ok().map(|bytes| bytes.digest())
}

/// Keeps bundles that come down the stream in the folder of the identity.
pub(super) struct BundleKeeper {
    /// Where they are kept.
    pub(super) identity: EdgeIdentity,
    /// What is opened with their keys.
    pub(super) keys: DataKeys,
}

impl TrustKeeper for BundleKeeper {
    fn keep(&mut self, bundle: &TrustBytes) -> Result<PinnedSigners, String> {
        let told = |error: &dyn std::error::Error| error.to_string();
        self.identity.store_bundle(bundle.bytes()).map_err(|error| told(&error))?;
        let bundle = self.identity.trust().borrow().clone();
        let signers = bundle.pinned_signers().map_err(|error| told(&error))?;
        self.keys.replace(keyrings(&bundle));
        Ok(signers)
    }
}

/// Follows bundles that come with renewed certificates, until it is dropped.
pub(super) async fn follow(identity: EdgeIdentity, keys: DataKeys) {
    let mut trust = identity.trust();
    while trust.changed().await.is_ok() {
        let bundle = trust.borrow_and_update().clone();
        keys.replace(keyrings(&bundle));
    }
}
