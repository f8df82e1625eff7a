//! A control plane in memory: publishes, serves edges, notes what they say. Which edge it is says the first line of
//! a connection, in place of a certificate.

use crate::DEADLINE;
use bytes::Bytes;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::server::{
    AdmittedEdge, Attachment, EdgeCommands, IdentifiedIo, PeerIdentity, Published, Said,
    SyncService,
};
use sidegate_sync::{
    Content, Digest, Manifest, Namespace, PinnedSigners, Position, Publication, Signer, SignerKey,
    TrustBytes, VerifiedManifest, bootstrap,
};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

type Heads = HashMap<Namespace, watch::Sender<Option<VerifiedManifest>>>;

pub(crate) struct Memory {
    heads: Mutex<Heads>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    blobs_read: AtomicUsize,
    leave: watch::Sender<Option<String>>,
    kept: watch::Sender<u64>,
    trust: watch::Sender<Option<TrustBytes>>,
    signers: PinnedSigners,
    commands: watch::Sender<Option<EdgeCommands>>,
    said: watch::Sender<Vec<(PeerIdentity, Said)>>,
    looked: watch::Sender<Option<Instant>>,
}

impl Memory {
    fn new(signer: SignerKey) -> Self {
        Self {
            trust: watch::Sender::new(None),
            signers: PinnedSigners::new([signer]).unwrap(),
            commands: watch::Sender::new(None),
            heads: Mutex::default(),
            blobs: Mutex::default(),
            blobs_read: AtomicUsize::default(),
            leave: watch::Sender::new(None),
            kept: watch::Sender::new(0),
            said: watch::Sender::new(Vec::new()),
            looked: watch::Sender::new(always()),
        }
    }
}

/// What is in memory can be looked at at any time.
fn always() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(3600))
}

impl Published for Memory {
    fn head(&self, namespace: &Namespace) -> watch::Receiver<Option<VerifiedManifest>> {
        self.heads.lock().unwrap().entry(namespace.clone()).or_default().subscribe()
    }

    async fn blob(&self, _: &Namespace, digest: &Digest) -> Result<Option<Bytes>, String> {
        self.blobs_read.fetch_add(1, Ordering::Relaxed);
        Ok(self.blobs.lock().unwrap().get(digest).cloned())
    }

    fn said(&self, peer: &PeerIdentity, said: Said) {
        self.said.send_modify(|all| all.push((peer.clone(), said)));
    }

    fn trust(&self, _: &Namespace) -> watch::Receiver<Option<TrustBytes>> {
        self.trust.subscribe()
    }

    fn signers(&self) -> Option<PinnedSigners> {
        Some(self.signers.clone())
    }

    fn looked(&self, _: &Namespace) -> watch::Receiver<Option<Instant>> {
        self.looked.subscribe()
    }

    fn attached(&self, _: &AdmittedEdge, commands: EdgeCommands) -> Attachment {
        self.commands.send_replace(Some(commands));
        let kept = self.kept.subscribe();
        Attachment { leave: self.leave.subscribe(), kept, guard: Box::new(()) }
    }
}

pub(crate) struct ControlPlane {
    memory: Arc<Memory>,
    seed: Vec<u8>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: Mutex<Vec<JoinHandle<()>>>,
}

impl ControlPlane {
    pub(crate) async fn start() -> Self {
        Self::start_for(6000).await
    }

    /// Lets only so many edges in within a minute.
    pub(crate) async fn start_for(edges: u32) -> Self {
        let seed = Signer::generate().unwrap().seed();
        let address = "127.0.0.1:0".parse().unwrap();
        let signer = Signer::from_seed(&seed).unwrap().key();
        Self::listen(address, Arc::new(Memory::new(signer)), (seed, edges)).await
    }

    /// Whether its database is there.
    pub(crate) fn can_look(&self, can_look: bool) {
        self.memory.looked.send_replace(always().filter(|_| can_look));
    }

    /// Somebody looks now, for the first time since it could not be looked.
    pub(crate) fn look(&self) {
        self.memory.looked.send_replace(Some(Instant::now()));
    }

    /// What edges are to trust from now on.
    pub(crate) fn trust(&self, bundle: &str) {
        let bundle = TrustBytes::new(bundle.to_owned()).unwrap();
        self.memory.trust.send_replace(Some(bundle));
    }

    /// How the last edge that came is given commands.
    pub(crate) async fn commands(&self) -> EdgeCommands {
        let mut commands = self.memory.commands.subscribe();
        let there = tokio::time::timeout(DEADLINE, commands.wait_for(Option::is_some)).await;
        there.expect("an edge comes in time").unwrap().clone().unwrap()
    }

    /// The database is as it was.
    pub(crate) fn restore(&self, namespace: &str, head: Option<VerifiedManifest>) {
        let namespace = Namespace::parse(namespace).unwrap();
        self.memory.heads.lock().unwrap().entry(namespace).or_default().send_replace(head);
    }

