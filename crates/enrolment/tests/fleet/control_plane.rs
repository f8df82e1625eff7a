//! A control plane in memory: its authorities, tokens and edges, and what it publishes.

use crate::{HOUR, Time};
use bytes::Bytes;
use sidegate_enrolment::{
    AcceptorLimits, AuthoritySet, CertificateAuthority, Claim, ControlUrl, DataKey, EdgeAcceptor,
    EdgeCertificate, EdgeRegistry, Enroller, EnrolmentService, JoinToken, JoinTokenId, KeyDigest,
    Redeemed, Refusal, SecretHash, Standing, TrustBundle,
};
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::server::{
    AdmittedEdge, Attachment, EdgeCommands, PeerIdentity, Published, Said, SyncService,
};
use sidegate_sync::{
    Content, Digest, Manifest, Namespace, PinnedSigners, Position, Publication, Signer, SignerKey,
    TrustBytes, VerifiedManifest,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

struct Token {
    secret: SecretHash,
    expires_at: i64,
    peer: PeerIdentity,
    used_by: Option<KeyDigest>,
}

/// What would be in the database.
pub(crate) struct Memory {
    time: Time,
    signer: Signer,
    authorities: watch::Sender<Arc<AuthoritySet>>,
    tokens: Mutex<HashMap<JoinTokenId, Token>>,
    /// By name; certificates up to this moment do not count.
    edges: Mutex<HashMap<String, i64>>,
    heads: Mutex<HashMap<Namespace, watch::Sender<Option<VerifiedManifest>>>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    leave: watch::Sender<Option<String>>,
    attached: watch::Sender<Vec<PeerIdentity>>,
    issued: watch::Sender<Vec<EdgeCertificate>>,
    /// Happens while a certificate is being issued.
    meanwhile: Mutex<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce(&Memory) + Send>;

impl Published for Memory {
    fn head(&self, namespace: &Namespace) -> watch::Receiver<Option<VerifiedManifest>> {
        self.heads.lock().unwrap().entry(namespace.clone()).or_default().subscribe()
    }

    fn trust(&self, _: &Namespace) -> watch::Receiver<Option<TrustBytes>> {
        watch::channel(None).1
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

    fn attached(&self, edge: &AdmittedEdge, _: EdgeCommands) -> Attachment {
        self.attached.send_modify(|all| all.push(edge.peer.clone()));
        let (_, kept) = watch::channel(0);
        Attachment { leave: self.leave.subscribe(), kept, guard: Box::new(()) }
    }
}

impl EdgeRegistry for Memory {
    fn standing(&self, certificate: &EdgeCertificate) -> Standing {
        match self.edges.lock().unwrap().get(&certificate.peer.edge) {
            None => Standing::Unknown,
            Some(until) if certificate.issued_at <= *until => Standing::Revoked,
            Some(_) => Standing::Stands,
        }
    }
}

impl Enroller for Memory {
    async fn redeem(&self, claim: &Claim) -> Result<Redeemed, Refusal> {
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens.get_mut(&claim.token).ok_or(Refusal::NotValid)?;
        if token.secret != claim.secret {
            return Err(Refusal::NotValid);
        }
        if token.expires_at <= self.time.now() {
            return Err(Refusal::Expired);
        }
        if *token.used_by.get_or_insert(claim.key) != claim.key {
            return Err(Refusal::Used);
        }
        let mut edges = self.edges.lock().unwrap();
        let until = edges.entry(token.peer.edge.clone()).or_insert(0);
        Ok(Redeemed { peer: token.peer.clone(), certificates_after: *until + 1 })
    }

    async fn renew(&self, certificate: &EdgeCertificate, _: KeyDigest) -> Result<i64, Refusal> {
        match (self.standing(certificate), self.edges.lock().unwrap().get(&certificate.peer.edge)) {
            (Standing::Stands, Some(until)) => Ok(*until + 1),
            _ => Err(Refusal::Revoked),
        }
    }

    async fn trust_bundle(&self, peer: &PeerIdentity) -> Result<Vec<u8>, String> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        Ok(self.bundle(&peer.namespace).encode())
    }

    fn issued(&self, certificate: &EdgeCertificate) {
        self.issued.send_modify(|all| all.push(certificate.clone()));
    }
}

impl Memory {
    /// No certificate of this edge counts that was issued up to this moment.
    pub(crate) fn bar(&self, edge: &str, until: i64) {
        self.edges.lock().unwrap().insert(edge.to_owned(), until);
    }

    pub(crate) fn bundle(&self, namespace: &Namespace) -> TrustBundle {
        let key = |number| DataKey { number, bytes: [3; 32] };
        TrustBundle {
            version: 1,
            authorities: self.authorities.borrow().certificates(),
            signers: vec![self.signer.key()],
            data_keys: [Namespace::global(), namespace.clone()]
                .map(|namespace| (namespace, vec![key(1)]))
                .into(),
            control_urls: Vec::new(),
        }
    }
}

pub(crate) struct ControlPlane {
    pub(crate) memory: Arc<Memory>,
    pub(crate) time: Time,
    url: ControlUrl,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

impl ControlPlane {
    pub(crate) async fn start(time: &Time) -> Self {
        Self::start_with(time, AcceptorLimits::default(), 600).await
    }

    pub(crate) async fn start_with(time: &Time, limits: AcceptorLimits, joins: u32) -> Self {
        let authority = CertificateAuthority::generate(&time.clock()).unwrap();
        let memory = Arc::new(Memory {
            time: time.clone(),
            signer: Signer::generate().unwrap(),
            authorities: watch::Sender::new(Arc::new(AuthoritySet::new(authority))),
            tokens: <_>::default(),
            edges: <_>::default(),
            heads: <_>::default(),
            blobs: <_>::default(),
            leave: <_>::default(),
            attached: <_>::default(),
            issued: <_>::default(),
            meanwhile: <_>::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let (authorities, clock) = (memory.authorities.subscribe(), time.clock());
        let acceptor = EdgeAcceptor::new(authorities.clone(), memory.clone(), clock.clone());
        let accepted = acceptor.with_limits(limits).start(listener, stopped.clone());
        let sync = SyncService::new(memory.clone(), "1.0", stopped.clone());
        let now = time.clone();
        let sync = sync.with_clock(move || now.now());
        let enrolment = EnrolmentService::new(memory.clone(), authorities, clock);
        let enrolment = enrolment.with_joins_a_minute(joins, joins);
        let sync = tokio::spawn(async move { sync.serve(accepted.edges).await.unwrap() });
        let enrolment = tokio::spawn(async move {
            enrolment.serve(accepted.enrolling, stopped).await.unwrap();
        });
        let serving = vec![accepted.accepting, sync, enrolment];
        Self { memory, time: time.clone(), url: ControlUrl::parse(&url).unwrap(), stop, serving }
    }

    pub(crate) fn url(&self) -> ControlUrl {
        self.url.clone()
    }

    pub(crate) fn signer(&self) -> SignerKey {
        self.memory.signer.key()
    }

    pub(crate) fn authorities(&self) -> Arc<AuthoritySet> {
        self.memory.authorities.borrow().clone()
    }

    pub(crate) fn set_authorities(&self, set: AuthoritySet) {
        self.memory.authorities.send_replace(Arc::new(set));
    }

    /// As `sidegate edge create` would make one, for an hour.
    pub(crate) fn token(&self, edge: &str, namespace: &str) -> JoinToken {
        let pinned = self.authorities().issuing().certificate().key();
        let token = JoinToken::generate(pinned).unwrap();
        let namespace = Namespace::parse(namespace).unwrap();
        let row = Token {
            secret: token.secret_hash(),
            expires_at: self.time.now() + HOUR,
            peer: PeerIdentity { edge: edge.to_owned(), namespace },
            used_by: None,
        };
        self.memory.tokens.lock().unwrap().insert(token.id(), row);
        token
    }

    /// All that was issued to an edge up to now counts no more, and it is sent away.
    pub(crate) fn revoke(&self, edge: &str) {
        self.memory.bar(edge, self.time.now());
        self.memory.leave.send_replace(Some("this edge was revoked".to_owned()));
    }

    /// Does this in the middle of what is issued next.
    pub(crate) fn meanwhile(&self, does: impl FnOnce(&Memory) + Send + 'static) {
        *self.memory.meanwhile.lock().unwrap() = Some(Box::new(does));
    }

    pub(crate) fn forget(&self, edge: &str) {
        self.memory.edges.lock().unwrap().remove(edge);
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
        let signed = self.memory.signer.sign(Manifest::new(publication, content.blobs()).unwrap());
        let blobs = content.blobs().map(|blob| (blob.digest, blob.bytes.clone()));
        self.memory.blobs.lock().unwrap().extend(blobs);
        self.memory.heads.lock().unwrap().entry(namespace).or_default().send_replace(Some(signed));
    }

    /// Who has a stream or had one, in the order in which they came.
    pub(crate) fn attached(&self) -> watch::Receiver<Vec<PeerIdentity>> {
        self.memory.attached.subscribe()
    }

    pub(crate) fn issued(&self) -> watch::Receiver<Vec<EdgeCertificate>> {
        self.memory.issued.subscribe()
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.serving {
            tokio::time::timeout(crate::DEADLINE, task).await.unwrap().unwrap();
        }
    }
}
