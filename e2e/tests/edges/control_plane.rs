//! A control plane within the story: what would be in its database, both doors for edges, and what it publishes. It
//! lives on threads of its own, can go away and come back at the same address.

use bytes::Bytes;
use prost::Message as _;
use sidegate_enrolment::{
    AuthoritySet, CertificateAuthority, Claim, Clock, DataKey, EdgeAcceptor, EdgeCertificate,
    EdgeRegistry, Enroller, EnrolmentService, JoinToken, JoinTokenId, KeyDigest, Redeemed, Refusal,
    SecretHash, Standing, TrustBundle,
};
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::message;
use sidegate_sync::object::Blob;
use sidegate_sync::server::{
    AdmittedEdge, Attachment, EdgeCommands, PeerIdentity, Published, Said, SyncService,
};
use sidegate_sync::{
    Content, Digest, Manifest, Namespace, ObjectName, PinnedSigners, Position, Publication, Signer,
    TrustBytes, VerifiedManifest, bootstrap,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

/// The key of all secrets.
pub(crate) const DATA_KEY: [u8; 32] = [3; 32];

type Heads = HashMap<Namespace, watch::Sender<Option<VerifiedManifest>>>;

struct Token {
    secret: SecretHash,
    peer: PeerIdentity,
    used_by: Option<KeyDigest>,
}

/// What would be in the database.
struct Memory {
    signer: Signer,
    authorities: watch::Sender<Arc<AuthoritySet>>,
    tokens: Mutex<HashMap<JoinTokenId, Token>>,
    heads: Mutex<Heads>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    leave: watch::Sender<Option<String>>,
}

impl Published for Memory {
    fn head(&self, namespace: &Namespace) -> watch::Receiver<Option<VerifiedManifest>> {
        self.heads.lock().unwrap().entry(namespace.clone()).or_default().subscribe()
    }

    fn trust(&self, namespace: &Namespace) -> watch::Receiver<Option<TrustBytes>> {
        let bundle = TrustBytes::new(self.bundle(namespace).encode()).unwrap();
        watch::channel(Some(bundle)).1
    }

    fn signers(&self) -> Option<PinnedSigners> {
        PinnedSigners::new([self.signer.key()]).ok()
    }

    async fn blob(&self, _: &Namespace, digest: &Digest) -> Result<Option<Bytes>, String> {
        Ok(self.blobs.lock().unwrap().get(digest).cloned())
    }

    fn said(&self, _: &PeerIdentity, _: Said) {}

    fn looked(&self, _: &Namespace) -> watch::Receiver<Option<Instant>> {
        // What is in memory can be looked at at any time.
        watch::channel(Some(Instant::now() + Duration::from_secs(3600))).1
    }

    fn attached(&self, _: &AdmittedEdge, _: EdgeCommands) -> Attachment {
        // It keeps no uses of tokens, as older ones do not.
        let (_, kept) = watch::channel(0);
        Attachment { leave: self.leave.subscribe(), kept, guard: Box::new(()) }
    }
}

impl EdgeRegistry for Memory {
    fn standing(&self, _: &EdgeCertificate) -> Standing {
        Standing::Stands
    }
}

impl Enroller for Memory {
    async fn redeem(&self, claim: &Claim) -> Result<Redeemed, Refusal> {
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens.get_mut(&claim.token).ok_or(Refusal::NotValid)?;
        if token.secret != claim.secret {
            return Err(Refusal::NotValid);
        }
        match *token.used_by.get_or_insert(claim.key) == claim.key {
            true => Ok(Redeemed { peer: token.peer.clone(), certificates_after: 0 }),
            false => Err(Refusal::Used),
        }
    }

    async fn renew(&self, _: &EdgeCertificate, _: KeyDigest) -> Result<i64, Refusal> {
        Ok(0)
    }

    async fn trust_bundle(&self, peer: &PeerIdentity) -> Result<Vec<u8>, String> {
        Ok(self.bundle(&peer.namespace).encode())
    }
}

impl Memory {
    fn bundle(&self, namespace: &Namespace) -> TrustBundle {
        let keys = vec![DataKey { number: 1, bytes: DATA_KEY }];
        TrustBundle {
            version: 1,
            authorities: self.authorities.borrow().certificates(),
            signers: vec![self.signer.key()],
            data_keys: [Namespace::global(), namespace.clone()]
                .map(|namespace| (namespace, keys.clone()))
                .into(),
            control_urls: Vec::new(),
        }
    }
}

pub(crate) struct ControlPlane {
    memory: Arc<Memory>,
    addr: SocketAddr,
    serving: Option<(Runtime, watch::Sender<bool>)>,
}

impl ControlPlane {
    pub(crate) fn start() -> Self {
        let authority = CertificateAuthority::generate(&Clock::system()).unwrap();
        let memory = Arc::new(Memory {
            signer: Signer::generate().unwrap(),
            authorities: watch::Sender::new(Arc::new(AuthoritySet::new(authority))),
            tokens: <_>::default(),
            heads: <_>::default(),
            blobs: <_>::default(),
            leave: <_>::default(),
        });
        let mut control = Self { memory, addr: "127.0.0.1:0".parse().unwrap(), serving: None };
        control.come_back();
        control
    }

    /// Serves at its address, with all that was published before.
    pub(crate) fn come_back(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let socket = std::net::TcpListener::bind(self.addr).unwrap();
        socket.set_nonblocking(true).unwrap();
        self.addr = socket.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let memory = self.memory.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(socket).unwrap();
            let (authorities, clock) = (memory.authorities.subscribe(), Clock::system());
            let acceptor = EdgeAcceptor::new(authorities.clone(), memory.clone(), clock.clone());
            let accepted = acceptor.start(listener, stopped.clone());
            let sync = SyncService::new(memory.clone(), "1.0", stopped.clone());
            let enrolment = EnrolmentService::new(memory, authorities, clock);
            let _ = tokio::join!(
                sync.serve(accepted.edges),
                enrolment.serve(accepted.enrolling, stopped)
            );
        });
        self.serving = Some((runtime, stop));
    }

    /// Is gone at once, as when it is killed.
    pub(crate) fn go_away(&mut self) {
        if let Some((runtime, _stop)) = self.serving.take() {
            runtime.shutdown_background();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// As `sidegate edge create` would make one.
    pub(crate) fn token(&self, edge: &str, namespace: &str) -> String {
        let pinned = self.memory.authorities.borrow().issuing().certificate().key();
        let token = JoinToken::generate(pinned).unwrap();
        let namespace = Namespace::parse(namespace).unwrap();
        let peer = PeerIdentity { edge: edge.to_owned(), namespace };
        let row = Token { secret: token.secret_hash(), peer, used_by: None };
        self.memory.tokens.lock().unwrap().insert(token.id(), row);
        token.reveal()
    }

    /// One that nobody made here.
    pub(crate) fn unknown_token(&self) -> String {
        let pinned = self.memory.authorities.borrow().issuing().certificate().key();
        JoinToken::generate(pinned).unwrap().reveal()
    }

    pub(crate) fn signer(&self) -> String {
        self.memory.signer.key().to_string()
    }

    pub(crate) fn publish(&self, namespace: &str, revision: u64, snapshot: &Snapshot) {
        let content = Content::of(snapshot).unwrap();
        let blobs: Vec<_> = content.blobs().cloned().collect();
        self.publish_blobs(namespace, revision, &blobs);
    }

    /// The same, where an edge has to know a feature to understand this plugin: what a later version adds to objects.
    pub(crate) fn publish_needing(
        &self,
        namespace: &str,
        revision: u64,
        snapshot: &Snapshot,
        (plugin, feature): (PluginId, &str),
    ) {
        let content = Content::of(snapshot).unwrap();
        let of_tomorrow = |blob: &Blob| {
            if blob.name != ObjectName::plugin(plugin) {
                return blob.clone();
            }
            let mut object = message::Object::decode(&*blob.bytes).unwrap();
            object.required_features.push(feature.to_owned());
            let bytes = Bytes::from(object.encode_to_vec());
            let required_features = object.required_features.into_iter().collect();
            Blob { digest: Digest::of(&bytes), bytes, required_features, name: blob.name.clone() }
        };
        let blobs: Vec<_> = content.blobs().map(of_tomorrow).collect();
        assert!(blobs.iter().any(|blob| blob.required_features.contains(feature)));
        self.publish_blobs(namespace, revision, &blobs);
    }

    fn publish_blobs(&self, namespace: &str, revision: u64, blobs: &[Blob]) {
        let namespace = Namespace::parse(namespace).unwrap();
        let publication = Publication {
            namespace: namespace.clone(),
            position: Position { lineage: 1, revision },
            parent: None,
            author: "root".to_owned(),
            // So that what an edge knows is as old as its last contact.
            at: now_millis() - 2 * 3600 * 1000,
        };
        let manifest = Manifest::new(publication, blobs).unwrap();
        let signed = self.memory.signer.sign(manifest);
        let blobs = blobs.iter().map(|blob| (blob.digest, blob.bytes.clone()));
        self.memory.blobs.lock().unwrap().extend(blobs);
        self.memory.heads.lock().unwrap().entry(namespace).or_default().send_replace(Some(signed));
    }

    /// All that is published, as one file.
    pub(crate) fn bootstrap_file(&self) -> Vec<u8> {
        let heads = self.memory.heads.lock().unwrap();
        let manifests: Vec<_> = heads.values().filter_map(|head| head.borrow().clone()).collect();
        let blobs = self.memory.blobs.lock().unwrap();
        let mut file = Vec::new();
        bootstrap::write(&mut file, &manifests, |digest| Ok(blobs[digest].clone())).unwrap();
        file
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.go_away();
    }
}
