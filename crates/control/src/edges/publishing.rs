//! The one who publishes for edges whenever desired state changes, edges come, or the lineage is raised, and who tries
//! again until it is done.

use super::manifests::{Manifests, Round};
use super::partition::SealedSpecs;
use super::signers::PublishError;
use super::table::EdgeTable;
use super::trust::TrustLines;
use crate::publish::Publisher;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_store::{Store, StoreError, StoredHead};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The first pause after something failed, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often desired state may move on while it is read.
const ATTEMPTS: usize = 5;

/// What publishing works with.
pub(crate) struct Publishing {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) table: EdgeTable,
    pub(crate) trust: TrustLines,
    pub(crate) manifests: Manifests,
    pub(crate) counts: Counts,
    /// The revision up to which everything is published.
    pub(crate) published: watch::Sender<Revision>,
}

/// What is counted of publishing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<std::sync::Mutex<Counted>>);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) manifests_made: u64,
    pub(crate) blobs_stored: u64,
    pub(crate) restores: u64,
    pub(crate) failures: u64,
}

impl Counts {
    pub(crate) fn now(&self) -> Counted {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn add(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Publishing {
    /// Publishes until it is dropped.
    pub(crate) async fn keep_published(mut self) {
        let mut desired = self.publisher.subscribe();
        let mut stored = self.publisher.stored();
        desired.mark_changed();
        let mut pause = FIRST_PAUSE;
        let mut is_failing = false;
        loop {
            let (whole, head) = (desired.borrow_and_update().clone(), *stored.borrow_and_update());
            let outcome = self.round(&whole).await;
            match outcome {
                Ok(()) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("edges are published for again");
                    }
                    pause = FIRST_PAUSE;
                    if wait(&mut desired, &mut stored, head).await.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    self.counts.add(|counts| counts.failures += 1);
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "not everything is published for edges; it is tried again");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn round(&mut self, whole: &Arc<Snapshot>) -> Result<(), PublishError> {
        let began = Instant::now();
        self.table.set_known(self.store.all_edges().await?);
        let mut namespaces = self.known_namespaces().await?;
        namespaces.extend(self.table.namespaces());
        // What edges need comes before heads that need it.
        // Looked for now: a change of ours is here before its head was.
        let stored = self.store.stored_head().await?;
        self.trust.refresh(&namespaces, stored).await?;
        let Some((whole, specs)) = self.with_specs(whole.clone()).await? else { return Ok(()) };
        let outcome = self.manifests.publish(&whole, &namespaces, specs).await;
        let round = *outcome.as_ref().unwrap_or(&Round::default());
        self.counts.add(|counts| {
            counts.manifests_made += round.made as u64;
            counts.blobs_stored += round.blobs as u64;
            counts.restores += u64::from(round.restored);
        });
        if round.restored {
            tracing::warn!(
                "the database was restored: the lineage is raised, so that edges follow it"
            );
        }
        if round != Round::default() {
            let (revision, took) = (whole.revision, began.elapsed());
            let Round { made, blobs, adopted, .. } = round;
            tracing::debug!(revision, made, blobs, adopted, ?took, "published for edges");
        }
        outcome?;
        self.published.send_if_modified(|published| {
            std::mem::replace(published, whole.revision) != whole.revision
        });
        Ok(())
    }

    /// The sealed specs of exactly this desired state, or of the one that came after it, where they are needed.
    /// `None` where it moved on again and again: what came last is published next.
    async fn with_specs(
        &self,
        mut whole: Arc<Snapshot>,
    ) -> Result<Option<(Arc<Snapshot>, Option<SealedSpecs>)>, StoreError> {
        for _ in 0..ATTEMPTS {
            if !self.manifests.needs_specs(&whole) {
                return Ok(Some((whole, None)));
            }
            let ids: Vec<_> = whole.plugins.keys().copied().collect();
            let specs = self.store.sealed_specs(&ids).await?;
            // It only grows: nothing came between.
            if self.store.revision().await? == whole.revision {
                let specs = specs.into_iter().map(|spec| (spec.id, Arc::new(spec)));
                return Ok(Some((whole, Some(specs.collect()))));
            }
            self.publisher.refresh().await?;
            whole = self.publisher.current();
        }
        Ok(None)
    }

    async fn known_namespaces(&self) -> Result<BTreeSet<Namespace>, StoreError> {
        let mut namespaces = self.store.published_namespaces().await?;
        let known = self.store.list_namespaces().await?;
        namespaces.extend(known.into_iter().map(|namespace| namespace.name));
        namespaces.insert(Namespace::global());
        Ok(namespaces)
    }
}

/// Waits for what matters to edges and was not so at `head`; `None` when nobody publishes any more.
async fn wait(
    desired: &mut watch::Receiver<Arc<Snapshot>>,
    stored: &mut watch::Receiver<Option<StoredHead>>,
    head: Option<StoredHead>,
) -> Option<()> {
    let matters = |head: &Option<StoredHead>| head.map(|head| (head.lineage, head.fleet_changes));
    let known = matters(&head);
    tokio::select! {
        changed = desired.changed() => changed.ok(),
        changed = stored.wait_for(|head| matters(head) != known) => changed.ok().map(drop),
    }
}
