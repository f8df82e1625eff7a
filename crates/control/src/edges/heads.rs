//! What is published for edges, as those ask for it: of each namespace the newest manifest, and the blobs that it and
//! the one before name. Decides nothing.

use bytes::Bytes;
use sidegate_model::namespace::Namespace;
use sidegate_sync::{Content, Digest, Position, VerifiedManifest};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Manifests whose blobs are in memory: an edge may still be asking for those of the one before.
const IN_MEMORY: usize = 2;

/// What is published. Copies are the same.
#[derive(Clone, Default)]
pub(crate) struct Heads {
    lines: Arc<Mutex<BTreeMap<Namespace, Line>>>,
}

#[derive(Default)]
struct Line {
    head: watch::Sender<Option<VerifiedManifest>>,
    /// The newest first.
    blobs: Vec<HashMap<Digest, Bytes>>,
}

impl Heads {
    /// The newest manifest of a namespace, from now on.
    pub(crate) fn follow(
        &self,
        namespace: &Namespace,
    ) -> watch::Receiver<Option<VerifiedManifest>> {
        self.lines().entry(namespace.clone()).or_default().head.subscribe()
    }

    /// The newest manifest of a namespace.
    pub(crate) fn newest(&self, namespace: &Namespace) -> Option<VerifiedManifest> {
        self.lines().get(namespace)?.head.borrow().clone()
    }

    /// Where each namespace stands of which something was published.
    pub(crate) fn positions(&self) -> BTreeMap<Namespace, (Position, Digest)> {
        let lines = self.lines();
        let position = |(namespace, line): (&Namespace, &Line)| {
            let head = line.head.borrow();
            let head = head.as_ref()?;
            Some((namespace.clone(), (head.position(), head.digest())))
        };
        lines.iter().filter_map(position).collect()
    }

    /// A blob that is in memory.
    pub(crate) fn blob(&self, namespace: &Namespace, digest: &Digest) -> Option<Bytes> {
        let lines = self.lines();
        lines.get(namespace)?.blobs.iter().find_map(|blobs| blobs.get(digest)).cloned()
    }

    /// Publishes a manifest with this content.
    pub(crate) fn set(&self, manifest: VerifiedManifest, content: &Content) {
        let blobs = content.blobs().map(|blob| (blob.digest, blob.bytes.clone())).collect();
        let mut lines = self.lines();
        let line = lines.entry(manifest.namespace().clone()).or_default();
        line.blobs.insert(0, blobs);
        line.blobs.truncate(IN_MEMORY);
        line.head.send_replace(Some(manifest));
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Namespace, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
