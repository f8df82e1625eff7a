//! What an edge serves by, namespace by namespace, beside the snapshot that it makes of it. A replica is opened again
//! where another process wrote in the meantime, so what publishes outlives it.

use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_sync::edge::{Host, Inspection, SnapshotHost};
use sidegate_sync::edge_content::{NamespaceContent, Rejected};
use sidegate_sync::{Object, ObjectName, Position};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One namespace, as it is served.
#[derive(Debug, Clone)]
pub(super) struct ServedContent {
    /// Which revision.
    pub(super) position: Position,
    /// When that was published.
    pub(super) published_at: UnixMillis,
    /// What of it is not served by.
    pub(super) rejected: BTreeMap<ObjectName, Rejected>,
}

/// All that is served by.
pub(super) type Served = BTreeMap<Namespace, ServedContent>;

/// Publishes what arrives, and tells what it is. Copies act as one.
#[derive(Clone)]
pub(super) struct ServingHost {
    assembling: Arc<Mutex<Assembling>>,
    served: watch::Sender<Served>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

struct Assembling {
    host: SnapshotHost,
    /// As it was published.
    made: watch::Receiver<Arc<Snapshot>>,
    /// How often plugins were reloaded here, beside what is published.
    reloads: BTreeMap<PluginId, u32>,
    /// All of them together.
    count: Revision,
}

impl Assembling {
    /// What is published, with what was asked for here on top.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = (**self.made.borrow()).clone();
        for (id, reloads) in &self.reloads {
            let Some(mut spec) = snapshot.plugins.get(id).map(|spec| (**spec).clone()) else {
                continue;
            };
            spec.reloads = spec.reloads.wrapping_add(*reloads);
            snapshot = snapshot.with_plugin(*id, Some(spec));
        }
        snapshot.revision += self.count;
        snapshot
    }
}

impl ServingHost {
    /// Nothing is served yet.
    pub(super) fn new(inspection: Inspection) -> Self {
        let (host, made) = SnapshotHost::new(inspection);
        let assembling = Assembling { host, made, reloads: BTreeMap::new(), count: 0 };
        Self {
            assembling: Arc::new(Mutex::new(assembling)),
            served: watch::Sender::new(Served::new()),
            snapshots: watch::Sender::new(Arc::default()),
        }
    }

    /// Lets a new process of a plugin take over, here alone. Gives the number of the snapshot that says so, or nothing
    /// for a plugin that is not there.
    pub(super) fn reload(&self, plugin: PluginId) -> Option<Revision> {
        let mut assembling = self.assembling();
        if !assembling.made.borrow().plugins.contains_key(&plugin) {
            return None;
        }
        *assembling.reloads.entry(plugin).or_default() += 1;
        assembling.count += 1;
        Some(self.publish(&assembling))
    }

    fn publish(&self, assembling: &Assembling) -> Revision {
        let snapshot = assembling.snapshot();
        let revision = snapshot.revision;
        self.snapshots.send_replace(Arc::new(snapshot));
        revision
    }

    /// What is served by, and its changes.
    pub(super) fn served(&self) -> watch::Receiver<Served> {
        self.served.subscribe()
    }

    /// The snapshots that it makes.
    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    /// The number of the last one.
    pub(super) fn revision(&self) -> Revision {
        self.snapshots.borrow().revision
    }

    fn assembling(&self) -> MutexGuard<'_, Assembling> {
        self.assembling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for ServingHost {
    fn open(&mut self, namespace: &Namespace, object: Object) -> Result<Object, String> {
        self.assembling().host.open(namespace, object)
    }

    fn check(&mut self, content: &NamespaceContent) -> Vec<(ObjectName, String)> {
        self.assembling().host.check(content)
    }

    fn activate(&mut self, content: Arc<NamespaceContent>) {
        let manifest = content.manifest();
        let (namespace, position) = (manifest.namespace().clone(), manifest.position());
        let rejected = content.rejected().clone();
        for (object, why) in &rejected {
            let (reason, keeps_last_good) = (&why.reason, why.keeps_last_good);
            tracing::warn!(%namespace, %object, reason, keeps_last_good, "an object is rejected");
        }
        let Position { lineage, revision } = position;
        tracing::info!(%namespace, lineage, revision, "a snapshot is served by");
        let published_at = manifest.publication().at;
        let mut assembling = self.assembling();
        assembling.host.activate(content.clone());
        self.publish(&assembling);
        drop(assembling);
        self.served.send_modify(|served| {
            served.insert(namespace, ServedContent { position, published_at, rejected });
        });
    }
}
