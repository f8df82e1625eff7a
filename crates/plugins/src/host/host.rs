//! The host's own task: compares desired state with what runs, and publishes generations.
//!
//! Identities change at once with each snapshot; plugins change when their supervisors say so.

use super::assignment::Setup;
use super::claims::Claims;
use super::desired_plugins::DesiredPlugins;
use super::handle::HostHandle;
use super::kept_records::load;
use super::known::{Keeper, Known};
use super::publisher::{self, GenerationPublisher};
use super::recorder::PluginRecorder;
use super::run_dir::{HostError, RunDir};
use super::settings::{CallerFacts, HostSettings};
use super::supervisor::{DesiredRun, Supervisor, Update};
use super::view::{View, with_policy_of};
use crate::generation::{Mount, Target};
use crate::services::HostServices;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::policy::PolicyOptions;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginStatus;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How many plugins that do not run any more keep their records.
const KEPT_RECORDERS: usize = 32;

/// Starts the host on the current tokio runtime. It runs what the snapshots want for whoever `calls`, and
/// offers `services` to what it runs, until
/// [`HostHandle::shutdown`], or until the handle is dropped.
///
/// # Errors
/// [`HostError`] when the runtime folder cannot be used.
pub fn start(
    settings: HostSettings,
    calls: CallerFacts,
    services: HostServices,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) -> Result<HostHandle, HostError> {
    let run_dir = RunDir::take(&settings.runtime_dirs)?;
    let (containment, meaning) = match settings.launcher {
        Some(_) => ("descendants", "whatever a plugin started ends with it"),
        None => ("group", "only the process group of a plugin ends with it"),
    };
    tracing::info!(containment, "{meaning}");
    let starts = Semaphore::new(settings.limits.concurrent_starts.max(1));
    let (stop, stopped) = watch::channel(false);
    let (closing, asked) = (CancellationToken::new(), services.clone());
    let (applied, applied_seen) = watch::channel(0);
    let (known, known_seen) = watch::channel(Arc::default());
    let (updates_to, updates) = mpsc::channel(64);
    let (generations, reader) = publisher::empty();
    let host = Host {
        setup: Arc::new(Setup {
            settings,
            calls,
            run_dir,
            services,
            starts,
            attended: AtomicBool::new(false),
            closing: closing.clone(),
        }),
        generations,
        snapshot: Arc::default(),
        desired: BTreeMap::new(),
        refused: Vec::new(),
        supervised: BTreeMap::new(),
        recorders: BTreeMap::new(),
        tasks: JoinSet::new(),
        ids: HashMap::new(),
        updates_to,
        updates,
        known,
        applied,
    };
    let keeps = Arc::new(AtomicBool::new(true));
    let records_dir = host.setup.settings.records_dir.clone();
    let keeper = records_dir.map(|folder| Keeper::new(folder, keeps.clone()));
    let (known, kept) = (known_seen.clone(), keeper.clone());
    tokio::spawn(async move {
        let mut keeping = JoinSet::new();
        if let Some(keeper) = keeper.clone() {
            keeping.spawn(keeper.keep(known.clone()));
        }
        let applied = host.run(snapshots, stopped).await;
        keeping.shutdown().await;
        if let Some(keeper) = keeper {
            keeper.save_at_last(&known).await;
        }
        // Whoever waits for the end of the host waits for this.
        drop(applied);
    });
    let (services, generations, keeper) = (asked, reader, kept);
    let (applied, known) = (applied_seen, known_seen);
    Ok(HostHandle { stop, closing, services, generations, applied, known, keeps, keeper })
}

/// One plugin in the host's care.
struct Supervised {
    wish: watch::Sender<DesiredRun>,
    view: View,
}

impl Supervised {
    /// Wakes the supervisor only if the wish is another one.
    fn wish(&self, wish: DesiredRun) {
        self.wish.send_if_modified(|wished| {
            let same = match (&*wished, &wish) {
                (DesiredRun::Run(before), DesiredRun::Run(now)) => Arc::ptr_eq(before, now),
                (DesiredRun::Stop, DesiredRun::Stop) | (DesiredRun::Quit, DesiredRun::Quit) => true,
                _ => false,
            };
            *wished = wish;
            !same
        });
    }
}

