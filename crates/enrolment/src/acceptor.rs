//! The control plane's doors for edges, on one port: by the server name that a client asks for it comes to the
//! service that syncs, for which it needs a certificate that stands, or to that of enrolment. What they show and
//! whom they trust follows the authorities at every connection, and nothing has to be started anew.
//!
//! Handshakes are bounded in number and time, also of each address: whoever opens all that it may holds up nobody
//! else. When there are as many clients as there can be, further ones wait in the queue of the operating system.

mod addresses;
mod doors;
mod enrolling;
mod verifier;

pub(crate) use addresses::network;
pub use enrolling::{EnrolmentIo, EnrolmentPeer};
pub use verifier::{EdgeRegistry, Standing};

use crate::certificate::EdgeCertificate;
use crate::clock::Clock;
use crate::names::{ENROL_NAME, SYNC_NAME};
use crate::rotation::AuthoritySet;
use addresses::{Addresses, Place};
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
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use tokio_stream::wrappers::ReceiverStream;

/// Connections that wait to be served.
const QUEUE: usize = 64;
/// How much is read of whoever is refused.
const UNREAD_BYTES: u64 = 64 * 1024;

/// The fatal alert of TLS to whoever asks for another name than those of the doors (RFC 6066): a client that took this for
/// another port can say so.
const UNRECOGNISED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// How many times as long as a handshake may take a client waits until it may begin with its own.
const TURNS_WITHIN: u32 = 3;

/// How much clients that have not proved anything may cost.
#[derive(Debug, Clone, Copy)]
pub struct AcceptorLimits {
    /// Clients that are in a handshake or wait for their turn.
    pub clients: usize,
    /// How many of those may be of one address; further ones are closed at once.
    pub clients_of_address: usize,
    /// Handshakes at one time.
    pub handshakes: usize,
    /// How many of those may be of one address; further ones wait for their turn.
    pub handshakes_of_address: usize,
    /// From the first byte to the end of the handshake, and until the connection is served.
    pub handshake_within: Duration,
    /// Connections for enrolment at one time.
    pub enrolling: usize,
    /// How many of those may be of one address.
    pub enrolling_of_address: usize,
    /// How long one of those may last.
    pub enrolling_within: Duration,
}

impl Default for AcceptorLimits {
    fn default() -> Self {
        Self {
            clients: 4096,
            clients_of_address: 512,
            handshakes: 512,
            handshakes_of_address: 64,
            handshake_within: Duration::from_secs(10),
            enrolling: 1024,
            enrolling_of_address: 256,
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
            handshakes: Semaphore::new(self.limits.handshakes),
            enrolling: Arc::new(Semaphore::new(self.limits.enrolling)),
            enrolling_by_address: Addresses::new(self.limits.enrolling_of_address, 0),
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
    handshakes: Semaphore,
    /// Places for enrolment.
    enrolling: Arc<Semaphore>,
    enrolling_by_address: Arc<Addresses>,
}

async fn accept(listener: TcpListener, hall: Arc<Hall>, mut stop: watch::Receiver<bool>) {
    let AcceptorLimits { clients, clients_of_address, handshakes_of_address, .. } = hall.limits;
    let places = Arc::new(Semaphore::new(clients));
    let by_address = Addresses::new(clients_of_address, handshakes_of_address);
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
                    match by_address.take(address.ip()) {
                        Some(own) => {
                            let client = Client { socket, address, own, _place: place };
                            handshakes.spawn(welcome(hall.clone(), client));
                        }
                        None => tracing::debug!(%address, "too many clients come from one address"),
                    }
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

/// A client that has not proved anything.
struct Client {
    socket: TcpStream,
    address: SocketAddr,
    /// Among those of its address.
    own: Place,
    _place: OwnedSemaphorePermit,
}

/// One client, from its first byte to the service that it wants.
async fn welcome(hall: Arc<Hall>, client: Client) {
    let address = client.address;
    let Err(refused) = hall.let_in_turn(client).await else { return };
    tracing::debug!(%address, %refused, "a client was not let in as an edge");
}

impl Hall {
    /// First those of one address take turns, then all: who waits for its own kind keeps nobody else waiting.
    async fn let_in_turn(&self, client: Client) -> io::Result<()> {
        let Client { socket, address, own, .. } = client;
        let within = self.limits.handshake_within;
        // Whoever waits for those that say nothing has its own time once they are cut.
        let turns = async {
            Ok::<_, AcquireError>((own.turns.acquire().await?, self.handshakes.acquire().await?))
        };
        let turns = timeout(within * TURNS_WITHIN, turns).await;
        let _turns = turns
            .map_err(|_| io::Error::other("it did not get its turn"))?
            .map_err(io::Error::other)?;
        let let_in = timeout(within, self.let_in(socket, address)).await;
        let_in.unwrap_or_else(|_| {
            Err(io::Error::other(format!("it did not come in within {within:?}")))
        })
    }

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
                    AdmittedEdge {
                        peer: edge.peer,
                        issued_at: edge.issued_at,
                        expires_at: edge.expires_at,
                    },
                );
                self.to_sync.send(Ok(edge)).await.map_err(|_| nobody_serves())
            }
            Some(ENROL_NAME) => {
                // Who syncs must not wait for those who enrol: it comes again.
                let place = self.enrolling.clone().try_acquire_owned();
                let place = place.map_err(|_| io::Error::other("too many enrol at one time"))?;
                let own = self.enrolling_by_address.take(address.ip());
                let own = own.ok_or_else(|| io::Error::other("too many of one address enrol"))?;
                let stream = Box::pin(encrypt(start, &shown.enrol)).await?;
                let peer = EnrolmentPeer { certificate: presented(&stream), address };
                let until = Instant::now() + self.limits.enrolling_within;
                let io = EnrolmentIo::new(stream, peer, until, (place, own));
                self.to_enrolment.send(Ok(io)).await.map_err(|_| nobody_serves())
            }
            other => {
                let mut socket = start.io;
                socket.write_all(&UNRECOGNISED_NAME).await?;
                hang_up(socket).await?;
                Err(io::Error::other(format!("it asks for {other:?}, and not as an edge")))
            }
        }
    }
}

/// Ends a handshake; whoever is refused hears why.
async fn encrypt(
    start: StartHandshake<TcpStream>,
    config: &Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let ended = start.into_stream(config.clone()).into_fallible().await;
    let (refused, socket) = match ended {
        Ok(stream) => return Ok(stream),
        Err(refused) => refused,
    };
    hang_up(socket).await?;
    Err(refused)
}

/// Closes a connection so that what was sent last is read.
async fn hang_up(mut socket: TcpStream) -> io::Result<()> {
    // A socket that is closed with something unread in it takes that back.
    socket.shutdown().await?;
    copy(&mut socket.take(UNREAD_BYTES), &mut sink()).await?;
    Ok(())
}

/// What the certificate says that the handshake has checked.
fn presented(stream: &TlsStream<TcpStream>) -> Option<EdgeCertificate> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    EdgeCertificate::read(certificates.first()?).ok()
}

fn nobody_serves() -> io::Error {
    io::Error::other("nobody serves it any more")
}
