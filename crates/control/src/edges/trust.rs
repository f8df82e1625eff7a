//! What edges are to trust: who issues certificates, who signs, and the keys of their namespaces. Made of what is
//! stored, byte by byte the same in all processes.

use super::authorities::Authorities;
use super::signers::{PublishError, Signers};
use sidegate_enrolment::{ControlUrl, DataKey, TrustBundle};
use sidegate_model::namespace::Namespace;
use sidegate_store::{Store, StoreError, StoredHead};
use sidegate_sync::{Digest, TrustBytes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Keys of one namespace that edges get: those that sealed what may still lie somewhere.
const MOST_KEYS: usize = 32;

/// What edges of each namespace are to trust. Copies are the same.
#[derive(Clone)]
pub(crate) struct TrustLines {
    store: Store,
    signers: Arc<Signers>,
    authorities: Authorities,
    control_urls: Vec<ControlUrl>,
    lines: Arc<Mutex<BTreeMap<Namespace, watch::Sender<Option<TrustBytes>>>>>,
    /// Of what the lines were made last.
    made_of: Option<StoredHead>,
}

impl TrustLines {
    /// Nothing is said yet.
    pub(crate) fn new(
        store: Store,
        signers: Arc<Signers>,
        authorities: Authorities,
        control_urls: Vec<ControlUrl>,
    ) -> Self {
        Self { store, signers, authorities, control_urls, lines: Arc::default(), made_of: None }
    }

    /// What edges of a namespace are to trust, from now on.
    pub(crate) fn follow(&self, namespace: &Namespace) -> watch::Receiver<Option<TrustBytes>> {
        self.lines().entry(namespace.clone()).or_default().subscribe()
    }

    /// Makes anew what may have changed.
    ///
    /// # Errors
    /// Why not all of it is made.
    pub(crate) async fn refresh(
        &mut self,
        namespaces: &BTreeSet<Namespace>,
        head: StoredHead,
    ) -> Result<(), PublishError> {
        let same = |made: StoredHead, now: StoredHead| {
            // By the time of the revision as well: a restored database may have come to the same numbers again.
            let of = |head: StoredHead| (head.revision, head.stamp, head.fleet_changes);
            of(made) == of(now)
        };
        let is_same = self.made_of.is_some_and(|made| same(made, head));
        if !is_same {
            self.signers.keep_stored(&self.store).await?;
            self.authorities.refresh().await?;
        }
        for namespace in namespaces {
            let is_known = self.lines().get(namespace).is_some_and(|line| line.borrow().is_some());
            if !is_same || !is_known {
                let bytes = self.of(namespace).await?;
                let line = self.lines().entry(namespace.clone()).or_default().clone();
                line.send_if_modified(|known| {
                    let is_new = known.as_ref() != Some(&bytes);
                    *known = Some(bytes);
                    is_new
                });
            }
        }
        self.made_of = Some(head);
        Ok(())
    }

    /// What edges of a namespace are to trust, as it is stored now. Streams hear of it by [`Self::refresh`] only, in the
    /// order in which things are published.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(crate) async fn of(&self, namespace: &Namespace) -> Result<TrustBytes, PublishError> {
        let mut data_keys = BTreeMap::new();
        for namespace in [&Namespace::global(), namespace] {
            data_keys.insert(namespace.clone(), self.data_keys(namespace).await?);
        }
        let mut bundle = TrustBundle {
            version: 0,
            authorities: self.authorities.current().certificates(),
            signers: self.signers.keys().to_vec(),
            data_keys,
            control_urls: self.control_urls.clone(),
        };
        // Another content has another number, the same one in each process.
        let digest = Digest::of(&bundle.encode());
        let (number, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
        bundle.version = u64::from_be_bytes(*number);
        let bytes = TrustBytes::new(bundle.encode());
        bytes.map_err(|e| PublishError::Content(namespace.clone(), e.to_string()))
    }

    async fn data_keys(&self, namespace: &Namespace) -> Result<Vec<DataKey>, StoreError> {
        let keys = self.store.numbered_data_keys(namespace).await?;
        let newest = keys.len().saturating_sub(MOST_KEYS);
        let key = |(number, key): &(u64, _)| {
            let key: &sidegate_model::sealing::SealingKey = key;
            DataKey { number: *number, bytes: *key.bytes() }
        };
        Ok(keys[newest..].iter().map(key).collect())
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Namespace, watch::Sender<Option<TrustBytes>>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