struct Host {
    setup: Arc<Setup>,
    generations: GenerationPublisher,
    snapshot: Arc<Snapshot>,
    /// What shall run: the snapshot's plugins without those that are refused.
    desired: BTreeMap<PluginId, Arc<PluginSpec>>,
    refused: Vec<PluginStatus>,
    supervised: BTreeMap<PluginId, Supervised>,
    recorders: BTreeMap<PluginId, Arc<PluginRecorder>>,
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
    ) -> watch::Sender<Revision> {
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
        self.shut_down().await
    }

    /// Takes new desired state: identities and removed routes at once, processes in their time.
    fn apply(&mut self, snapshot: Arc<Snapshot>) {
        DesiredPlugins { runnable: self.desired, refused: self.refused } =
            DesiredPlugins::without_slug_conflicts(&snapshot);
        self.snapshot = snapshot;
        for (id, spec) in self.desired.clone() {
            match self.supervised.get(&id).filter(|s| !s.wish.is_closed()) {
                Some(supervised) => supervised.wish(DesiredRun::Run(spec)),
                None => self.supervise(id, &spec),
            }
        }
        for (id, supervised) in &self.supervised {
            if !self.desired.contains_key(id) {
                supervised.wish(DesiredRun::Stop);
            }
        }
        self.setup.attended.store(true, Ordering::Relaxed);
        self.publish();
        self.applied.send_replace(self.snapshot.revision);
    }

    fn supervise(&mut self, id: PluginId, spec: &Arc<PluginSpec>) {
        let (wish, wishes) = watch::channel(DesiredRun::Run(spec.clone()));
        let updates = self.updates_to.clone();
        let supervisor =
            Supervisor::new(self.setup.clone(), spec, wishes, updates, self.recorder(spec));
        let task = self.tasks.spawn(supervisor.run()).id();
        self.ids.insert(task, id);
        self.supervised.insert(id, Supervised { wish, view: View::starting(spec) });
    }

    /// The records of a plugin go on where they ended when it is enabled again.
    fn recorder(&mut self, spec: &PluginSpec) -> Arc<PluginRecorder> {
        let id = spec.id;
        let idle = |known: &PluginId| !self.supervised.contains_key(known);
        let mut surplus = self.recorders.keys().filter(|known| idle(known)).count();
        self.recorders.retain(|known, _| {
            let forget =
                surplus > KEPT_RECORDERS && *known != id && !self.supervised.contains_key(known);
            surplus -= usize::from(forget);
            !forget
        });
        let settings = &self.setup.settings;
        let registered_at = self.snapshot.registered.get(&id).copied().unwrap_or_default();
        let new = || {
            let load = |folder: &PathBuf| load(folder, id, registered_at, settings.predecessor);
            let kept = settings.records_dir.as_ref().map(load).unwrap_or_default();
            Arc::new(PluginRecorder::new(registered_at, kept))
        };
        self.recorders.entry(id).or_insert_with(new).clone()
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

    fn publish(&mut self) {
        self.heed_limits();
        let mounts = self.mounts();
        self.generations.publish(&self.snapshot, mounts);
        let supervised = self.supervised.iter();
        let mut statuses: BTreeMap<_, _> =
            supervised.map(|(id, s)| (*id, self.status(*id, &s.view))).collect();
        statuses.extend(self.refused.iter().map(|status| (status.id, status.clone())));
        let (recorders, registered) = (self.recorders.clone(), self.snapshot.registered.clone());
        let known = Known { settled: true, statuses, recorders, registered };
        self.known.send_replace(Arc::new(known));
    }

    /// What is told of a plugin: held against what is wanted of it, which its supervisor may not know yet.
    fn status(&self, id: PluginId, view: &View) -> PluginStatus {
        let wanted = self.desired.get(&id);
        let is_outdated = |wanted: &Arc<PluginSpec>| match &view.target {
            Some(Target::Ready(instance)) => !instance.plugin().same_process(wanted),
            _ => false,
        };
        PluginStatus {
            required: wanted.is_some_and(|spec| spec.options.required),
            is_outdated: wanted.is_some_and(is_outdated),
            ..view.status.clone()
        }
    }

    /// What is mounted now; of several plugins that claim a slug the lower number comes first.
    fn mounts(&self) -> Vec<Mount> {
        let mut claims = Claims::default();
        for (id, wanted) in &self.desired {
            let Some(mut mount) = self.supervised.get(id).and_then(|s| s.view.mount()) else {
                continue;
            };
            // What only the gateway heeds is live with the revision that brings it.
            mount.plugin = match mount.plugin.same_process(wanted) {
                true => wanted.clone(),
                // Who may call does not wait for a supervisor either.
                false => with_policy_of(&mount.plugin, wanted),
            };
            claims.add(mount, wanted.slug.as_ref());
        }
        claims.mounts()
    }

    /// Lets limits be what is wanted now; nobody waits for a turn of what nobody wants any more.
    fn heed_limits(&self) {
        let none = PolicyOptions::default();
        for (id, supervised) in &self.supervised {
            let policy = self.desired.get(id).map_or(&none, |wanted| &wanted.options.policy);
            supervised.view.limits.heed(policy);
        }
    }

    /// Ends every plugin at once. Supervisors still show what happens until they are done.
    async fn shut_down(mut self) -> watch::Sender<Revision> {
        for supervised in self.supervised.values() {
            supervised.wish(DesiredRun::Quit);
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
        self.applied
    }
}
