//! One shard's listener: accepts, encrypts, finds out the protocol version, and drains at the end.

#[cfg(test)]
mod tests;

use super::body::EdgeBody;
use super::close_on_end::CloseOnEnd;
use super::connection::{ClientConnection, OpenRequest, Peer};
use super::context::Edge;
use super::guarded_io::GuardedIo;
use super::poll_when_woken::PollWhenWoken;
use super::rejected_request::RejectedRequest;
use super::respond::respond;
use super::socket::{ClientSocket, SocketIo};
use super::stopping::{closed, nothing_left, unless_stopped};
use super::stream_tasks::StreamTasks;
use super::tls::ShownIdentity;
use crate::identity::client_certificate::ClientCertificate;
use bytes::BytesMut;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use sidegate_plugins::{Ending, RateLimitedLog, Scheme};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The pause after the operating system refused a connection, for example for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Whoever opens many connections can bring it about.
static UNACCEPTED: RateLimitedLog = RateLimitedLog::new();
/// How long streams that were told to end may take.
const LAST_STREAMS: Duration = Duration::from_millis(500);
/// Streams at one time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 1024;

const WITHOUT_TLS: RejectedRequest =
    RejectedRequest::invalid("this port speaks HTTP over TLS: use https://");

/// A connection whose client has begun to speak, with what it has said.
enum Opened<S> {
    Http1(S, BytesMut),
    Http2(S, BytesMut),
    /// On a port for TLS.
    WithoutTls(S),
}

/// A client that was accepted.
struct Accepted {
    socket: TcpStream,
    connection: Arc<ClientConnection>,
    /// Its place among all clients, free again when this is dropped.
    place: OwnedSemaphorePermit,
}

/// One shard of the edge.
pub(crate) struct Shard {
    /// What all shards share.
    pub edge: Arc<Edge>,
    /// Counted from 0; which counts and lanes are its own.
    pub number: usize,
    /// Its certificate, where clients come over TLS.
    pub tls: Option<Arc<ShownIdentity>>,
    /// Places for client connections, shared by all shards.
    pub places: Arc<Semaphore>,
    /// Told when the gateway accepts clients.
    pub accept: CancellationToken,
    /// Told when the gateway stops: it accepts nobody any more.
    pub stop: CancellationToken,
    /// Told when connections are to end, each once it has nothing open.
    pub close: CancellationToken,
}

