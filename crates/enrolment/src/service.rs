//! The service of enrolment: issues a certificate to whoever shows a join token, or the certificate of before. What
//! may be issued to whom is decided by the control plane; here is only what all control planes have in common.

use crate::acceptor::EnrolmentPeer;
use crate::certificate::{EdgeCertificate, KeyDigest};
use crate::clock::Clock;
use crate::join_token::{JoinTokenId, SecretHash};
use crate::message::enrolment_server::{Enrolment, EnrolmentServer};
use crate::message::{Enrolled, JoinRequest, RenewRequest};
use crate::request::CertificateRequest;
use crate::rotation::AuthoritySet;
use futures_util::Stream;
use sidegate_model::quota::{Quota, Verdict};
use sidegate_sync::server::PeerIdentity;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status};

/// How long the control plane may take to decide.
const DECIDE_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may take to come in and be answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Tokens that may be tried in a minute. Nobody guesses one: this is about the database.
const JOINS_A_MINUTE: u32 = 600;
/// Renewals in a minute. After a long outage all edges come at once; those beyond this come later.
const RENEWALS_A_MINUTE: u32 = 6000;
/// Largest message of a client, in bytes.
const MAX_REQUEST_BYTES: usize = 32 * 1024;

/// Somebody who wants to join.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The token that it shows.
    pub token: JoinTokenId,
    /// Of the secret that it shows.
    pub secret: SecretHash,
    /// The key that the certificate is to be for.
    pub key: KeyDigest,
    /// Where it comes from: for the audit log.
    pub address: SocketAddr,
}

/// Why no certificate is issued. What an edge is told is one sentence of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such token, or another secret: the only thing that is told to those without the secret.
    NotValid,
    /// The token's time is up.
    Expired,
    /// The token was used, with another key.
    Used,
    /// The edge was revoked, or is no more.
    Revoked,
    /// It could not be decided, and why, for the log; the edge tries again.
    Unavailable(String),
}

/// What the control plane decides. What it answers is durable when it is answered.
pub trait Enroller: Send + Sync + 'static {
    /// Uses a token up for this key, and says who joins with it. The same token with the same key is answered the same
    /// again within its life, since an answer can be lost.
    fn redeem(&self, claim: &Claim) -> impl Future<Output = Result<PeerIdentity, Refusal>> + Send;

    /// Whether the edge of this certificate may have another one. Asks the database, since what is in memory may be old.
    fn renew(
        &self,
        certificate: &EdgeCertificate,
        key: KeyDigest,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// What the edge has to know, as a [`TrustBundle`](crate::TrustBundle) in bytes.
    fn trust_bundle(
        &self,
        peer: &PeerIdentity,
    ) -> impl Future<Output = Result<Vec<u8>, String>> + Send;

    /// A certificate was issued and is on its way. It must not wait.
    fn issued(&self, certificate: &EdgeCertificate) {
        let _ = certificate;
    }
}

/// The service.
pub struct EnrolmentService<E> {
    enroller: Arc<E>,
    authorities: watch::Receiver<Arc<AuthoritySet>>,
    clock: Clock,
    joins: Limit,
    renewals: Limit,
}

/// So many in a minute.
struct Limit {
    a_minute: u32,
    taken: Quota,
    since: Instant,
}

impl Limit {
    fn new(a_minute: u32) -> Self {
        Self { a_minute, taken: Quota::default(), since: Instant::now() }
    }

    fn take(&self) -> Result<(), Status> {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match self.taken.take(self.a_minute, now) {
            Verdict::Pass(_) | Verdict::Unlimited => Ok(()),
            Verdict::Refuse { retry_after_seconds, .. } => {
                let told = format!("too many edges come at once; again in {retry_after_seconds} s");
                Err(Status::resource_exhausted(told))
            }
        }
    }
}

impl<E: Enroller> EnrolmentService<E> {
    /// Issues by the authority that issues at the moment.
    pub fn new(
        enroller: Arc<E>,
        authorities: watch::Receiver<Arc<AuthoritySet>>,
        clock: Clock,
    ) -> Self {
        let (joins, renewals) = (Limit::new(JOINS_A_MINUTE), Limit::new(RENEWALS_A_MINUTE));
        Self { enroller, authorities, clock, joins, renewals }
    }

    /// Lets so many tokens be tried within a minute.
    #[must_use]
    pub fn with_joins_a_minute(self, joins: u32) -> Self {
        Self { joins: Limit::new(joins), ..self }
    }

