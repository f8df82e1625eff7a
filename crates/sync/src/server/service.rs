//! The control plane's end over gRPC. A stream of answers is made as it is read: whoever does not read gets nothing
//! made, and when the connection ends nothing of it is left.

use super::commands::EdgeCommands;
use super::peer::{AdmittedEdge, PeerIdentity};
use super::said::Said;
use super::session::{Output, Session, SessionEvent};
use crate::backoff::Jitter;
use crate::digest::Digest;
use crate::limits::{MAX_DOWNWARD_BYTES, MAX_UPWARD_BYTES};
use crate::message::edge_sync_server::{EdgeSync, EdgeSyncServer};
use crate::message::{ControlMessage, EdgeMessage, control_message, edge_message};
use crate::signature::{PinnedSigners, VerifiedManifest};
use crate::trust::TrustBytes;
use bytes::Bytes;
use futures_util::Stream;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::keyed_quotas::KeyedQuotas;
use sidegate_model::namespace::Namespace;
use sidegate_model::quota::{Quota, Verdict};
use sidegate_model::rate_limited_log::RateLimitedLogs;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

/// How often a silent connection is asked whether it is still there, and how long it may take to answer. An edge asks
/// something every two seconds, so one that is silent for this long has most likely lost it; until that is noticed what
/// is asked of the edge goes nowhere.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_WITHIN: Duration = Duration::from_secs(10);
/// How long reading a blob may take; an edge asks again.
const LOAD_WITHIN: Duration = Duration::from_secs(10);
/// Edges that may come in a minute. After an outage all of them come at once; those beyond this come later.
const EDGES_A_MINUTE: u32 = 6000;
/// How often one edge may come in a minute, so that one that comes again and again sends nobody else away.
const TIMES_OF_EDGE_A_MINUTE: u32 = 60;
/// How often it is looked whether the certificate of a stream has ended: clocks are set, and machines sleep.
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(10);
/// When edges come back that were sent away because the process stops: another replica takes them.
const ELSEWHERE_AFTER: Duration = Duration::from_millis(100);
/// When edges may come back that were told to leave; whoever was revoked comes no further than the handshake.
const BACK_AFTER: Duration = Duration::from_secs(5);
/// When edges come back, at the latest, whose certificate has ended; at the earliest after half of it. Those that joined
/// together end together, and are not to come back as one.
const BACK_BY_ANOTHER_CERTIFICATE: Duration = Duration::from_secs(4);

/// What is published, and who wants to hear of edges. All calls of one edge come one after the other.
pub trait Published: Send + Sync + 'static {
    /// The newest manifest of a namespace, from now on.
    fn head(&self, namespace: &Namespace) -> watch::Receiver<Option<VerifiedManifest>>;

    /// What edges of a namespace are to trust, from now on. It changes before [`Self::head`] gives what needs it.
    fn trust(&self, namespace: &Namespace) -> watch::Receiver<Option<TrustBytes>>;

    /// Whose manifests prove that an edge was once where it says; `None` where nobody knows.
    fn signers(&self) -> Option<PinnedSigners>;

    /// The blob of an object of a namespace; `None` where there is no such blob (any more).
    fn blob(
        &self,
        namespace: &Namespace,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<Bytes>, String>> + Send;

    /// When it was last begun to look at the database for what is published, with the outcome that all of it that edges
    /// of this namespace get is in [`Self::head`]; from now on. Nothing new while nobody can look: then edges do not hear that they are fresh.
    fn looked(&self, namespace: &Namespace) -> watch::Receiver<Option<Instant>>;

    /// An edge said something. It is called on a thread that serves others, too, and must not wait.
    fn said(&self, peer: &PeerIdentity, said: Said);

    /// A stream of an edge begins, over which it can be given commands. What is returned is dropped when it ends.
    fn attached(&self, edge: &AdmittedEdge, commands: EdgeCommands) -> Attachment;
}

/// What whoever publishes has to do with one stream.
pub struct Attachment {
    /// Becomes the reason why the stream has to end: the edge was revoked, or is to go to another replica.
    pub leave: watch::Receiver<Option<String>>,
    /// The number of what this edge said last of the uses of tokens and is kept; closed where nobody keeps it.
    pub kept: watch::Receiver<u64>,
    /// Lives as long as the stream.
    pub guard: Box<dyn Send + Sync>,
}

