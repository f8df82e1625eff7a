//! The service of enrolment: issues a certificate to whoever shows a join token, or the certificate of before. What
//! may be issued to whom is decided by the control plane; here is only what all control planes have in common.

use crate::acceptor::{EnrolmentPeer, network};
use crate::certificate::{EdgeCertificate, KeyDigest};
use crate::clock::Clock;
use crate::join_token::{JoinTokenId, SecretHash};
use crate::message::enrolment_server::{Enrolment, EnrolmentServer};
use crate::message::{Enrolled, JoinRequest, RenewRequest};
use crate::request::CertificateRequest;
use crate::rotation::AuthoritySet;
use futures_util::Stream;
use sidegate_model::UnixMillis;
use sidegate_model::keyed_quotas::KeyedQuotas;
use sidegate_model::quota::{Quota, Verdict};
use sidegate_model::rate_limited_log::{RateLimitedLog, RateLimitedLogs};
use sidegate_sync::server::PeerIdentity;
use std::future::Future;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
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
const JOINS_A_MINUTE: u32 = 3000;
/// The same of one address, so that nobody takes all of them: a site with many edges behind one address is let in.
const JOINS_OF_ADDRESS_A_MINUTE: u32 = 300;
/// Renewals in a minute. After a long outage all edges come at once; those beyond this come later.
const RENEWALS_A_MINUTE: u32 = 6000;
/// The same of one edge.
const RENEWALS_OF_EDGE_A_MINUTE: u32 = 60;
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

/// Who joins by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// Who it is from now on.
    pub peer: PeerIdentity,
    /// See [`Enroller::renew`].
    pub certificates_after: UnixMillis,
}

/// What the control plane decides. What it answers is durable when it is answered.
pub trait Enroller: Send + Sync + 'static {
    /// Uses a token up for this key, and says who joins with it. The same token with the same key is answered the same
    /// again within its life, since an answer can be lost.
    fn redeem(&self, claim: &Claim) -> impl Future<Output = Result<Redeemed, Refusal>> + Send;

    /// Whether the edge of this certificate may have another one, and the moment before which none of it counts, by
    /// whatever clock. Asks the database, since what is in memory may be old: of the certificate that is shown, and
    /// then of the one that was issued, right before that is answered.
    fn renew(
        &self,
        certificate: &EdgeCertificate,
        key: KeyDigest,
    ) -> impl Future<Output = Result<UnixMillis, Refusal>> + Send;

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
    joins: Limit<IpAddr>,
    renewals: Limit<String>,
    /// Tokens that were not taken: whoever has none can provoke that.
    refused: RateLimitedLog,
    not_renewed: RateLimitedLogs<String>,
}

/// So many in a minute, of each and of all together.
struct Limit<K> {
    a_minute: u32,
    of_each: u32,
    taken: Quota,
    by_key: KeyedQuotas<K>,
    since: Instant,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(a_minute: u32, of_each: u32) -> Self {
        Self {
            a_minute,
            of_each,
            taken: Quota::default(),
            by_key: KeyedQuotas::new(),
            since: Instant::now(),
        }
    }