    /// Serves connections as they come until `stop` becomes true.
    ///
    /// # Errors
    /// Those of the transport.
    pub async fn serve<I, T, R>(
        self,
        incoming: I,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), tonic::transport::Error>
    where
        I: Stream<Item = Result<T, R>>,
        T: AsyncRead + AsyncWrite + Connected<ConnectInfo = EnrolmentPeer> + Unpin + Send + 'static,
        R: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let service = EnrolmentServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES);
        Server::builder()
            .timeout(ANSWER_WITHIN)
            .max_concurrent_streams(Some(4))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move {
                // Whoever could stop it is gone: it is stopped.
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
    }

    async fn issue(
        &self,
        request: &CertificateRequest,
        peer: &PeerIdentity,
    ) -> Result<Response<Enrolled>, Status> {
        let bundle = in_time(self.enroller.trust_bundle(peer)).await?;
        let trust_bundle = bundle.map_err(Refusal::Unavailable).map_err(told)?;
        let authorities = self.authorities.borrow().clone();
        let issued = authorities.issuing().issue_client(request, peer, &self.clock);
        let issued = issued.map_err(|error| told(Refusal::Unavailable(error.to_string())))?;
        self.enroller.issued(&issued.certificate);
        let (edge, namespace) = (&*peer.edge, &peer.namespace);
        let serial = issued.certificate.serial;
        tracing::info!(edge, %namespace, %serial, "issued a certificate to an edge");
        Ok(Response::new(Enrolled { certificates: vec![issued.der.to_vec()], trust_bundle }))
    }
}

#[tonic::async_trait]
impl<E: Enroller> Enrolment for EnrolmentService<E> {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<Enrolled>, Status> {
        self.joins.take()?;
        let EnrolmentPeer { address, .. } = peer_of(&request)?;
        let JoinRequest { token_id, secret, certificate_request } = request.into_inner();
        let request = read(&certificate_request)?;
        let not_valid = || told(Refusal::NotValid);
        let token = JoinTokenId(token_id.try_into().map_err(|_| not_valid())?);
        let (secret, key) = (SecretHash::of(&secret), request.key());
        let claim = Claim { token, secret, key, address };
        let redeemed = in_time(self.enroller.redeem(&claim)).await?;
        let peer = redeemed.map_err(|refusal| {
            tracing::info!(%token, %address, ?refusal, "a join token was not taken");
            told(refusal)
        })?;
        self.issue(&request, &peer).await
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Enrolled>, Status> {
        let EnrolmentPeer { certificate, address } = peer_of(&request)?;
        let certificate = certificate.ok_or_else(|| {
            Status::unauthenticated("a renewal needs the certificate that is to be renewed")
        })?;
        self.renewals.take()?;
        let request = read(&request.into_inner().certificate_request)?;
        let edge = &*certificate.peer.edge;
        let confirmed = in_time(self.enroller.renew(&certificate, request.key())).await?;
        confirmed.map_err(|refusal| {
            tracing::info!(edge, %address, ?refusal, "a certificate was not renewed");
            told(refusal)
        })?;
        self.issue(&request, &certificate.peer).await
    }
}

fn peer_of<T>(request: &Request<T>) -> Result<EnrolmentPeer, Status> {
    let peer = request.extensions().get::<EnrolmentPeer>().cloned();
    peer.ok_or_else(|| Status::internal("the connection does not say where it comes from"))
}

fn read(request: &[u8]) -> Result<CertificateRequest, Status> {
    CertificateRequest::read(request).map_err(|error| Status::invalid_argument(error.to_string()))
}

async fn in_time<T>(decision: impl Future<Output = T>) -> Result<T, Status> {
    let decided = timeout(DECIDE_WITHIN, decision).await;
    decided.map_err(|_| {
        let late = format!("no decision within {DECIDE_WITHIN:?}");
        tracing::warn!(late, "an edge could not be enrolled");
        told(Refusal::Unavailable(late))
    })
}

/// What an edge is told.
fn told(refusal: Refusal) -> Status {
    match refusal {
        Refusal::NotValid => Status::permission_denied(
            "the join token is not valid: make another one with `sidegate edge create`",
        ),
        Refusal::Expired => Status::permission_denied(
            "the join token has expired: make another one with `sidegate edge create`",
        ),
        Refusal::Used => Status::permission_denied(
            "the join token was used already, by another key: make another one with `sidegate edge create`, and revoke the edge if it was not you who used it",
        ),
        Refusal::Revoked => Status::permission_denied(
            "this edge was revoked: to let it in again, make a join token for it and remove its folder `identity`",
        ),
        Refusal::Unavailable(reason) => {
            tracing::warn!(reason, "an edge could not be enrolled");
            Status::unavailable("the control plane cannot decide on it now")
        }
    }
}