/// The service.
pub struct SyncService<P> {
    published: Arc<P>,
    version: String,
    stop: watch::Receiver<bool>,
    admitted: Quota,
    edges_a_minute: u32,
    admitted_each: KeyedQuotas<String>,
    clock: WallClock,
    warnings: Arc<RateLimitedLogs<String>>,
    started: Instant,
}

/// Says what time it is.
type WallClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

impl<P: Published> SyncService<P> {
    /// Serves what is published until `stop` becomes true; then edges are told to go elsewhere.
    pub fn new(published: Arc<P>, version: &str, stop: watch::Receiver<bool>) -> Self {
        Self {
            published,
            version: version.to_owned(),
            stop,
            admitted: Quota::default(),
            edges_a_minute: EDGES_A_MINUTE,
            admitted_each: KeyedQuotas::new(),
            clock: Arc::new(now_millis),
            warnings: Arc::default(),
            started: Instant::now(),
        }
    }

    /// Judges by this clock whether a certificate has ended.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Lets so many edges in within a minute, and sends others away for a while.
    #[must_use]
    pub fn with_edges_a_minute(self, edges_a_minute: u32) -> Self {
        Self { edges_a_minute, ..self }
    }

    /// Serves connections as they come, each of an edge that proved who it is, until `stop` becomes true.
    ///
    /// # Errors
    /// Those of the transport.
    pub async fn serve<I, T, E>(self, incoming: I) -> Result<(), tonic::transport::Error>
    where
        I: Stream<Item = Result<T, E>>,
        T: AsyncRead + AsyncWrite + Connected<ConnectInfo = AdmittedEdge> + Unpin + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut stop = self.stop.clone();
        let service = EdgeSyncServer::new(self)
            .max_decoding_message_size(MAX_UPWARD_BYTES)
            .max_encoding_message_size(MAX_DOWNWARD_BYTES);
        Server::builder()
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_WITHIN))
            .max_concurrent_streams(Some(8))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move {
                // Whoever could stop it is gone: it is stopped.
                let _ = stop.wait_for(|stop| *stop).await;
            })
            .await
    }

    /// How long an edge has to stay away, if there are too many of them just now.
    fn crowded(&self, edge: &str) -> Option<Duration> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let own = self.admitted_each.take(&edge.to_owned(), TIMES_OF_EDGE_A_MINUTE, now);
        let verdict = match own {
            Verdict::Refuse { .. } => own,
            Verdict::Pass(_) | Verdict::Unlimited => self.admitted.take(self.edges_a_minute, now),
        };
        match verdict {
            Verdict::Refuse { retry_after_seconds, .. } => {
                Some(Duration::from_secs(retry_after_seconds))
            }
            Verdict::Pass(_) | Verdict::Unlimited => None,
        }
    }
}

