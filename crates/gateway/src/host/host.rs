//! The host's own task: compares desired state with what runs, and publishes generations.
//!
//! Identities change at once with each snapshot; plugins change when their supervisors say so.

use super::logs::{LoggedLine, RecentLines};
use super::private_dir::{HostError, prepare_parent};
use super::runner::Setup;
use super::settings::HostSettings;
use super::supervisor::{Supervisor, Update, Wish};
use super::view::{View, stopped_status};
use crate::generation::{CurrentGeneration, Mount, Target};
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginStatus;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

/// What is known of each plugin, by its number.
type Known = BTreeMap<PluginId, (PluginStatus, Arc<RecentLines>)>;

/// Starts the host on the current tokio runtime. It runs what the snapshots want until
/// [`HostHandle::shutdown`], or until the handle is dropped.
///
/// # Errors
/// [`HostError`] when the runtime folder cannot be used.
pub fn start(
    settings: HostSettings,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    current: Arc<CurrentGeneration>,
) -> Result<HostHandle, HostError> {
    prepare_parent(&settings.runtime_dir)?;
    let starts = Semaphore::new(settings.limits.concurrent_starts.max(1));
    let (stop, stopped) = watch::channel(false);
    let (applied, applied_seen) = watch::channel(0);
    let (known, known_seen) = watch::channel(Arc::default());
    let (updates_to, updates) = mpsc::channel(64);
    let host = Host {
        setup: Arc::new(Setup { settings, starts }),
        current,
        snapshot: Arc::default(),
        desired: BTreeMap::new(),
        refused: Vec::new(),
        supervised: BTreeMap::new(),
        tasks: JoinSet::new(),
        ids: HashMap::new(),
        updates_to,
        updates,
        known,
        applied,
    };
    tokio::spawn(host.run(snapshots, stopped));
    Ok(HostHandle { stop, applied: applied_seen, known: known_seen })
}

/// The running host. Dropping it lets the host stop all plugins in the background.
pub struct HostHandle {
    stop: watch::Sender<bool>,
    applied: watch::Receiver<Revision>,
    known: watch::Receiver<Arc<Known>>,
}

impl HostHandle {
    /// What each plugin is doing, by its number; also those that were removed and still drain.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        self.known.borrow().values().map(|(status, _)| status.clone()).collect()
    }

    /// What the latest process of a plugin printed last, oldest first.
    pub fn recent_output(&self, id: PluginId) -> Vec<LoggedLine> {
        let recent = self.known.borrow().get(&id).map(|(_, recent)| recent.clone());
        recent.map(|lines| lines.all()).unwrap_or_default()
    }

    /// The revision whose identities and routes lead requests by now.
    pub fn applied(&self) -> watch::Receiver<Revision> {
        self.applied.clone()
    }

    /// Stops all plugins at once, in order and within their deadlines. Open requests are not waited
    /// for. When it returns, no process of a plugin is left.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let mut applied = self.applied.clone();
        // The host drops its end last of all.
        while applied.changed().await.is_ok() {}
    }
}

/// One plugin in the host's care.
struct Supervised {
    wish: watch::Sender<Wish>,
    view: View,
}

impl Supervised {
    /// Wakes the supervisor only if the wish is another one.
    fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|wished| {
            let same = match (&*wished, &wish) {
                (Wish::Run(before), Wish::Run(now)) => Arc::ptr_eq(before, now),
                (Wish::Stop, Wish::Stop) | (Wish::Quit, Wish::Quit) => true,
                _ => false,
            };
            *wished = wish;
            !same
        });
    }
}

struct Host {
    setup: Arc<Setup>,
    current: Arc<CurrentGeneration>,
    snapshot: Arc<Snapshot>,
    /// What shall run: the snapshot's plugins without those that are refused.
    desired: BTreeMap<PluginId, Arc<PluginSpec>>,
    refused: Vec<PluginStatus>,
    supervised: BTreeMap<PluginId, Supervised>,
    tasks: JoinSet<()>,
    ids: HashMap<Id, PluginId>,
    updates_to: mpsc::Sender<Update>,
    updates: mpsc::Receiver<Update>,
    known: watch::Sender<Arc<Known>>,
    applied: watch::Sender<Revision>,
}

