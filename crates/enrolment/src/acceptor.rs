//! The control plane's doors for edges, on one port: by the server name that a client asks for it comes to the
//! service that syncs, for which it needs a certificate that stands, or to that of enrolment. What they show and
//! whom they trust follows the authorities at every connection, and nothing has to be started anew.
//!
//! Handshakes are bounded in number and time. When there are as many as there can be, further clients wait in the
//! queue of the operating system.

mod doors;
mod enrolling;
mod verifier;

pub use enrolling::{EnrolmentIo, EnrolmentPeer};
pub use verifier::{EdgeRegistry, Standing};

use crate::certificate::EdgeCertificate;
use crate::clock::Clock;
use crate::names::{ENROL_NAME, SYNC_NAME};
use crate::rotation::AuthoritySet;
use doors::Doors;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use sidegate_sync::backoff::{Backoff, Jitter};
use sidegate_sync::server::{AdmittedEdge, IdentifiedIo};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use tokio_stream::wrappers::ReceiverStream;

/// Connections that wait to be served.
const QUEUE: usize = 64;
/// How much is read of whoever is refused.
const UNREAD_BYTES: u64 = 64 * 1024;

/// How much clients that have not proved anything may cost.
#[derive(Debug, Clone, Copy)]
pub struct AcceptorLimits {
    /// Handshakes at one time.
    pub handshakes: usize,
    /// From the first byte to the end of the handshake, and until the connection is served.
    pub handshake_within: Duration,
    /// Connections for enrolment at one time.
    pub enrolling: usize,
    /// How long one of those may last.
    pub enrolling_within: Duration,
}

impl Default for AcceptorLimits {
    fn default() -> Self {
        Self {
            handshakes: 512,
            handshake_within: Duration::from_secs(10),
            enrolling: 256,
            enrolling_within: Duration::from_secs(30),
        }
    }
}

/// Lets edges in.
pub struct EdgeAcceptor {
    doors: Doors,
    limits: AcceptorLimits,
}

/// The connection of an edge that proved who it is.
pub type EdgeIo = IdentifiedIo<TlsStream<TcpStream>>;

/// What comes in until it is stopped.
pub struct Accepted {
    /// Edges whose certificate stands: for `SyncService::serve`.
    pub edges: ReceiverStream<io::Result<EdgeIo>>,
    /// Whoever wants a certificate: for [`EnrolmentService::serve`](crate::EnrolmentService::serve).
    pub enrolling: ReceiverStream<io::Result<EnrolmentIo>>,
    /// It ends when it is stopped, and with it all handshakes that have not ended.
    pub accepting: JoinHandle<()>,
}

impl EdgeAcceptor {
    /// Lets in whom these authorities know and the registry does not refuse. Both are asked at each connection.
    pub fn new(
        authorities: watch::Receiver<Arc<AuthoritySet>>,
        registry: Arc<dyn EdgeRegistry>,
        clock: Clock,
    ) -> Self {
        let doors = Doors::new(authorities, registry, clock);
        Self { doors, limits: AcceptorLimits::default() }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(self, limits: AcceptorLimits) -> Self {
        Self { limits, ..self }
    }

    /// Accepts until `stop` becomes true.
    pub fn start(self, listener: TcpListener, stop: watch::Receiver<bool>) -> Accepted {
        let (to_sync, edges) = mpsc::channel(QUEUE);
        let (to_enrolment, enrolling) = mpsc::channel(QUEUE);
        let hall = Hall {
            doors: self.doors,
            limits: self.limits,
            to_sync,
            to_enrolment,
            enrolling: Arc::new(Semaphore::new(self.limits.enrolling)),
        };
        let accepting = tokio::spawn(accept(listener, Arc::new(hall), stop));
        let (edges, enrolling) = (ReceiverStream::new(edges), ReceiverStream::new(enrolling));
        Accepted { edges, enrolling, accepting }
    }
}

/// What all handshakes share.
struct Hall {
    doors: Doors,
    limits: AcceptorLimits,
    to_sync: mpsc::Sender<io::Result<EdgeIo>>,
    to_enrolment: mpsc::Sender<io::Result<EnrolmentIo>>,
    /// Places for enrolment.
    enrolling: Arc<Semaphore>,
}

async fn accept(listener: TcpListener, hall: Arc<Hall>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(hall.limits.handshakes));
    let mut handshakes = JoinSet::new();
    let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    let mut jitter = Jitter::new(0);
    let accepting = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            // Those that have ended.
            while handshakes.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((socket, address)) => {
                    pauses.succeeded();
                    handshakes.spawn(welcome(hall.clone(), socket, address, place));
                }
                // No file descriptor is free, most likely: that passes.
                Err(error) => {
                    let pause = pauses.failed(&mut jitter);
                    tracing::warn!(%error, ?pause, "edges cannot be accepted");
                    sleep(pause).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        // Whoever could stop it is gone: it is stopped.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// One client, from its first byte to the service that it wants.
async fn welcome(
    hall: Arc<Hall>,
    socket: TcpStream,
    address: SocketAddr,
    _place: OwnedSemaphorePermit,
) {
    let refused = match timeout(hall.limits.handshake_within, hall.let_in(socket, address)).await {
        Ok(Ok(())) => return,
        Ok(Err(refused)) => refused.to_string(),
        Err(_) => format!("it did not come in within {:?}", hall.limits.handshake_within),
    };
    tracing::debug!(%address, refused, "a client was not let in as an edge");
}

impl Hall {
    async fn let_in(&self, socket: TcpStream, address: SocketAddr) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let shown = self.doors.now()?;
        let wanted = start.client_hello().server_name().map(str::to_owned);
        match wanted.as_deref() {
            Some(SYNC_NAME) => {
                let stream = Box::pin(encrypt(start, &shown.sync)).await?;
                let edge = presented(&stream).ok_or_else(|| io::Error::other("no certificate"))?;
                let edge = IdentifiedIo::new(
                    stream,
                    AdmittedEdge { peer: edge.peer, issued_at: edge.issued_at },
                );
                self.to_sync.send(Ok(edge)).await.map_err(|_| nobody_serves())
            }
            Some(ENROL_NAME) => {
                // Who syncs must not wait for those who enrol: it comes again.
                let place = self.enrolling.clone().try_acquire_owned();
                let place = place.map_err(|_| io::Error::other("too many enrol at one time"))?;
                let stream = Box::pin(encrypt(start, &shown.enrol)).await?;
                let peer = EnrolmentPeer { certificate: presented(&stream), address };
                let until = Instant::now() + self.limits.enrolling_within;
                let io = EnrolmentIo::new(stream, peer, until, place);
                self.to_enrolment.send(Ok(io)).await.map_err(|_| nobody_serves())
            }
            other => Err(io::Error::other(format!("it asks for {other:?}, and not as an edge"))),
        }
    }
}

/// Ends a handshake; whoever is refused hears why.
async fn encrypt(
    start: StartHandshake<TcpStream>,
    config: &Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let ended = start.into_stream(config.clone()).into_fallible().await;
    let (refused, mut socket) = match ended {
        Ok(stream) => return Ok(stream),
        Err(refused) => refused,
    };
    // A socket that is closed with something unread in it takes back what was sent last.
    socket.shutdown().await?;
    copy(&mut socket.take(UNREAD_BYTES), &mut sink()).await?;
    Err(refused)
}

/// What the certificate says that the handshake has checked.
fn presented(stream: &TlsStream<TcpStream>) -> Option<EdgeCertificate> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    EdgeCertificate::read(certificates.first()?).ok()
}

fn nobody_serves() -> io::Error {
    io::Error::other("nobody serves it any more")
}