    /// One that is over its own limit takes nothing away from the others.
    fn take(&self, key: &K) -> Result<(), Status> {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let own = self.by_key.take(key, self.of_each, now);
        let verdict = match own {
            Verdict::Refuse { .. } => own,
            Verdict::Pass(_) | Verdict::Unlimited => self.taken.take(self.a_minute, now),
        };
        match verdict {
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
        Self {
            enroller,
            authorities,
            clock,
            joins: Limit::new(JOINS_A_MINUTE, JOINS_OF_ADDRESS_A_MINUTE),
            renewals: Limit::new(RENEWALS_A_MINUTE, RENEWALS_OF_EDGE_A_MINUTE),
            refused: RateLimitedLog::new(),
            not_renewed: RateLimitedLogs::new(),
        }
    }

    /// Lets so many tokens be tried within a minute, and so many of one address.
    #[must_use]
    pub fn with_joins_a_minute(self, joins: u32, of_address: u32) -> Self {
        Self { joins: Limit::new(joins, of_address), ..self }
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

    /// A certificate that counts from the moment at which it was decided on, or from the one from which on any does:
    /// the clock of who set that may be ahead of this one.
    async fn issue(
        &self,
        request: &CertificateRequest,
        peer: &PeerIdentity,
        issued_at: UnixMillis,
    ) -> Result<Response<Enrolled>, Status> {
        let bundle = in_time(self.enroller.trust_bundle(peer)).await?;
        let trust_bundle = bundle.map_err(Refusal::Unavailable).map_err(told)?;
        let authorities = self.authorities.borrow().clone();
        let moment = Clock::of(move || issued_at);
        let issued = authorities.issuing().issue_client(request, peer, &moment);
        let issued = issued.map_err(|error| told(Refusal::Unavailable(error.to_string())))?;
        // The edge may have been barred meanwhile: then it gets neither this nor any key.
        let stands = in_time(self.enroller.renew(&issued.certificate, request.key())).await?;
        stands.map_err(|refusal| self.not_renewed(&issued.certificate, refusal))?;
        self.enroller.issued(&issued.certificate);
        let (edge, namespace) = (&*peer.edge, &peer.namespace);
        let serial = issued.certificate.serial;
        tracing::info!(edge, %namespace, %serial, "issued a certificate to an edge");
        Ok(Response::new(Enrolled { certificates: vec![issued.der.to_vec()], trust_bundle }))
    }

    fn not_renewed(&self, certificate: &EdgeCertificate, refusal: Refusal) -> Status {
        let edge = &*certificate.peer.edge;
        if let Some(times) = self.not_renewed.due(edge.to_owned()) {
            tracing::info!(edge, ?refusal, times, "a certificate was not renewed");
        }
        told(refusal)
    }
}

#[tonic::async_trait]
impl<E: Enroller> Enrolment for EnrolmentService<E> {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<Enrolled>, Status> {
        let EnrolmentPeer { address, .. } = peer_of(&request)?;
        self.joins.take(&network(address.ip()))?;
        let JoinRequest { token_id, secret, certificate_request } = request.into_inner();
        let request = read(&certificate_request)?;
        let not_valid = || told(Refusal::NotValid);
        let token = JoinTokenId(token_id.try_into().map_err(|_| not_valid())?);
        let (secret, key) = (SecretHash::of(&secret), request.key());
        let claim = Claim { token, secret, key, address };
        let decided_at = self.clock.now();
        let redeemed = in_time(self.enroller.redeem(&claim)).await?;
        let redeemed = redeemed.map_err(|refusal| {
            if let Some(times) = self.refused.due() {
                tracing::info!(%token, %address, ?refusal, times, "a join token was not taken");
            }
            told(refusal)
        })?;
        let issued_at = decided_at.max(redeemed.certificates_after);
        self.issue(&request, &redeemed.peer, issued_at).await
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Enrolled>, Status> {
        let EnrolmentPeer { certificate, .. } = peer_of(&request)?;
        let certificate = certificate.ok_or_else(|| {
            Status::unauthenticated("a renewal needs the certificate that is to be renewed")
        })?;
        self.renewals.take(&certificate.peer.edge)?;
        let request = read(&request.into_inner().certificate_request)?;
        let decided_at = self.clock.now();
        let confirmed = in_time(self.enroller.renew(&certificate, request.key())).await?;
        let after = confirmed.map_err(|refusal| self.not_renewed(&certificate, refusal))?;
        self.issue(&request, &certificate.peer, decided_at.max(after)).await
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
            "the join token is not valid: make one for this edge with `sidegate edge join-token NAME`, or another edge with `sidegate edge create`",
        ),
        Refusal::Expired => Status::permission_denied(
            "the join token has expired: make another one for this edge with `sidegate edge join-token NAME`",
        ),
        Refusal::Used => Status::permission_denied(
            "the join token was used already, by another key: make another one for this edge with `sidegate edge join-token NAME`, and revoke the edge if it was not you who used it",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_over_its_own_limit_takes_nothing_from_the_others() {
        let limit = Limit::new(5, 2);
        assert!(limit.take(&"a").is_ok() && limit.take(&"a").is_ok());
        for _ in 0..100 {
            assert_eq!(limit.take(&"a").unwrap_err().code(), tonic::Code::ResourceExhausted);
        }
        assert!(limit.take(&"b").is_ok() && limit.take(&"b").is_ok() && limit.take(&"c").is_ok());
        assert!(limit.take(&"d").is_err(), "and all together keep to theirs");
    }
}