impl Host {
    async fn run(
        mut self,
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        mut stopped: watch::Receiver<bool>,
    ) {
        snapshots.mark_changed();
        let mut more = true;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                changed = snapshots.changed(), if more => match changed {
                    Ok(()) => {
                        let snapshot = snapshots.borrow_and_update().clone();
                        self.apply(snapshot);
                    }
                    // Desired state changes no more; what runs goes on.
                    Err(_) => more = false,
                },
                Some(update) = self.updates.recv() => self.note(update),
                Some(ended) = self.tasks.join_next_with_id() => self.note_end(&ended),
            }
        }
        self.shut_down().await;
    }

    /// Takes new desired state: identities and removed routes at once, processes in their time.
    fn apply(&mut self, snapshot: Arc<Snapshot>) {
        (self.desired, self.refused) = without_slug_conflicts(&snapshot);
        self.snapshot = snapshot;
        for (id, spec) in self.desired.clone() {
            match self.supervised.get(&id).filter(|s| !s.wish.is_closed()) {
                Some(supervised) => supervised.wish(Wish::Run(spec)),
                None => self.supervise(id, &spec),
            }
        }
        for (id, supervised) in &self.supervised {
            if !self.desired.contains_key(id) {
                supervised.wish(Wish::Stop);
            }
        }
        self.publish();
        self.applied.send_replace(self.snapshot.revision);
    }

    fn supervise(&mut self, id: PluginId, spec: &Arc<PluginSpec>) {
        let (wish, wishes) = watch::channel(Wish::Run(spec.clone()));
        let updates = self.updates_to.clone();
        let supervisor = Supervisor::new(self.setup.clone(), spec, wishes, updates);
        let task = self.tasks.spawn(supervisor.run()).id();
        self.ids.insert(task, id);
        self.supervised.insert(id, Supervised { wish, view: View::starting(spec) });
    }

    /// Takes what supervisors have to say, all of it before the next generation.
    fn note(&mut self, update: Update) {
        let mut published = Vec::new();
        let mut next = Some(update);
        while let Some(update) = next {
            if let Some(supervised) = self.supervised.get_mut(&update.id) {
                supervised.view = update.view;
            }
            published.push(update.published);
            next = self.updates.try_recv().ok();
        }
        let desired = &self.desired;
        self.supervised.retain(|id, s| !s.view.over || desired.contains_key(id));
        self.publish();
        for published in published {
            // A supervisor that does not wait for it has ended.
            let _ = published.send(());
        }
    }

    /// Supervisors end only when they are let go of. One that panicked took its processes along.
    fn note_end(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let (task, panicked) = match ended {
            Ok((task, ())) => (*task, false),
            Err(error) => (error.id(), true),
        };
        let Some(id) = self.ids.remove(&task).filter(|_| panicked) else {
            return;
        };
        if let Some(supervised) = self.supervised.get_mut(&id) {
            tracing::error!(plugin = supervised.view.spec.name, "internal error: supervisor ended");
            supervised.view = View::lost(&supervised.view.spec);
            self.publish();
        }
    }

    fn publish(&self) {
        self.current.publish(&self.snapshot, self.mounts());
        let supervised = self.supervised.iter();
        let mut known: Known = supervised
            .map(|(id, s)| (*id, (s.view.status.clone(), s.view.recent.clone())))
            .collect();
        known.extend(
            self.refused.iter().map(|status| (status.id, (status.clone(), Arc::default()))),
        );
        self.known.send_replace(Arc::new(known));
    }

    /// What is mounted now. While plugins change slugs, two can claim one: an instance that serves
    /// it as its wanted slug goes first, then one that still serves it, then the lower number.
    fn mounts(&self) -> Vec<Mount> {
        let mut claims: HashMap<Slug, ((bool, bool), Mount)> = HashMap::new();
        for (id, wanted) in &self.desired {
            let Some(mount) = self.supervised.get(id).and_then(|s| s.view.mount()) else {
                continue;
            };
            let serves = matches!(mount.target, Target::Ready(_));
            let rank = (serves, wanted.slug.as_ref() == Some(&mount.slug));
            match claims.get(&mount.slug) {
                Some((best, _)) if *best >= rank => {}
                _ => drop(claims.insert(mount.slug.clone(), (rank, mount))),
            }
        }
        claims.into_values().map(|(_, mount)| mount).collect()
    }

    /// Ends every plugin at once. Supervisors still show what happens until they are done.
    async fn shut_down(mut self) {
        for supervised in self.supervised.values() {
            supervised.wish(Wish::Quit);
        }
        self.desired.clear();
        let deadline = self.setup.settings.limits.stop();
        let ended = timeout(deadline, async {
            while !self.tasks.is_empty() {
                tokio::select! {
                    Some(update) = self.updates.recv() => self.note(update),
                    _ = self.tasks.join_next() => {}
                }
            }
        });
        if ended.await.is_err() {
            tracing::error!("some plugins did not end in time; their processes are killed");
            self.tasks.shutdown().await;
        }
    }
}

/// The plugins that can run, and the status of those that cannot: of two with one slug, the one
/// with the lower number keeps it.
fn without_slug_conflicts(
    snapshot: &Snapshot,
) -> (BTreeMap<PluginId, Arc<PluginSpec>>, Vec<PluginStatus>) {
    let mut owners: HashMap<&Slug, &PluginSpec> = HashMap::new();
    let mut desired = BTreeMap::new();
    let mut refused = Vec::new();
    for (id, spec) in snapshot.plugins.iter() {
        match spec.slug.as_ref().and_then(|slug| owners.get(slug)) {
            Some(owner) => {
                let reason = format!(
                    "slug '{}' belongs to plugin '{}' (number {}): give this plugin another slug",
                    spec.slug.as_ref().map_or("", Slug::as_str),
                    owner.name,
                    owner.id
                );
                refused.push(stopped_status(spec, reason));
            }
            None => {
                owners.extend(spec.slug.as_ref().map(|slug| (slug, &**spec)));
                desired.insert(*id, spec.clone());
            }
        }
    }
    (desired, refused)
}
