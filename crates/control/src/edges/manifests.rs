//! From desired state to what edges get: blobs and a signed manifest for each namespace, stored before anybody hears
//! of them. All processes of a control plane publish the same: what was stored first at a position counts.
//!
//! Knows no edge.

use super::heads::Heads;
use super::partition::Partition;
use super::signers::{PublishError, Signers};
use crate::publish::Desired;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Snapshot;
use sidegate_store::{PublishedBlob, PublishedManifest, SealedSpecs, Store};
use sidegate_sync::{Content, Digest, Manifest, Position, Publication, VerifiedManifest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who a namespace is from in which nobody ever changed anything.
const NOBODY: &str = "system";

/// Publishes what the store has.
pub(crate) struct Manifests {
    store: Store,
    signers: Arc<Signers>,
    heads: Heads,
    partition: Partition,
    contents: BTreeMap<Namespace, Content>,
    /// Blobs that are known to be stored: no sweep takes those of the manifests that are published now.
    stored: BTreeMap<Namespace, BTreeSet<Digest>>,
    /// The lineage that is published.
    lineage: u64,
    /// The revision up to which everything is published.
    published: u64,
    /// Restored databases that were followed until then.
    restores: u64,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Round {
    /// Manifests that this process made.
    pub(crate) made: usize,
    /// Blobs that this process stored.
    pub(crate) blobs: usize,
    /// Manifests of other processes that are published here, too.
    pub(crate) adopted: usize,
    /// The database has gone back: the lineage was raised.
    pub(crate) restored: bool,
}

/// What came of all namespaces.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) round: Round,
    /// Those that could not be published, and why; all others are.
    pub(crate) failed: BTreeMap<Namespace, PublishError>,
}

impl Manifests {
    /// Nothing is published yet.
    pub(crate) fn new(store: Store, signers: Arc<Signers>, heads: Heads) -> Self {
        Self {
            store,
            signers,
            heads,
            partition: Partition::default(),
            contents: BTreeMap::new(),
            stored: BTreeMap::new(),
            lineage: 0,
            published: 0,
            restores: 0,
        }
    }

    /// Publishes this desired state where it is another one than before. What fails is to be tried again.
    ///
    /// # Errors
    /// Why nothing more of it is published; what is wrong with single namespaces is told with what came of it.
    pub(crate) async fn publish(
        &mut self,
        desired: &Desired,
        namespaces: &BTreeSet<Namespace>,
        specs: Option<SealedSpecs>,
    ) -> Result<Outcome, PublishError> {
        let mut round = Round::default();
        let whole = &*desired.snapshot;
        if whole.revision < self.published || desired.restores > self.restores {
            // Whatever it was before: edges have seen what is not there now.
            let seen = self.lineage;
            self.store.raise_lineage(seen + 1, "the database was restored").await?;
            self.forget_stored(&mut round);
        }
        self.published = whole.revision;
        self.restores = desired.restores;
        self.lineage = self.lineage.max(self.store.lineage().await?);
        self.partition = self.partition.followed_by(whole, specs, namespaces);
        let parts: Vec<_> =
            self.partition.parts().map(|(n, part)| (n.clone(), part.clone())).collect();
        let mut failed = BTreeMap::new();
        for (namespace, part) in parts {
            match self.publish_part(&namespace, &part, &mut round).await {
                Ok(()) => {}
                // One that is too large, or damaged, keeps nobody else from what is theirs.
                Err(error @ (PublishError::Content(..) | PublishError::Stored(..))) => {
                    failed.insert(namespace, error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome { round, failed })
    }

    /// Whether the sealed specs are needed to publish this.
    pub(crate) fn needs_specs(&self, whole: &Snapshot) -> bool {
        !self.partition.has_same_plugins(whole)
    }

    async fn publish_part(
        &mut self,
        namespace: &Namespace,
        part: &Snapshot,
        round: &mut Round,
    ) -> Result<(), PublishError> {
        let refused = |e: String| PublishError::Content(namespace.clone(), e);
        let before = self.contents.remove(namespace).unwrap_or_default();
        let content = before.followed_by(part);
        // Kept where it fails, so that the next round has it.
        let content = match content {
            Ok(content) => content,
            Err(error) => {
                self.contents.insert(namespace.clone(), before);
                return Err(refused(error.to_string()));
            }
        };
        let outcome = self.publish_content(namespace, (&content, part.revision), round).await;
        self.contents.insert(namespace.clone(), content);
        outcome
    }

    async fn publish_content(
        &mut self,
        namespace: &Namespace,
        (content, revision): (&Content, u64),
        round: &mut Round,
    ) -> Result<(), PublishError> {
        let refused = |e: String| PublishError::Content(namespace.clone(), e);
        let known = self.heads.newest(namespace);
        let unsigned = |position, parent| Publication {
            namespace: namespace.clone(),
            position,
            parent,
            author: NOBODY.to_owned(),
            at: 0,
        };
        let draft = unsigned(Position { lineage: self.lineage, revision: 0 }, None);
        let draft = Manifest::new(draft, content.blobs()).map_err(|e| refused(e.to_string()))?;
        let is_it = |head: &VerifiedManifest| {
            head.position().lineage == self.lineage && head.content_id() == draft.content_id()
        };
        if known.as_ref().is_some_and(is_it) {
            return Ok(());
        }
        let newest = self.newest(namespace).await?;
        if self.has_gone_back(known.as_ref(), newest.as_ref()) {
            let next = self.lineage + 1;
            self.lineage = self.store.raise_lineage(next, "the database was restored").await?;
            self.forget_stored(round);
        } else if let Some(newest) = newest.as_ref().filter(|newest| is_it(newest)) {
            round.adopted += 1;
            self.are_stored(namespace, content);
            self.heads.set(newest.clone(), content);
            return Ok(());
        }
        let made = self.store.last_change(namespace, revision).await?;
        let mut position = Position { lineage: self.lineage, revision: made.revision };
        if newest.as_ref().is_some_and(|newest| newest.position() >= position) {
            // Content that changed without a change of its own, such as secrets that were sealed anew.
            position.revision = revision;
        }
        if let Some(newest) = newest.as_ref().filter(|newest| newest.position() >= position) {
            // Another process is ahead, or of another version: what it published counts here, too.
            self.adopt(newest.clone(), round);
            return Ok(());
        }
        let parent = newest.map(|newest| newest.digest());
        let publication =
            Publication { author: made.author, at: made.at, ..unsigned(position, parent) };
        let manifest = Manifest::new(publication, content.blobs());
        let manifest = self.signers.sign(manifest.map_err(|e| refused(e.to_string()))?);
        round.blobs += self.store_blobs(namespace, content).await?;
        let counts = self.store_manifest(&manifest).await?;
        if counts.content_id() == manifest.content_id() {
            round.made += usize::from(counts == manifest);
            round.adopted += usize::from(counts != manifest);
            self.are_stored(namespace, content);
            self.heads.set(counts, content);
        } else {
            self.adopt(counts, round);
        }
        Ok(())
    }

    /// Serves what another process published; its blobs are in the store.
    fn adopt(&self, counts: VerifiedManifest, round: &mut Round) {
        if self.heads.newest(counts.namespace()).as_ref() != Some(&counts) {
            round.adopted += 1;
            self.heads.set(counts, &Content::default());
        }
    }

    /// What edges got is no longer there, or is another one there.
    fn has_gone_back(
        &self,
        known: Option<&VerifiedManifest>,
        newest: Option<&VerifiedManifest>,
    ) -> bool {
        let Some(known) = known.filter(|known| known.position().lineage == self.lineage) else {
            return false;
        };
        newest.is_none_or(|newest| {
            let (before, after) = (known.position(), newest.position());
            after < before || (after == before && known.digest() != newest.digest())
        })
    }

    async fn newest(
        &self,
        namespace: &Namespace,
    ) -> Result<Option<VerifiedManifest>, PublishError> {
        let stored = self.store.newest_manifest(namespace).await?;
        stored.map(|stored| self.signers.verify(stored)).transpose()
    }

    /// Blobs come first: who hears of a manifest finds them.
    async fn store_blobs(
        &self,
        namespace: &Namespace,
        content: &Content,
    ) -> Result<usize, PublishError> {
        let known = self.stored.get(namespace);
        let is_new = |digest: &Digest| known.is_none_or(|known| !known.contains(digest));
        let rows = content.blobs().filter(|blob| is_new(&blob.digest)).map(|blob| PublishedBlob {
            digest: *blob.digest.as_bytes(),
            bytes: blob.bytes.to_vec(),
        });
        let rows: Vec<_> = rows.collect();
        self.store.publish_blobs(&rows).await?;
        Ok(rows.len())
    }

    fn are_stored(&mut self, namespace: &Namespace, content: &Content) {
        let digests = content.blobs().map(|blob| blob.digest).collect();
        self.stored.insert(namespace.clone(), digests);
    }

    /// Of a database that was restored nobody knows what it has.
    fn forget_stored(&mut self, round: &mut Round) {
        self.stored.clear();
        round.restored = true;
    }

    async fn store_manifest(
        &self,
        manifest: &VerifiedManifest,
    ) -> Result<VerifiedManifest, PublishError> {
        let signed = manifest.to_message();
        let position = manifest.position();
        let stored = PublishedManifest {
            namespace: manifest.namespace().clone(),
            lineage: position.lineage,
            revision: position.revision,
            manifest: signed.manifest.to_vec(),
            signature: signed.signature.to_vec(),
        };
        self.signers.verify(self.store.publish_manifest(&stored).await?)
    }
}
