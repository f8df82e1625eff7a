//! The one who publishes for edges whenever desired state changes, edges come, or the lineage is raised, and who tries
//! again until it is done.

use super::manifests::{Manifests, Outcome, Round};
use super::signers::PublishError;
use super::table::EdgeTable;
use super::trust::TrustLines;
use crate::publish::{Desired, Look, Publisher};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_store::{SealedSpecs, Store, StoreError, StoredHead};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// The first pause after something failed, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
    /// Whether everything was looked at once, and published where that was possible.
    pub(crate) begun: watch::Sender<bool>,
    /// What is published for edges, as long as it is.
    pub(crate) done: watch::Sender<Option<Done>>,
}

/// As what was stored at this point, and maybe later, is published for edges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) revision: Revision,
    pub(crate) lineage: u64,
    pub(crate) fleet_changes: u64,
    /// Restored databases that were followed until then.
    pub(crate) restores: u64,
    /// Namespaces of which it is not.
    pub(crate) failed: BTreeSet<Namespace>,
}

impl Done {
    /// Whether what was found in the database is published.
    fn has(&self, look: Look) -> bool {
        let head = look.head;
        // Numbers of one database say nothing of another one.
        self.restores == look.restores
            && self.revision >= head.revision
            && self.lineage >= head.lineage
            && self.fleet_changes >= head.fleet_changes
    }

    /// Whether edges of a namespace get all that is theirs: they get the global one, too.
    fn is_whole_for(&self, namespace: &Namespace) -> bool {
        !self.failed.contains(namespace) && !self.failed.contains(&Namespace::global())
    }
}

/// For each namespace that edges ask for, when the database was last looked at of which everything is published that
/// they get. Copies are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looked(Arc<Mutex<BTreeMap<Namespace, watch::Sender<Option<Moment>>>>>);

type Moment = tokio::time::Instant;

impl Looked {
    /// For edges of one namespace, from now on.
    pub(crate) fn follow(&self, namespace: &Namespace) -> watch::Receiver<Option<Moment>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(namespace.clone()).or_default().subscribe()
    }

    fn tell(&self, at: Moment, done: &Done) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, line) in lines.iter().filter(|(namespace, _)| done.is_whole_for(namespace)) {
            line.send_if_modified(|known| {
                let is_news = known.is_none_or(|known| known < at);
                if is_news {
                    *known = Some(at);
                }
                is_news
            });
        }
    }
}

/// Tells when the database was last looked at of which everything is published, until it is dropped. A process that
/// cannot look, or cannot publish, tells nothing: edges of it are not to think that they have the newest.
pub(crate) async fn keep_looked(
    mut looks: watch::Receiver<Option<Look>>,
    mut done: watch::Receiver<Option<Done>>,
    looked: Looked,
) {
    // One look waits until it is published; those that come meanwhile do not put it off.
    let mut waiting: Option<Look> = None;
    loop {
        let now_done = done.borrow_and_update().clone();
        let newest = *looks.borrow_and_update();
        // What was seen of a database that was replaced is never published.
        let is_same = |look: &Look| newest.is_none_or(|newest| newest.restores == look.restores);
        waiting = waiting.filter(is_same).or(newest);
        for look in [waiting, newest].into_iter().flatten() {
            if let Some(done) = now_done.as_ref().filter(|done| done.has(look)) {
                looked.tell(look.at, done);
                waiting = waiting.filter(|waiting| waiting.at > look.at);
            }
        }
        tokio::select! {
            changed = looks.changed() => if changed.is_err() { return },
            changed = done.changed() => if changed.is_err() { return },
        }
    }
}

/// What is counted of publishing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<Counted>>);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) manifests_made: u64,
    pub(crate) blobs_stored: u64,
    pub(crate) restores: u64,
    pub(crate) failures: u64,
}