#[tonic::async_trait]
impl<P: Published> EdgeSync for SyncService<P> {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<ControlMessage, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<EdgeMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let edge = request.extensions().get::<AdmittedEdge>().cloned();
        let Some(edge) = edge else {
            return Err(Status::unauthenticated("the connection does not say which edge this is"));
        };
        let stream = EdgeStream::new(self, &edge, request.into_inner());
        let answers = futures_util::stream::unfold(stream, |mut stream| async move {
            let message = stream.next().await?;
            Some((Ok(message), stream))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// One stream of an edge.
struct EdgeStream<P> {
    session: Session,
    peer: PeerIdentity,
    published: Arc<P>,
    inbound: Streaming<EdgeMessage>,
    global: Head,
    own: Head,
    trust: watch::Receiver<Option<TrustBytes>>,
    commands: EdgeCommands,
    /// A command comes next, if there is one: neither is to keep the other waiting.
    is_commands_turn: bool,
    /// Somebody says (still) what is to be trusted.
    has_trust: bool,
    looked: watch::Receiver<Option<Instant>>,
    /// Somebody looks (still).
    has_looks: bool,
    /// When the certificate ends that it came in by.
    expires_at: UnixMillis,
    clock: WallClock,
    warnings: Arc<RateLimitedLogs<String>>,
    stop: watch::Receiver<bool>,
    is_leaving: bool,
    ended: bool,
    started: Instant,
    attached: Attachment,
}

/// The newest manifest of a namespace; nothing where nobody publishes (any more).
struct Head(Option<watch::Receiver<Option<VerifiedManifest>>>);

impl Head {
    /// The next newest manifest; never, where there is none.
    async fn next(&mut self) -> Option<VerifiedManifest> {
        if let Some(receiver) = &mut self.0 {
            if receiver.changed().await.is_ok() {
                return receiver.borrow_and_update().clone();
            }
            self.0 = None;
        }
        std::future::pending().await
    }

    /// A newest manifest that was not told yet.
    fn news(&mut self) -> Option<VerifiedManifest> {
        let receiver = self.0.as_mut().filter(|head| head.has_changed().unwrap_or(false))?;
        receiver.borrow_and_update().clone()
    }
}

impl<P: Published> EdgeStream<P> {
    fn new(service: &SyncService<P>, edge: &AdmittedEdge, inbound: Streaming<EdgeMessage>) -> Self {
        let started = Instant::now();
        let published = service.published.clone();
        let peer = edge.peer.clone();
        let namespaces = [Namespace::global(), peer.namespace.clone()];
        let mut session = Session::new(&service.version, namespaces, Duration::ZERO);
        if let Some(away) = service.crowded(&peer.edge) {
            let reason = "too many edges come at once".to_owned();
            session.handle(SessionEvent::Leave(reason, away), Duration::ZERO);
        }
        let head = |namespace: &Namespace| {
            let mut receiver = published.head(namespace);
            // What is there already is news to this edge.
            receiver.mark_changed();
            Head(Some(receiver))
        };
        let has_own = !peer.namespace.is_global();
        let mut trust = published.trust(&peer.namespace);
        session.handle(SessionEvent::Trust(trust.borrow_and_update().clone()), Duration::ZERO);
        let mut looked = published.looked(&peer.namespace);
        // Of before this stream it says nothing, but somebody may know of what comes.
        looked.mark_changed();
        let commands = EdgeCommands::default();
        let attached = published.attached(edge, commands.clone());
        session.set_keeps_uses(attached.kept.has_changed().is_ok());
        Self {
            session,
            trust,
            global: head(&Namespace::global()),
            own: if has_own { head(&peer.namespace) } else { Head(None) },
            attached,
            commands,
            is_commands_turn: false,
            has_trust: true,
            looked,
            has_looks: true,
            expires_at: edge.expires_at,
            clock: service.clock.clone(),
            warnings: service.warnings.clone(),
            stop: service.stop.clone(),
            is_leaving: false,
            ended: false,
            peer,
            published,
            inbound,
            started,
        }
    }

    async fn next(&mut self) -> Option<ControlMessage> {
        while !self.ended {
            // Before all else: whoever was barred gets nothing more, keys least of all.
            self.leave_if_told();
            // Whatever head is known by now: what it needs was there before it.
            if self.trust.has_changed().unwrap_or(false) {
                let trust = self.trust.borrow_and_update().clone();
                self.tell(SessionEvent::Trust(trust));
            }
            if std::mem::take(&mut self.is_commands_turn)
                && let Some(command) = self.next_command()
            {
                return Some(command);
            }
            match self.session.next(self.started.elapsed()) {
                Some(Output::Send(body)) => {
                    self.is_commands_turn = true;
                    return Some(ControlMessage { body: Some(body) });
                }
                Some(Output::Load(namespace, digest)) => self.load(&namespace, digest).await,
                Some(Output::Tell(said)) => self.published.said(&self.peer, said),
                Some(Output::Warn(problem)) => self.warn(&problem),
                Some(Output::Close) => return None,
                None => match self.next_command() {
                    Some(command) => return Some(command),
                    None => self.wait().await,
                },
            }
        }
        None
    }

    fn warn(&self, problem: &str) {
        let edge = &*self.peer.edge;
        if let Some(times) = self.warnings.due(edge.to_owned()) {
            tracing::warn!(edge, problem, times, "an edge is not as it should be");
        }
    }

    fn leave_if_told(&mut self) {
        if self.is_leaving {
            return;
        }
        let told = self.attached.leave.borrow().clone();
        let (reason, back_after) = match told {
            Some(reason) => (reason, BACK_AFTER),
            // It comes back by the one that took its place, or not at all.
            None if self.expires_at <= (self.clock)() => {
                let seed = RandomState::new().hash_one(&self.peer.edge);
                let back_after = Jitter::new(seed).around(BACK_BY_ANOTHER_CERTIFICATE);
                ("the certificate that this stream came in by has ended".to_owned(), back_after)
            }
            None => return,
        };
        self.is_leaving = true;
        self.tell(SessionEvent::Leave(reason, back_after));
    }

    /// When it is to be looked whether the certificate has ended.
    fn look_in(&self) -> Duration {
        let left = self.expires_at.saturating_sub((self.clock)());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        left.min(LOOK_AT_CLOCK_EVERY)
    }

    fn next_command(&self) -> Option<ControlMessage> {
        let command = self.session.is_serving().then(|| self.commands.take()).flatten()?;
        Some(ControlMessage { body: Some(control_message::Body::Command(command)) })
    }

    async fn load(&mut self, namespace: &Namespace, digest: Digest) {
        let loaded = timeout(LOAD_WITHIN, self.published.blob(namespace, &digest)).await;
        let problem = match loaded {
            Ok(Ok(bytes)) => return self.tell(SessionEvent::Loaded(digest, bytes)),
            Ok(Err(problem)) => problem,
            Err(_) => format!("it took more than {LOAD_WITHIN:?}"),
        };
        tracing::warn!(edge = self.peer.edge, %namespace, %digest, problem, "a blob cannot be read");
        self.tell(SessionEvent::Loaded(digest, None));
    }

    /// Waits until something happens.
    async fn wait(&mut self) {
        let wakeup = self.session.next_wakeup();
        let look_in = self.look_in();
        let event = tokio::select! {
            message = self.inbound.message() => match message {
                Ok(Some(EdgeMessage { body: Some(edge_message::Body::CommandAnswer(answer)) })) => {
                    return self.commands.answered(answer);
                }
                Ok(Some(EdgeMessage { body: Some(body) })) => SessionEvent::Message(body),
                // Of a later version.
                Ok(Some(EdgeMessage { body: None })) => return,
                Ok(None) | Err(_) => {
                    self.ended = true;
                    return;
                }
            },
            changed = self.trust.changed(), if self.has_trust => {
                self.has_trust = changed.is_ok();
                SessionEvent::Trust(self.trust.borrow_and_update().clone())
            }
            changed = self.looked.changed(), if self.has_looks => {
                self.has_looks = changed.is_ok();
                let looked_at = *self.looked.borrow_and_update();
                match looked_at.and_then(|at| at.checked_duration_since(self.started)) {
                    Some(at) => SessionEvent::Looked(at),
                    // Before this stream, in whose time that has no name.
                    None => return,
                }
            }
            Ok(()) = self.attached.kept.changed() => {
                SessionEvent::Kept(*self.attached.kept.borrow_and_update())
            }
            () = sleep(look_in), if !self.is_leaving => return,
            () = self.commands.changed() => return,
            Some(head) = self.global.next() => SessionEvent::Head(head),
            Some(head) = self.own.next() => SessionEvent::Head(head),
            _ = self.stop.wait_for(|stop| *stop), if !self.is_leaving => {
                self.is_leaving = true;
                SessionEvent::Leave("this control plane stops".to_owned(), ELSEWHERE_AFTER)
            }
            Ok(_) = self.attached.leave.wait_for(Option::is_some), if !self.is_leaving => return,
            () = sleep_until(self.started + wakeup.unwrap_or_default()), if wakeup.is_some() => return,
        };
        match &event {
            SessionEvent::Message(edge_message::Body::Proof(_)) => {
                self.session.set_signers(self.published.signers());
            }
            // The heads were there before somebody said that they are the newest, and are told first: an edge is not to
            // hear that it has the newest while a newer one waits here.
            SessionEvent::Looked(_) => {
                for head in [self.global.news(), self.own.news()].into_iter().flatten() {
                    self.tell(SessionEvent::Head(head));
                }
            }
            _ => {}
        }
        self.tell(event);
    }

    fn tell(&mut self, event: SessionEvent) {
        self.session.handle(event, self.started.elapsed());
    }
}

impl<P> Drop for EdgeStream<P> {
    fn drop(&mut self) {
        self.commands.end();
    }
}
