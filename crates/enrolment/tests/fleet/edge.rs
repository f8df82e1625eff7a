//! An edge with a folder of its own: it joins, and syncs by what it got.

use crate::DEADLINE;
use crate::control_plane::ControlPlane;
use sidegate_enrolment::JoinToken;
use sidegate_enrolment::edge::{ControlPlanes, Dialer, EdgeIdentity, JoinError, join, renew};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::edge::{
    Contact, Dial as _, EdgeConfig, Inspection, NoCommands, Replica, SnapshotHost, Surroundings,
    UseLine, run,
};
use sidegate_sync::{DataKeys, Features, Namespace};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A folder, and the control planes that its edge knows.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) control: ControlPlanes,
}

impl Site {
    pub(crate) fn new(control: &ControlPlane) -> Self {
        Self::with(ControlPlanes::new(vec![control.url()], None).unwrap())
    }

    pub(crate) fn with(control: ControlPlanes) -> Self {
        Self { folder: TempDir::new().unwrap(), control }
    }

    pub(crate) fn identity_folder(&self) -> PathBuf {
        self.folder.path().join("identity")
    }

    pub(crate) async fn join(
        &self,
        control: &ControlPlane,
        token: &JoinToken,
    ) -> Result<EdgeIdentity, JoinError> {
        let folder = self.identity_folder();
        let joining = join(&folder, &self.control, token, control.time.clock());
        timeout(DEADLINE, Box::pin(joining)).await.expect("it joins in time")
    }

    /// The same, of which it is known that it works.
    pub(crate) async fn joined(&self, control: &ControlPlane, edge: &str) -> EdgeIdentity {
        self.join(control, &control.token(edge, "berlin")).await.unwrap()
    }

    /// What an edge finds in its folder when it starts.
    pub(crate) fn found(&self, control: &ControlPlane) -> EdgeIdentity {
        EdgeIdentity::load(&self.identity_folder(), control.time.clock()).unwrap().unwrap()
    }

    /// Whether it comes in, or why not.
    pub(crate) async fn dial(&self, identity: &EdgeIdentity) -> Result<(), String> {
        let dialer = Dialer::new(identity.clone(), self.control.clone());
        let dialled = timeout(DEADLINE, Box::pin(dialer.dial())).await.expect("it dials in time");
        dialled.map(drop).map_err(|error| error.to_string())
    }

    /// Renews it now.
    pub(crate) async fn renew(&self, identity: &EdgeIdentity) -> Result<(), String> {
        let renewed = timeout(DEADLINE, Box::pin(renew(identity, &self.control)));
        renewed.await.expect("it renews in time").map_err(|error| error.to_string())
    }
}

/// An edge that syncs.
pub(crate) struct Edge {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    contact: watch::Receiver<Contact>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Edge {
    pub(crate) fn start(site: &Site, identity: &EdgeIdentity) -> Self {
        let peer = identity.peer();
        let config = EdgeConfig {
            signers: identity.trust().borrow().pinned_signers().unwrap(),
            features: Features::of_this_version(),
            trust: None,
            version: "1.0".to_owned(),
            boot_id: [7; 16],
            connections_before: 0,
            seed: peer.edge.bytes().map(u64::from).sum(),
        };
        let namespaces = BTreeSet::from([Namespace::global(), peer.namespace]);
        let (host, snapshots) = SnapshotHost::new(Inspection::default());
        let folder = site.folder.path().join("snapshots");
        let (replica, _) = Replica::open(&folder, namespaces, config, host).unwrap();
        let (stop, stopped) = watch::channel(false);
        let contact = watch::Sender::new(Contact::Lost("it has just started".to_owned()));
        let contacts = contact.subscribe();
        let (_, reports) = watch::channel(None);
        let surroundings = Surroundings {
            reports,
            uses: UseLine::default(),
            contact,
            commands: Arc::new(NoCommands),
            keys: DataKeys::default(),
            stop: stopped,
        };
        let dialer = Dialer::new(identity.clone(), site.control.clone());
        let running = tokio::spawn(async move {
            run(replica, dialer, surroundings).await.unwrap();
        });
        Self { snapshots, contact: contacts, stop, running }
    }

    /// Waits until it serves by so many plugins.
    pub(crate) async fn serves(&mut self, plugins: usize) {
        let is_so = |snapshot: &Arc<Snapshot>| snapshot.plugins.len() == plugins;
        timeout(DEADLINE, self.snapshots.wait_for(is_so)).await.expect("in time").unwrap();
    }

    /// Waits until it has no control plane, for such a reason.
    pub(crate) async fn loses_contact(&mut self, reason: &str) {
        let is_so =
            |contact: &Contact| matches!(contact, Contact::Lost(told) if told.contains(reason));
        timeout(DEADLINE, self.contact.wait_for(is_so)).await.expect("in time").unwrap();
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(DEADLINE, self.running).await.expect("it stops in time").unwrap();
    }
}

/// A snapshot with so many plugins.
pub(crate) fn snapshot(plugins: u32) -> Snapshot {
    (1..=plugins).fold(Snapshot::default(), |snapshot, id| {
        let spec = PluginSpec::new(PluginId(id), &format!("p{id}"), "file:///a");
        snapshot.with_plugin(spec.id, Some(spec))
    })
}
