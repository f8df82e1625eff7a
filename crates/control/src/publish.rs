//! Publishing: every write to the store is followed by the next snapshot, in the same order.
//!
//! Write and publication are one turn, and turns are taken one after the other, so revisions never
//! go backwards. A snapshot is made from its predecessor and the one change; the store is read in
//! full only at the start and whenever the revision says that something else happened in between.
//! Knows neither HTTP nor what a change means.

use sidegate_model::actor::AuditContext;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_store::{SealedSpecs, Stamp, Store, StoreError, StoredHead, Written};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, OwnedMutexGuard, watch};
use tokio::time::Instant;

/// Pauses between attempts to read the store again after a change could not be followed.
const RELOAD_PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

/// How often it is looked for what other processes have stored, besides whenever there is a hint.
const FOLLOW: Duration = Duration::from_secs(1);

/// A change that is stored, with the revision that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published<T> {
    /// What the write gave back.
    pub value: T,
    /// The revision from which on the change is part of the desired state.
    pub revision: Revision,
}

/// What shall be, and how often a restored database was followed until then.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    /// What shall be.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Grows with each database that is not the one of before.
    pub(crate) restores: u64,
}

/// Writes to the store and publishes what came of it. Copies share one sequence of snapshots.
#[derive(Clone)]
pub struct Publisher {
    store: Store,
    sender: watch::Sender<Arc<Snapshot>>,
    /// The same without what is in a namespace but the global one.
    global: watch::Sender<Arc<Snapshot>>,
    turn: Arc<TurnLock>,
    /// Of what another process stores, only tokens and apps are published.
    callers_only: Arc<AtomicBool>,
    /// A database that was restored is followed, too, although its revision is a lower one.
    follows_restores: Arc<AtomicBool>,
    /// How often a restored database was followed.
    restores: Arc<AtomicU64>,
    /// How far what is stored has come, as it was last looked for.
    stored: watch::Sender<Option<StoredHead>>,
    /// The same, also where it has not moved, with when it was begun to look.
    looks: watch::Sender<Option<Look>>,
    /// Somebody else may have stored something.
    hint: Arc<Notify>,
}

#[expect(
    clippy::disallowed_types,
    reason = "a turn lasts until its write is published, over awaits"
)]
type TurnLock = tokio::sync::Mutex<Turn>;

/// How far what is stored had come at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// When it was begun to look: all that was stored before is in it.
    pub(crate) at: Instant,
    /// What was found.
    pub(crate) head: StoredHead,
    /// Restored databases that were followed until then.
    pub(crate) restores: u64,
}

/// The right to write and publish; held by one change at a time.
struct Turn {
    /// The published snapshot may lack something that is stored.
    is_behind: bool,
    /// Revisions that were published and that a database must still have which was not restored: the newest that was
    /// looked for, and the newest that was made here since.
    stamps: [Option<Stamp>; 2],
}