    pub(crate) fn head(&self, namespace: &str) -> Option<VerifiedManifest> {
        let namespace = Namespace::parse(namespace).unwrap();
        self.memory.heads.lock().unwrap().get(&namespace)?.borrow().clone()
    }

    /// Tells edges that these uses of tokens are kept.
    pub(crate) fn keeps(&self, number: u64) {
        self.memory.kept.send_replace(number);
    }

    /// Sends every edge away.
    pub(crate) fn send_away(&self, reason: &str) {
        self.memory.leave.send_replace(Some(reason.to_owned()));
    }

    /// All that is published, as one file.
    pub(crate) fn bootstrap_file(&self) -> Vec<u8> {
        let heads = self.memory.heads.lock().unwrap();
        let manifests: Vec<_> = heads.values().filter_map(|head| head.borrow().clone()).collect();
        let blobs = self.memory.blobs.lock().unwrap();
        let mut file = Vec::new();
        let blob = |digest: &Digest| Ok(blobs[digest].clone());
        bootstrap::write(&mut file, &manifests, blob).unwrap();
        file
    }

    /// With what was published before.
    pub(crate) async fn start_again(&self, address: SocketAddr) -> Self {
        Self::listen(address, self.memory.clone(), (self.seed.clone(), 6000)).await
    }

    async fn listen(
        address: SocketAddr,
        memory: Arc<Memory>,
        (seed, edges): (Vec<u8>, u32),
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (accepted, incoming) = mpsc::channel(16);
        let accepting = tokio::spawn(accept(listener, accepted));
        let service = SyncService::new(memory.clone(), "1.0", stopped).with_edges_a_minute(edges);
        let serving = tokio::spawn(async move {
            service.serve(ReceiverStream::new(incoming)).await.unwrap();
        });
        let serving = Mutex::new(vec![accepting, serving]);
        Self { memory, seed, address, stop, serving }
    }

    /// Ends when every stream has.
    pub(crate) async fn stop(&self) -> SocketAddr {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.serving.lock().unwrap());
        for (number, task) in tasks.into_iter().enumerate() {
            // Accepting never ends by itself.
            if number == 0 {
                task.abort();
            }
            let _ = tokio::time::timeout(DEADLINE, task).await.unwrap();
        }
        self.address
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn signer(&self) -> SignerKey {
        Signer::from_seed(&self.seed).unwrap().key()
    }

    pub(crate) fn publish(&self, namespace: &str, revision: u64, snapshot: &Snapshot) {
        self.publish_at(namespace, (1, revision), snapshot);
    }

    pub(crate) fn publish_at(
        &self,
        namespace: &str,
        (lineage, revision): (u64, u64),
        snapshot: &Snapshot,
    ) {
        let content = Content::of(snapshot).unwrap();
        let namespace = Namespace::parse(namespace).unwrap();
        let publication = Publication {
            namespace: namespace.clone(),
            position: Position { lineage, revision },
            parent: None,
            author: "root".to_owned(),
            at: 0,
        };
        let manifest = Manifest::new(publication, content.blobs()).unwrap();
        let signed = Signer::from_seed(&self.seed).unwrap().sign(manifest);
        let blobs = content.blobs().map(|blob| (blob.digest, blob.bytes.clone()));
        self.memory.blobs.lock().unwrap().extend(blobs);
        self.memory.heads.lock().unwrap().entry(namespace).or_default().send_replace(Some(signed));
    }

    pub(crate) fn blobs_read(&self) -> usize {
        self.memory.blobs_read.load(Ordering::Relaxed)
    }

    /// What was said so far was not.
    pub(crate) fn forget_said(&self) {
        self.memory.said.send_replace(Vec::new());
    }

    /// Waits until an edge said something of this kind.
    pub(crate) async fn said<T>(&self, of: impl Fn(&PeerIdentity, &Said) -> Option<T>) -> T {
        let mut said = self.memory.said.subscribe();
        let find =
            |all: &Vec<(PeerIdentity, Said)>| all.iter().find_map(|(peer, said)| of(peer, said));
        let found = said.wait_for(|all| find(all).is_some());
        let found =
            tokio::time::timeout(DEADLINE, found).await.expect("it is said in time").unwrap();
        find(&found).unwrap()
    }
}

async fn accept(
    listener: TcpListener,
    accepted: mpsc::Sender<io::Result<IdentifiedIo<TcpStream>>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let accepted = accepted.clone();
        tokio::spawn(async move {
            if let Ok(peer) = identify(socket).await {
                let _ = accepted.send(Ok(peer)).await;
            }
        });
    }
}

async fn identify(mut socket: TcpStream) -> io::Result<IdentifiedIo<TcpStream>> {
    let mut line = Vec::new();
    loop {
        match socket.read_u8().await? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    let line = String::from_utf8(line).unwrap();
    let (edge, namespace) = line.split_once(' ').unwrap();
    let namespace = Namespace::parse(namespace).unwrap();
    let peer = PeerIdentity { edge: edge.to_owned(), namespace };
    Ok(IdentifiedIo::new(socket, AdmittedEdge { peer, issued_at: 0, expires_at: i64::MAX }))
}
