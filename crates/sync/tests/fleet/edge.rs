//! An edge: its client on a disk of its own, and the snapshots that it serves by.

use crate::DEADLINE;
use crate::control_plane::ControlPlane;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::edge::{
    CommandRunner, Contact, Dial, EdgeConfig, Inspection, NoCommands, Replica, SnapshotHost,
    Surroundings, TokenUses, TrustKeeper, UseTeller, run,
};
use sidegate_sync::report::EdgeReport;
use sidegate_sync::{
    BootTime, DataKeys, Digest, Features, Namespace, PinnedSigners, SignerKey, TrustBytes, message,
    report,
};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) struct Edge {
    pub(crate) keys: DataKeys,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    reports: watch::Sender<Option<message::NodeReport>>,
    uses: UseTeller,
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

/// Keeps a bundle that is a number: of which all keys are made.
struct Keeper {
    file: PathBuf,
    namespaces: BTreeSet<Namespace>,
    keys: DataKeys,
    signers: PinnedSigners,
}

impl Keeper {
    /// With what is on the disk.
    fn open(folder: &Path, namespaces: &BTreeSet<Namespace>, signers: PinnedSigners) -> Self {
        let (file, keys) = (folder.join("trust"), DataKeys::default());
        let keeper = Self { file, namespaces: namespaces.clone(), keys, signers };
        if let Ok(bundle) = std::fs::read_to_string(&keeper.file) {
            keeper.count(&bundle);
        }
        keeper
    }

    fn digest(&self) -> Option<Digest> {
        std::fs::read(&self.file).ok().map(|bundle| Digest::of(&bundle))
    }

    fn count(&self, bundle: &str) {
        let byte = bundle.parse().unwrap();
        let key = |namespace: &Namespace| (namespace.clone(), Keyring::single([byte; 32]));
        self.keys.replace(self.namespaces.iter().map(key));
    }
}

impl TrustKeeper for Keeper {
    fn keep(&mut self, bundle: &TrustBytes) -> Result<PinnedSigners, String> {
        std::fs::write(&self.file, bundle.bytes()).map_err(|error| error.to_string())?;
        self.count(std::str::from_utf8(bundle.bytes()).unwrap());
        Ok(self.signers.clone())
    }
}

/// Where and as what an edge is started.
pub(crate) struct Plan<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) signer: SignerKey,
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) bootstrap: Option<&'a [u8]>,
    pub(crate) features: Features,
    pub(crate) commands: Arc<dyn CommandRunner>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        address: SocketAddr,
        signer: SignerKey,
        (name, namespace): (&'a str, &'a str),
        folder: &'a Path,
    ) -> Self {
        let (features, commands) = (Features::of_this_version(), Arc::new(NoCommands));
        Self { address, signer, name, namespace, folder, bootstrap: None, features, commands }
    }

    pub(crate) fn of(control: &ControlPlane, names: (&'a str, &'a str), folder: &'a Path) -> Self {
        Self::new(control.address(), control.signer(), names, folder)
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
        names: (&str, &str),
        (folder, bootstrap): (&Path, Option<&[u8]>),
    ) -> (Self, Vec<String>) {
        Self::begin(Plan { bootstrap, ..Plan::new(address, signer, names, folder) })
    }

    pub(crate) fn begin(plan: Plan<'_>) -> (Self, Vec<String>) {
        let Plan { name, namespace, folder, .. } = plan;
        let namespaces: BTreeSet<_> =
            ["", namespace].map(|name| Namespace::parse(name).unwrap()).into();
        let signers = PinnedSigners::new([plan.signer]).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let keeper = Keeper::open(folder, &namespaces, signers.clone());
        let keys = keeper.keys.clone();
        let config = EdgeConfig {
            signers,
            trust: keeper.digest(),
            features: plan.features,
            version: "1.0".to_owned(),
            boot_id: [7; 16],
            connections_before: 0,
            seed: name.bytes().map(u64::from).sum(),
        };
        let (host, snapshots) = SnapshotHost::new(Inspection::with_keys(&keys));
        let (replica, damaged) = Replica::open(folder, namespaces, config, host).unwrap();
        let mut replica = replica.with_keeper(keeper);
        let damaged = damaged.iter().map(ToString::to_string).collect();
        if let Some(mut file) = plan.bootstrap {
            replica.bootstrap(&mut file, &keys).unwrap();
        }
        let (reports, reported) = watch::channel(None);
        let (teller, uses) = UseTeller::new(0);
        let (stop, stopped) = watch::channel(false);
        let contact = watch::Sender::new(Contact::Lost("it has just started".to_owned()));
        let contacts = contact.subscribe();
        let surroundings = Surroundings {
            reports: reported,
            uses,
            contact,
            commands: plan.commands,
            keys: keys.clone(),
            stop: stopped,
        };
        let dialler = Dialler { address: plan.address, line: format!("{name} {namespace}\n") };
        let running = tokio::spawn(async move {
            run(replica, dialler, surroundings).await.unwrap();
        });
        let (uses, contact) = (teller, contacts);
        (Self { keys, snapshots, reports, uses, contact, stop, running }, damaged)
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

    /// Waits until it has the newest as of a moment after this one, and gives that.
    pub(crate) async fn is_up_to_date(&mut self, after: BootTime) -> BootTime {
        let since = |contact: &Contact| match contact {
            Contact::UpToDate(as_of) if *as_of > after => Some(*as_of),
            _ => None,
        };
        let told = self.contact.wait_for(|contact| since(contact).is_some());
        let told = timeout(DEADLINE, told).await.expect("it is told in time").unwrap();
        since(&told).unwrap()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    pub(crate) fn report(&self, report: &EdgeReport) {
        self.reports.send_replace(Some(report::to_message(report)));
    }

    /// Tells when tokens were last used; it is over once that is kept.
    pub(crate) async fn tells_uses(&mut self, uses: &TokenUses) {
        timeout(DEADLINE, self.uses.tell(uses)).await.expect("it is kept in time");
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(Duration::from_secs(10), self.running).await.expect("it stops in time").unwrap();
    }
}