impl Counts {
    pub(crate) fn now(&self) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What a round published.
pub(crate) struct Whole {
    revision: Revision,
    restores: u64,
    /// Namespaces of which it is not published, and why.
    failed: BTreeMap<Namespace, PublishError>,
}

impl Whole {
    fn done(&self, head: StoredHead) -> Done {
        Done {
            revision: self.revision,
            lineage: head.lineage,
            fleet_changes: head.fleet_changes,
            restores: self.restores,
            failed: self.failed.keys().cloned().collect(),
        }
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
            let head = *stored.borrow_and_update();
            let outcome = self.round(self.publisher.desired(&mut desired)).await;
            let whole = outcome.as_ref().ok().and_then(Option::as_ref);
            self.done.send_replace(whole.zip(head).map(|(whole, head)| whole.done(head)));
            let (problem, is_partial) = match outcome {
                Ok(Some(whole)) => (whole.failed.into_values().next(), true),
                // What comes at once instead may be there already.
                Ok(None) => {
                    let _ = timeout(FIRST_PAUSE, wait(&mut desired, &mut stored, head)).await;
                    continue;
                }
                Err(error) => (Some(error), false),
            };
            let Some(error) = problem else {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("edges are published for again");
                }
                pause = FIRST_PAUSE;
                if wait(&mut desired, &mut stored, head).await.is_none() {
                    return;
                }
                continue;
            };
            self.counts.add(|counts| counts.failures += 1);
            if !std::mem::replace(&mut is_failing, true) {
                tracing::warn!(%error, "not everything is published for edges; it is tried again");
            }
            if is_partial {
                // Whoever is not concerned gets what changes as soon as ever.
                let _ = timeout(pause, wait(&mut desired, &mut stored, head)).await;
            } else {
                tokio::time::sleep(pause).await;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Publishes what is not published; `None` where something else comes at once.
    pub(crate) async fn round(&mut self, desired: Desired) -> Result<Option<Whole>, PublishError> {
        let began = Instant::now();
        self.table.set_known(self.store.all_edges().await?);
        let mut namespaces = self.known_namespaces().await?;
        namespaces.extend(self.table.namespaces());
        // What edges need comes before heads that need it.
        // Looked for now: a change of ours is here before its head was.
        let stored = self.store.stored_head().await?;
        self.trust.refresh(&namespaces, stored).await?;
        let Some((desired, specs)) = self.with_specs(desired).await? else { return Ok(None) };
        let outcome = self.manifests.publish(&desired, &namespaces, specs).await;
        let whole = &desired.snapshot;
        let round = outcome.as_ref().map_or_else(|_| Round::default(), |outcome| outcome.round);
        self.counts.add(|counts| {
            counts.manifests_made += round.made as u64;
            counts.blobs_stored += round.blobs as u64;
            counts.restores += u64::from(round.restored);
        });
        if round.restored {
            self.table.write_all_again();
            tracing::warn!(
                "the database was restored: the lineage is raised, so that edges follow it"
            );
        }
        if round != Round::default() {
            let (revision, took) = (whole.revision, began.elapsed());
            let Round { made, blobs, adopted, .. } = round;
            tracing::debug!(revision, made, blobs, adopted, ?took, "published for edges");
        }
        let Outcome { failed, .. } = outcome?;
        if failed.is_empty() {
            self.published.send_if_modified(|published| {
                std::mem::replace(published, whole.revision) != whole.revision
            });
        }
        self.begun.send_replace(true);
        Ok(Some(Whole { revision: whole.revision, restores: desired.restores, failed }))
    }

    /// The sealed specs of exactly this desired state, or of the one that came after it, where they are needed. However
    /// much is written meanwhile, the second attempt has both of one revision. `None` where something else comes at once.
    async fn with_specs(
        &self,
        desired: Desired,
    ) -> Result<Option<(Desired, Option<SealedSpecs>)>, StoreError> {
        if !self.manifests.needs_specs(&desired.snapshot) {
            return Ok(Some((desired, None)));
        }
        let (revision, specs) = self.store.sealed_specs().await?;
        if revision == desired.snapshot.revision {
            return Ok(Some((desired, Some(specs))));
        }
        let read = self.publisher.refresh_with_sealed().await?;
        Ok(read.map(|(desired, specs)| (desired, Some(specs))))
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