impl Shard {
    /// Accepts until told to stop, then lets open requests finish within the drain limit.
    pub(crate) async fn serve(self, listeners: Vec<TcpListener>) {
        let shard = Arc::new(self);
        tokio::select! {
            () = shard.accept.cancelled() => {}
            () = shard.stop.cancelled() => return,
        }
        let connections = TaskTracker::new();
        let _watching = shard.watch_callers();
        loop {
            let Some(accepted) = shard.next(&listeners).await else {
                break;
            };
            let Accepted { socket, connection, place } = accepted;
            let shard = shard.clone();
            connections.spawn(async move {
                connection.metrics.connection_opened();
                let listed = shard.edge.listed_requests(shard.number).connect(&connection);
                let ended = shard.connection(socket, &connection).await;
                if let Err(error) = ended {
                    tracing::debug!(client = %connection.peer_text, %error, "connection ended");
                }
                connection.metrics.connection_closed();
                drop((listed, place));
            });
        }
        drop(listeners);
        connections.close();
        if timeout(shard.edge.limits.drain_timeout, connections.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(open = connections.len(), "connections still open at the drain limit");
        shard.edge.open_streams(shard.number).end_all(Ending::Stopping);
        // What is still open after that is cut with the shard.
        let _ = timeout(LAST_STREAMS, connections.wait()).await;
    }

    /// Looks at the callers of open streams again, until what it gives is dropped.
    fn watch_callers(&self) -> AbortOnDropHandle<()> {
        let (edge, number) = (self.edge.clone(), self.number);
        AbortOnDropHandle::new(tokio::spawn(async move {
            edge.open_streams(number).watch(&edge.generations).await;
        }))
    }

    /// Boxed, for it is large: the HTTP library moves it about, and keeps its room in every
    /// connection, also while a stream is long on its way.
    fn begin(
        &self,
        open: OpenRequest,
        request: Request<Incoming>,
    ) -> Pin<Box<impl Future<Output = Result<Response<EdgeBody>, Infallible>> + use<>>> {
        Box::pin(respond(self.edge.clone(), open, request))
    }

    fn greet(&self, addr: SocketAddr) -> Arc<ClientConnection> {
        let is_proxy = self.edge.proxies.trust(addr.ip());
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let peer = Peer { addr, is_proxy, scheme };
        let (metrics, access) = (self.edge.metrics.shard(self.number), &self.edge.logs.access);
        ClientConnection::new(peer, self.number, metrics, access.clone())
    }

    /// The next client; `None` once nobody is accepted any more.
    async fn next(&self, listeners: &[TcpListener]) -> Option<Accepted> {
        loop {
            let accepting = async {
                // The place comes second: a shard that waits for a client must not hold one.
                let (socket, peer) = poll_fn(|cx| poll_accept(listeners, cx)).await?;
                let place = self.places.clone().acquire_owned().await.map_err(io::Error::other)?;
                let connection = self.greet(peer);
                Ok::<_, io::Error>(Accepted { socket, connection, place })
            };
            let accepted = tokio::select! {
                accepted = accepting => accepted,
                () = self.stop.cancelled() => return None,
            };
            match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) => {
                    if let Some(times) = UNACCEPTED.due() {
                        tracing::warn!(%error, times, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(
        &self,
        tcp: TcpStream,
        connection: &Arc<ClientConnection>,
    ) -> Result<(), Ended> {
        tcp.set_nodelay(true)?;
        // In a box, to be gone while the connection is served.
        let opening = Box::pin(unless_stopped(&self.close, self.open(tcp, connection)));
        match opening.await {
            Some(opened) => self.serve_opened(opened?, connection).await,
            None => Ok(()),
        }
    }

    async fn serve_opened<S: SocketIo>(
        &self,
        opened: Opened<S>,
        connection: &Arc<ClientConnection>,
    ) -> Result<(), Ended> {
        let limits = &self.edge.limits;
        let guard = |socket, sniffed, head| {
            GuardedIo::new(socket, connection.clone(), limits.connection_timeouts(), sniffed, head)
        };
        match opened {
            Opened::Http1(socket, sniffed) => {
                self.http1(guard(socket, sniffed, Some(limits.head())), connection).await
            }
            Opened::Http2(socket, sniffed) => {
                // In a box, for a connection of HTTP/1 would have the room for it, too.
                Box::pin(self.http2(guard(socket, sniffed, None), connection)).await
            }
            Opened::WithoutTls(socket) => {
                let io = guard(socket, BytesMut::new(), Some(limits.head()));
                let refused = unless_stopped(&self.close, io.refuse(WITHOUT_TLS)).await;
                Ok(refused.unwrap_or(Ok(()))?)
            }
        }
    }

    /// Finds out what the client speaks.
    async fn open(
        &self,
        tcp: TcpStream,
        connection: &ClientConnection,
    ) -> Result<Opened<ClientSocket>, Ended> {
        let limit = self.edge.limits.header_read_timeout;
        let (socket, is_h2) = match &self.tls {
            None => (ClientSocket::Plain(tcp), false),
            Some(_) if timeout(limit, speaks_http(&tcp)).await?? => {
                return Ok(Opened::WithoutTls(ClientSocket::Plain(tcp)));
            }
            Some(tls) => {
                let accepted = timeout(limit, tls.acceptor().accept(tcp)).await?;
                let tls = accepted.inspect_err(|error| self.note_refused(error))?;
                let session = tls.get_ref().1;
                if let Some(chain) = session.peer_certificates() {
                    self.note_shown(chain, session.server_name(), connection);
                }
                let is_h2 = session.alpn_protocol() == Some(b"h2");
                (ClientSocket::Tls(Box::new(tls)), is_h2)
            }
        };
        self.sniffed(socket, is_h2).await
    }

    /// Keeps what a client has shown in its handshake, and to which host.
    fn note_shown(
        &self,
        chain: &[CertificateDer<'_>],
        shown_to: Option<&str>,
        connection: &ClientConnection,
    ) {
        let authorities = &self.edge.client_authorities;
        if let Some(certificate) = ClientCertificate::of(chain, shown_to, authorities) {
            connection.shows(certificate);
            connection.metrics.certificate_shown();
        }
    }

    /// Counts a handshake that failed for the certificate that the client showed.
    fn note_refused(&self, error: &io::Error) {
        let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        if matches!(error, Some(rustls::Error::InvalidCertificate(_))) {
            self.edge.metrics.shard(self.number).certificate_refused();
        }
    }

    /// Finds out by the first bytes, where TLS did not say that it is HTTP/2.
    async fn sniffed<S: SocketIo>(&self, mut socket: S, is_h2: bool) -> Result<Opened<S>, Ended> {
        let limit = self.edge.limits.header_read_timeout;
        let sniffed = timeout(limit, sniff(&mut socket)).await??;
        let is_h2 = is_h2 || sniffed.starts_with(PREFACE);
        let opened = if is_h2 { Opened::Http2 } else { Opened::Http1 };
        Ok(opened(socket, sniffed))
    }

    async fn http1<S: SocketIo>(
        &self,
        io: GuardedIo<S>,
        connection: &Arc<ClientConnection>,
    ) -> Result<(), Ended> {
        let service = service_fn(|request| self.begin(connection.begin(None), request));
        let limits = &self.edge.limits;
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(limits.max_headers)
            .max_buf_size(limits.max_header_bytes.max(256 * 1024))
            .serve_connection(TokioIo::new(io), service);
        let mut serving = CloseOnEnd::new(serving, connection);
        let (stalled, stop) = (pin!(connection.deadlines.passed()), pin!(self.close.cancelled()));
        let (mut stalled, mut stop) = (PollWhenWoken::new(stalled), PollWhenWoken::new(stop));
        let mut closed = pin!(closed(connection));
        let mut stopping = false;
        loop {
            // In order: choosing one by lot, with each request, would cost more.
            tokio::select! {
                biased;
                ended = &mut serving => return Ok(ended?),
                () = &mut stalled => return Err(Ended::Stalled),
                () = &mut stop, if !stopping => {}
                () = &mut closed, if stopping => return Ok(()),
            }
            stopping = true;
            Pin::new(&mut serving.serving).graceful_shutdown();
        }
    }

    async fn http2<S: SocketIo>(
        &self,
        io: GuardedIo<S>,
        connection: &Arc<ClientConnection>,
    ) -> Result<(), Ended> {
        let streams = StreamTasks::default();
        let begin = |stream| connection.begin(Some(stream));
        let service = service_fn(|request| self.begin(begin(streams.next()), request));
        let limits = &self.edge.limits;
        let serving = http2::Builder::new(streams.clone())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            // Above our own limit, so that what exceeds ours still gets our answer.
            .max_header_list_size(u32::try_from(limits.max_header_bytes * 2).unwrap_or(u32::MAX))
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .serve_connection(TokioIo::new(io), service);
        let mut serving = pin!(serving);
        let stalled = pin!(connection.deadlines.passed());
        let stop = pin!(async {
            tokio::select! {
                () = self.close.cancelled() => {}
                () = idle_for(connection, limits.keep_alive_idle) => {}
            }
        });
        let (mut stalled, mut stop) = (PollWhenWoken::new(stalled), PollWhenWoken::new(stop));
        let mut nothing_left = pin!(nothing_left(connection));
        let mut stopping = false;
        loop {
            tokio::select! {
                biased;
                ended = serving.as_mut() => return Ok(ended?),
                () = &mut stalled => return Err(Ended::Stalled),
                () = &mut stop, if !stopping => {}
                () = &mut nothing_left, if stopping => return Ok(()),
            }
            stopping = true;
            serving.as_mut().graceful_shutdown();
        }
    }
}

/// The next client of any of these.
fn poll_accept(
    listeners: &[TcpListener],
    cx: &mut Context<'_>,
) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
    let accepted = listeners.iter().map(|listener| listener.poll_accept(cx)).find(Poll::is_ready);
    accepted.unwrap_or(Poll::Pending)
}

/// Resolves when a connection had no open request for a whole `limit`.
async fn idle_for(connection: &ClientConnection, limit: Duration) {
    loop {
        poll_fn(|cx| {
            connection.wake_when_idle(cx.waker());
            if connection.is_idle() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let before = connection.served();
        tokio::time::sleep(limit).await;
        if connection.is_idle() && connection.served() == before {
            return;
        }
    }
}

/// Whether a client of a port for TLS begins with the method of a request instead.
async fn speaks_http(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(tcp.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase())
}

/// Reads as much as is needed to tell HTTP/2 with prior knowledge from HTTP/1.
async fn sniff(socket: &mut impl SocketIo) -> io::Result<BytesMut> {
    let mut seen = BytesMut::with_capacity(1024);
    while seen.len() < PREFACE.len() && PREFACE.starts_with(&seen) {
        if socket.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    Ok(seen)
}

/// Why a connection ended otherwise than expected; for the log.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client did not read its answer in time")]
    Stalled,
    #[error("the client was too slow")]
    TooSlow(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}