impl Publisher {
    /// Reads everything once and publishes it.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn start(store: Store) -> Result<Self, StoreError> {
        let snapshot = store.load_snapshot().await?;
        let (global, _) = watch::channel(Arc::new(snapshot.within(&[Namespace::global()], None)));
        let (sender, _) = watch::channel(Arc::new(snapshot));
        let turn = Arc::new(TurnLock::new(Turn { is_behind: false, stamps: [None; 2] }));
        Ok(Self {
            store,
            sender,
            global,
            turn,
            callers_only: Arc::default(),
            follows_restores: Arc::default(),
            restores: Arc::default(),
            stored: watch::Sender::default(),
            looks: watch::Sender::default(),
            hint: Arc::default(),
        })
    }

    /// Follows what a node gets that is in no namespace. The current snapshot is there at once.
    pub fn subscribe_global(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.global.subscribe()
    }

    /// Follows the desired state of all namespaces. The current snapshot is there at once.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.sender.subscribe()
    }

    /// What was published last.
    pub fn current(&self) -> Arc<Snapshot> {
        self.sender.borrow().clone()
    }

    /// Takes a turn: performs `write`, on whose behalf the audit log is told, then publishes what `apply` makes of the
    /// snapshot before.
    ///
    /// Once the turn has begun it runs to its end even if the caller goes away, so that nothing is
    /// stored without being published.
    ///
    /// # Errors
    /// Whatever `write` fails with; then nothing is published.
    pub async fn change<T, E, W, F, A>(
        &self,
        context: AuditContext,
        write: W,
        apply: A,
    ) -> Result<Published<T>, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        W: FnOnce(Store) -> F + Send + 'static,
        F: Future<Output = Result<Written<T>, E>> + Send,
        A: FnOnce(Snapshot, &T) -> Snapshot + Send + 'static,
    {
        let turn = self.turn.clone().lock_owned().await;
        let publisher = self.clone();
        let store = self.store.by(context);
        let write = move || write(store);
        let task = tokio::spawn(async move { publisher.take_turn(turn, write, apply).await });
        match task.await {
            Ok(outcome) => outcome,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down; the caller ends with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Takes a turn to read everything anew, and publishes it if it is newer; tells its revision.
    ///
    /// # Errors
    /// Fails when the store cannot be read; then nothing is published.
    pub async fn refresh(&self) -> Result<Revision, StoreError> {
        let mut turn = self.turn.clone().lock_owned().await;
        let snapshot = self.load().await?;
        let revision = snapshot.revision;
        self.publish(&mut turn, snapshot);
        Ok(revision)
    }

    /// The same where the secrets of plugins are needed as they are sealed: both are of one revision, and nothing that is
    /// written meanwhile comes between. `None` where the store has gone back, which [`Publisher::follow`] looks into.
    ///
    /// # Errors
    /// Fails when the store cannot be read; then nothing is published.
    pub(crate) async fn refresh_with_sealed(
        &self,
    ) -> Result<Option<(Desired, SealedSpecs)>, StoreError> {
        let mut turn = self.turn.clone().lock_owned().await;
        let (snapshot, specs) = self.store.load_snapshot_with_sealed().await?;
        snapshot.follow_token_uses(&self.sender.borrow().clone());
        let revision = snapshot.revision;
        self.publish(&mut turn, snapshot);
        let desired = self.desired(&mut self.sender.subscribe());
        if desired.snapshot.revision != revision {
            self.hint();
            return Ok(None);
        }
        Ok(Some((desired, specs)))
    }

    /// What was published last, with the number of restored databases that were followed until then; it counts as seen.
    pub(crate) fn desired(&self, published: &mut watch::Receiver<Arc<Snapshot>>) -> Desired {
        let seen = published.borrow_and_update();
        // Nobody publishes while it is borrowed.
        Desired { snapshot: seen.clone(), restores: self.restores.load(Ordering::Acquire) }
    }

    /// Publishes what other processes store, soon after they did. Never returns.
    ///
    /// It runs all the time, for nobody can say that there is no other process: at a takeover both write,
    /// and a database may lie elsewhere than in the folder whose lock the server holds. The price is one
    /// row that is read each second, for which a change here may have to wait.
    pub async fn follow(self) {
        let mut is_failing = false;
        loop {
            // A hint that comes meanwhile is kept.
            let _ = tokio::time::timeout(FOLLOW, self.hint.notified()).await;
            let followed = self.catch_up_with_others().await;
            if let Err(error) = &followed
                && !is_failing
            {
                tracing::warn!(%error, "what others store is not followed: the store cannot be read");
            }
            if is_failing && followed.is_ok() {
                tracing::info!("the store can be read again");
            }
            is_failing = followed.is_err();
        }
    }

    /// Lets [`Publisher::follow`] look at once: another process may have stored something.
    pub fn hint(&self) {
        self.hint.notify_one();
    }

    /// How far what is stored has come, as [`Publisher::follow`] finds out; nothing before it looked.
    pub fn stored(&self) -> watch::Receiver<Option<StoredHead>> {
        self.stored.subscribe()
    }

    /// Each look at what is stored that succeeded; none while nobody can look.
    pub(crate) fn looks(&self) -> watch::Receiver<Option<Look>> {
        self.looks.subscribe()
    }

    /// Lets [`Publisher::follow`] publish a database that was restored: its revision may be a lower one than before.
    pub fn follow_restores(&self) {
        self.follows_restores.store(true, Ordering::Release);
    }

    /// Whether [`Publisher::follow`] publishes tokens and apps only.
    pub fn follow_callers_only(&self, only: bool) {
        self.callers_only.store(only, Ordering::Release);
    }

    /// Whether another process runs the plugins.
    pub fn follows_callers_only(&self) -> bool {
        self.callers_only.load(Ordering::Acquire)
    }

    async fn catch_up_with_others(&self) -> Result<(), StoreError> {
        // Our own changes are published within their turn.
        let mut turn = self.turn.clone().lock_owned().await;
        let current = self.sender.borrow().clone();
        let at = Instant::now();
        let head = self.store.stored_head().await?;
        let is_restored = self.follows_restores.load(Ordering::Acquire)
            && (head.revision < current.revision || self.is_another(&turn, &head).await?);
        if head.revision > current.revision || is_restored {
            self.take_over(&mut turn, &current, is_restored).await?;
        }
        turn.stamps = [head.stamp, None];
        self.stored.send_if_modified(|known| known.replace(head) != Some(head));
        // What was published before a restore is not what is stored now.
        if !is_restored {
            // None is followed while the turn lasts.
            let restores = self.restores.load(Ordering::Acquire);
            self.looks.send_replace(Some(Look { at, head, restores }));
        }
        Ok(())
    }

    /// Whether the database has another revision where it had one that was published: it was restored, and has come as
    /// far again, or further. What is no longer written down tells nothing.
    async fn is_another(&self, turn: &Turn, head: &StoredHead) -> Result<bool, StoreError> {
        for known in turn.stamps.into_iter().flatten() {
            let stored = match head.stamp {
                Some(newest) if newest.revision == known.revision => Some(newest),
                _ => self.store.stamp(known.revision).await?,
            };
            if stored.is_some_and(|stored| stored != known) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn take_over(
        &self,
        turn: &mut Turn,
        current: &Snapshot,
        is_restored: bool,
    ) -> Result<(), StoreError> {
        let stored = self.load().await?;
        let next = if self.follows_callers_only() {
            let (plugins, registered) = (current.plugins.clone(), current.registered.clone());
            let elsewhere = current.elsewhere.clone();
            Snapshot { plugins, registered, elsewhere, ..stored }
        } else {
            stored
        };
        if is_restored {
            let (before, now) = (current.revision, next.revision);
            tracing::warn!(
                before,
                now,
                "the database is not the one of before: it was restored, most likely"
            );
            let seen = next.within(&[Namespace::global()], None);
            self.sender.send_modify(|published| {
                self.restores.fetch_add(1, Ordering::AcqRel);
                *published = Arc::new(next);
            });
            self.global.send_replace(Arc::new(seen));
            turn.is_behind = false;
            return Ok(());
        }
        self.publish(turn, next);
        Ok(())
    }

    async fn take_turn<T, E, W, F, A>(
        &self,
        mut turn: OwnedMutexGuard<Turn>,
        write: W,
        apply: A,
    ) -> Result<Published<T>, E>
    where
        W: FnOnce() -> F,
        F: Future<Output = Result<Written<T>, E>>,
        A: FnOnce(Snapshot, &T) -> Snapshot,
    {
        let was_behind = std::mem::replace(&mut turn.is_behind, true);
        let outcome = write().await;
        let current = self.sender.borrow().clone();
        if let Some(stamp) = outcome.as_ref().ok().and_then(|written| written.stamp) {
            turn.stamps[1] = Some(stamp);
        }
        match &outcome {
            Ok(written) if !was_behind && written.revision == current.revision => {
                turn.is_behind = false;
            }
            Ok(written) if !was_behind && written.revision == current.revision + 1 => {
                let next = apply(Snapshot::clone(&current), &written.value).at(written.revision);
                self.publish(&mut turn, next);
            }
            Ok(_) => self.catch_up(&mut turn).await,
            // A write can fail to answer and yet have happened; only the store knows.
            Err(_) => match self.store.revision().await {
                Ok(revision) if !was_behind && revision == current.revision => {
                    turn.is_behind = false;
                }
                _ => self.catch_up(&mut turn).await,
            },
        }
        outcome.map(|written| Published { value: written.value, revision: written.revision })
    }

    async fn catch_up(&self, turn: &mut Turn) {
        let mut pauses = RELOAD_PAUSES.into_iter();
        loop {
            match self.load().await {
                Ok(snapshot) => return self.publish(turn, snapshot),
                Err(error) => {
                    let Some(pause) = pauses.next() else {
                        tracing::error!(%error, "stored changes are not live: the store cannot be read; the next change tries again");
                        return;
                    };
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Reads everything. What is not stored yet of the tokens' use is taken over.
    async fn load(&self) -> Result<Snapshot, StoreError> {
        let snapshot = self.store.load_snapshot().await?;
        let before = self.sender.borrow().clone();
        snapshot.follow_token_uses(&before);
        Ok(snapshot)
    }

    fn publish(&self, turn: &mut Turn, next: Snapshot) {
        let current = self.sender.borrow().clone();
        if next.revision > current.revision {
            let seen = self.global.borrow().clone();
            let seen = next.within(&[Namespace::global()], Some((&current, &seen)));
            self.sender.send_replace(Arc::new(next));
            self.global.send_replace(Arc::new(seen));
        }
        turn.is_behind = false;
    }
}
