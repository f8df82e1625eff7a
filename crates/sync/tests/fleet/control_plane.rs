//! A control plane in memory: publishes, serves edges, notes what they say. Which edge it is says the first line of
//! a connection, in place of a certificate.

use crate::DEADLINE;
use bytes::Bytes;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::server::{IdentifiedIo, PeerIdentity, Published, Said, SyncService};
use sidegate_sync::{
    Content, Digest, Manifest, Namespace, Position, Publication, Signer, SignerKey,
    VerifiedManifest,
};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

type Heads = HashMap<Namespace, watch::Sender<Option<VerifiedManifest>>>;

pub(crate) struct Memory {
    heads: Mutex<Heads>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    blobs_read: AtomicUsize,
    said: watch::Sender<Vec<(PeerIdentity, Said)>>,
}

impl Memory {
    fn new() -> Self {
        Self {
            heads: Mutex::default(),
            blobs: Mutex::default(),
            blobs_read: AtomicUsize::default(),
            said: watch::Sender::new(Vec::new()),
        }
    }
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

    fn attached(&self, _: &PeerIdentity) -> Box<dyn Send + Sync> {
        Box::new(())
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
        let seed = Signer::generate().unwrap().seed();
        Self::listen("127.0.0.1:0".parse().unwrap(), Arc::new(Memory::new()), seed).await
    }

    /// With what was published before.
    pub(crate) async fn start_again(&self, address: SocketAddr) -> Self {
        Self::listen(address, self.memory.clone(), self.seed.clone()).await
    }

    async fn listen(address: SocketAddr, memory: Arc<Memory>, seed: Vec<u8>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (accepted, incoming) = mpsc::channel(16);
        let accepting = tokio::spawn(accept(listener, accepted));
        let service = SyncService::new(memory.clone(), "1.0", stopped);
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
        let content = Content::of(snapshot).unwrap();
        let namespace = Namespace::parse(namespace).unwrap();
        let publication = Publication {
            namespace: namespace.clone(),
            position: Position { lineage: 1, revision },
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
    Ok(IdentifiedIo::new(socket, PeerIdentity { edge: edge.to_owned(), namespace }))
}
