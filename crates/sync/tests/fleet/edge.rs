//! An edge: its client on a disk of its own, and the snapshots that it serves by.

use crate::DEADLINE;
use crate::control_plane::ControlPlane;
use sidegate_model::node::NodeReport;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::edge::{
    Contact, Dial, EdgeConfig, Inspection, Replica, SnapshotHost, Surroundings, run,
};
use sidegate_sync::{Features, Namespace, PinnedSigners, SignerKey, message, report};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) struct Edge {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    reports: watch::Sender<Option<message::NodeReport>>,
    contact: watch::Receiver<Contact>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

struct Dialler {
    address: SocketAddr,
    line: String,
}

impl Dial for Dialler {
    type Io = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let mut socket = TcpStream::connect(self.address).await?;
        socket.write_all(self.line.as_bytes()).await?;
        Ok(socket)
    }
}

impl Edge {
    pub(crate) fn start(
        control: &ControlPlane,
        name: &str,
        namespace: &str,
        folder: &Path,
    ) -> Self {
        Self::start_at(control.address(), control.signer(), (name, namespace), folder)
    }

    pub(crate) fn start_at(
        address: SocketAddr,
        signer: SignerKey,
        names: (&str, &str),
        folder: &Path,
    ) -> Self {
        let (edge, damaged) = Self::start_with(address, signer, names, (folder, None));
        assert_eq!(damaged, Vec::<String>::new());
        edge
    }

    /// With a bootstrap file. Gives what is damaged on the disk, too.
    pub(crate) fn start_with(
        address: SocketAddr,
        signer: SignerKey,
        (name, namespace): (&str, &str),
        (folder, bootstrap): (&Path, Option<&[u8]>),
    ) -> (Self, Vec<String>) {
        let namespaces: BTreeSet<_> =
            ["", namespace].map(|name| Namespace::parse(name).unwrap()).into();
        let config = EdgeConfig {
            signers: PinnedSigners::new([signer]).unwrap(),
            features: Features::of_this_version(),
            version: "1.0".to_owned(),
            boot_id: [7; 16],
            seed: name.bytes().map(u64::from).sum(),
        };
        let (host, snapshots) = SnapshotHost::new(Inspection::default());
        let (mut replica, damaged) = Replica::open(folder, namespaces, config, host).unwrap();
        let damaged = damaged.iter().map(ToString::to_string).collect();
        if let Some(mut file) = bootstrap {
            replica.bootstrap(&mut file, &|_| true).unwrap();
        }
        let (reports, reported) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let contact = watch::Sender::new(Contact::Lost("it has just started".to_owned()));
        let contacts = contact.subscribe();
        let surroundings = Surroundings { reports: reported, contact, stop: stopped };
        let dialler = Dialler { address, line: format!("{name} {namespace}\n") };
        let running = tokio::spawn(async move {
            run(replica, dialler, surroundings).await.unwrap();
        });
        (Self { snapshots, reports, contact: contacts, stop, running }, damaged)
    }

    /// Waits until it serves by such a snapshot.
    pub(crate) async fn serves(&mut self, is_so: impl Fn(&Snapshot) -> bool) {
        let arrived = timeout(DEADLINE, self.snapshots.wait_for(|snapshot| is_so(snapshot))).await;
        arrived.expect("it arrives in time").unwrap();
    }

    /// Waits until it lost its control plane, for this reason.
    pub(crate) async fn loses_contact(&mut self, reason: &str) {
        let lost = Contact::Lost(reason.to_owned());
        let told = timeout(DEADLINE, self.contact.wait_for(|contact| *contact == lost)).await;
        told.expect("it is told in time").unwrap();
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    pub(crate) fn report(&self, report: &NodeReport) {
        self.reports.send_replace(Some(report::to_message(report)));
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(Duration::from_secs(10), self.running).await.expect("it stops in time").unwrap();
    }
}
