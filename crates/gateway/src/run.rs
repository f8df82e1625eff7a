//! The gateway put together: the plugin host on the caller's runtime, and one edge shard on a
//! thread of its own for each core.

use crate::edge::body_memory::BodyMemory;
use crate::edge::context::{Edge, EdgeLimits};
use crate::edge::explain::explain;
use crate::edge::inside_settings::InsideSettings;
use crate::edge::listed_requests::{self, ListedRequests};
use crate::edge::listener::Shard;
use crate::edge::open_streams::OpenStreams;
use crate::edge::operations;
pub use crate::edge::operations::METRICS_TYPE;
use crate::edge::proxies::Proxies;
use crate::edge::public_urls::PublicUrls;
use crate::edge::sampling::keep_history;
use crate::edge::tls::{ShownIdentity, TlsIdentity};
use crate::freshness::Freshness;
use crate::identity::jwt::{Jwts, keep_keys};
use crate::identity::newcomers::{NewcomerSender, Newcomers};
use crate::log::{Logs, TrafficWatch};
use crate::loopback::Loopback;
use crate::metrics::Metrics;
use serde_json::Value;
use sidegate_model::clock::now_millis;
use sidegate_model::explain::{Explanation, HashedRequest, ImaginedRequest};
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_model::metrics_history::{History, HistoryOf, HistorySpan};
use sidegate_model::node::ClientAddress;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginStatus;
use sidegate_model::traffic::{OpenRequestFilter, OpenRequests, TrafficFilter};
use sidegate_plugins::host::{CallerFacts, HostError, HostHandle, HostSettings};
use sidegate_plugins::{HostServices, Keepers, NodeFacts};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Everything the gateway must be told.
#[derive(Clone)]
pub struct GatewaySettings {
    /// Where clients connect; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Edge shards, each a thread with a runtime of its own; at least 1.
    pub shards: usize,
    /// The certificate for TLS; `None` serves plain HTTP.
    pub tls: Option<TlsIdentity>,
    /// Limits of the edge.
    pub limits: EdgeLimits,
    /// Proxies whose word about clients is believed.
    pub proxies: Proxies,
    /// Where clients reach the gateway, for documents that name it.
    pub public_urls: PublicUrls,
    /// Name of this node, for plugins.
    pub edge_id: String,
    /// Namespace of this node, for plugins.
    pub edge_namespace: String,
    /// Whether `/ready` and `/metrics` are answered on the port for clients.
    pub public_probes: bool,
    /// Whether endpoints that need no token wait for approval.
    pub public_endpoints: PublicMode,
    /// How plugins are run.
    pub host: HostSettings,
    /// Where requests are told.
    pub logs: Logs,
    /// How old what it knows is.
    pub freshness: Arc<Freshness>,
    /// Where clients go that speak for no app yet; without it none is ever made.
    pub newcomers: Option<NewcomerSender>,
}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Which was asked for.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a shard: {0}")]
    Shard(io::Error),
    /// Plugins cannot be run.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The sockets on which clients come in. Each has a queue of its own in the system, so that whoever
/// takes them over takes all of them.
pub struct Listeners {
    addr: SocketAddr,
    sockets: Vec<std::net::TcpListener>,
}

impl Listeners {
    /// Listens: with one socket for each shard.
    ///
    /// # Errors
    /// [`GatewayError::Listen`]; also where another process listens there.
    pub fn open(addr: SocketAddr, shards: usize) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::Listen { addr, source };
        let (addr, sockets) = listeners(addr, shards.max(1)).map_err(failed)?;
        Ok(Self { addr, sockets })
    }

    /// Goes on with sockets that listen already, of which there must be one at least.
    ///
    /// # Errors
    /// When they are none that listen for TCP.
    pub fn inherited(sockets: Vec<std::net::TcpListener>) -> io::Result<Self> {
        let first = sockets.first().ok_or_else(|| io::Error::other("no socket"))?;
        let addr = first.local_addr()?;
        sockets.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
        Ok(Self { addr, sockets })
    }

    /// The same sockets once more.
    ///
    /// # Errors
    /// When there are too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        let sockets = self.sockets.iter().map(std::net::TcpListener::try_clone);
        Ok(Self { addr: self.addr, sockets: sockets.collect::<io::Result<_>>()? })
    }

    /// The sockets themselves.
    pub fn sockets(&self) -> &[std::net::TcpListener] {
        &self.sockets
    }

    /// For each shard those on which it accepts: every socket has a shard, every shard a socket.
    fn spread(self, shards: usize) -> io::Result<Vec<Vec<std::net::TcpListener>>> {
        let mut spread: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
        let count = self.sockets.len();
        for (number, of_shard) in spread.iter_mut().enumerate().skip(count) {
            of_shard.push(self.sockets[number % count].try_clone()?);
        }
        for (number, socket) in self.sockets.into_iter().enumerate() {
            spread[number % shards].push(socket);
        }
        Ok(spread)
    }
}

/// How long connections wait for one more request where another process serves in our place.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running gateway.
pub struct Gateway {
    addr: SocketAddr,
    listeners: Listeners,
    accept: CancellationToken,
    edge: Arc<Edge>,
    host: Arc<HostHandle>,
    tls: Option<Arc<ShownIdentity>>,
    stop: CancellationToken,
    close: CancellationToken,
    shards: Vec<oneshot::Receiver<()>>,
    /// Looks at the counters now and then.
    _history: AbortOnDropHandle<()>,
    /// Fetches the keys of issuers.
    _keys: AbortOnDropHandle<()>,
}

/// Starts the gateway on these listeners; `keepers` keep what plugins want kept. It accepts
/// nobody before [`Gateway::accept`]. The tokio runtime that it is awaited on carries the host then.
///
/// # Errors
/// See [`GatewayError`]; nothing is left running after one.
pub async fn start(
    settings: GatewaySettings,
    listeners: Listeners,
    keepers: Keepers,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) -> Result<Gateway, GatewayError> {
    let shards = settings.shards.max(1);
    let addr = listeners.addr;
    let listen = |source| GatewayError::Listen { addr, source };
    let spread = listeners.try_clone().and_then(|l| l.spread(shards)).map_err(listen)?;
    let issuers = snapshots.clone();
    let services = HostServices::new(keepers, snapshots.clone(), settings.edge_id.clone());
    // One more than there are shards, for what the gateway asks itself: its calls are none of a shard's thread.
    let calls = CallerFacts { shards: shards + 1, max_body_bytes: settings.limits.max_body_bytes };
    let host = sidegate_plugins::host::start(settings.host, calls, services, snapshots)?;
    // Nobody is served yet, perhaps because another process serves.
    host.keep_records(false);
    let host = Arc::new(host);
    let source = host.clone();
    let first = listed_requests::first_number(now_millis());
    let edge = Arc::new(Edge {
        generations: host.generations(),
        proxies: settings.proxies,
        public_urls: settings.public_urls,
        facts: NodeFacts::new(&settings.edge_id, &settings.edge_namespace),
        // Room for a few of the largest ones in any case.
        body_memory: BodyMemory::new(
            settings.limits.body_memory_bytes.max(settings.limits.max_body_bytes.saturating_mul(4)),
        ),
        metrics: Metrics::new(shards),
        logs: settings.logs,
        streams: (0..shards).map(|_| OpenStreams::new(settings.public_endpoints)).collect(),
        listed: (0..shards).map(|shard| ListedRequests::new(shard, shards, first)).collect(),
        statuses: Arc::new(move || source.settled_statuses()),
        started: Instant::now(),
        stopping: AtomicBool::new(false),
        public_probes: settings.public_probes,
        public_endpoints: settings.public_endpoints,
        handed_over: AtomicBool::new(false),
        freshness: settings.freshness,
        jwts: Jwts::default(),
        client_authorities: Arc::default(),
        newcomers: Newcomers::new(settings.newcomers),
        inside: InsideSettings::new(shards, addr, settings.tls.is_some()),
        limits: settings.limits,
    });
    let tls = settings.tls.map(|identity| {
        let (expiry, clients) = (edge.metrics.certificate_expiry(), &edge.client_authorities);
        Arc::new(ShownIdentity::new(identity, expiry.clone(), clients.clone()))
    });
    let [accept, stop, close] = [(); 3].map(|()| CancellationToken::new());
    let places = Arc::new(Semaphore::new(edge.limits.max_connections));
    let _history = AbortOnDropHandle::new(tokio::spawn(keep_history(edge.clone())));
    let _keys = AbortOnDropHandle::new(tokio::spawn(keep_keys(edge.clone(), issuers)));
    let shards = Vec::new();
    let mut gateway =
        Gateway { addr, listeners, accept, edge, host, tls, stop, close, shards, _history, _keys };
    for (number, listeners) in spread.into_iter().enumerate() {
        match run_shard(gateway.shard(number, places.clone()), listeners).await {
            Ok(ended) => gateway.shards.push(ended),
            Err(error) => {
                // Shards that run already, and the host.
                gateway.shutdown().await;
                return Err(GatewayError::Shard(error));
            }
        }
    }
    Ok(gateway)
}

impl Gateway {
    fn shard(&self, number: usize, places: Arc<Semaphore>) -> Shard {
        let (edge, tls) = (self.edge.clone(), self.tls.clone());
        let (accept, stop) = (self.accept.clone(), self.stop.clone());
        Shard { edge, number, tls, places, accept, stop, close: self.close.clone() }
    }

    /// Where clients connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The same, and whether they come over TLS.
    pub fn client_address(&self) -> ClientAddress {
        ClientAddress { is_tls: self.tls.is_some(), addr: self.addr }
    }

    /// A client of its own port, for what operators try out.
    pub fn loopback(&self) -> Loopback {
        Loopback::new(self.client_address(), self.tls.clone())
    }

    /// The sockets on which clients come in, for whoever takes over.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Accepts clients from now on.
    pub fn accept(&self) {
        self.host.keep_records(true);
        self.accept.cancel();
    }

    /// What the plugins do.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.host.statuses()
    }

    /// Tells the revision that serves, and its changes.
    pub fn applied(&self) -> watch::Receiver<Revision> {
        self.host.applied()
    }

    /// A handle to what the plugins do, for others than the gateway's owner.
    pub fn host(&self) -> Arc<HostHandle> {
        self.host.clone()
    }

    /// What the gateway tells of itself, for others than clients.
    pub fn probes(&self) -> Probes {
        Probes(self.edge.clone())
    }

    /// The certificate that clients are shown, where they come over TLS: another one can be put in its
    /// place.
    pub fn identity(&self) -> Option<Arc<ShownIdentity>> {
        self.tls.clone()
    }

    /// Another process serves on the same sockets: clients are led there when it stops.
    pub fn handed_over(&self) {
        self.host.keep_records(false);
        self.edge.handed_over.store(true, Ordering::Relaxed);
    }

    /// Stops: no new connection, open requests finish within the drain limit, then the plugins.
    pub async fn shutdown(self) {
        self.host.start_no_more();
        // What waits on them is refused at once, unless somebody else has them too.
        drop(self.listeners);
        self.edge.stopping.store(true, Ordering::Relaxed);
        self.stop.cancel();
        if self.edge.is_handed_over() {
            // A client that knows nothing of its connection's end may be sending just now: it is told
            // with its next answer.
            tokio::time::sleep(FAREWELL.min(self.edge.limits.drain_timeout)).await;
        }
        self.close.cancel();
        for shard in self.shards {
            // An error means that the shard's thread is gone, which is what is waited for.
            let _ = shard.await;
        }
        self.host.shutdown().await;
    }
}

/// What a gateway tells of itself, on whatever port it is asked.
#[derive(Clone)]
pub struct Probes(Arc<Edge>);

impl Probes {
    /// Whether it is ready, and why not, as JSON.
    pub fn readiness(&self) -> (bool, Value) {
        operations::readiness(&self.0, self.0.generations.load().revision)
    }

    /// What would happen to a request; nothing is executed or counted.
    pub fn explain(&self, request: &ImaginedRequest) -> Explanation {
        explain(&self.0, request, None)
    }

    /// The same for a request that came here without its token; the explanation is the same, too.
    pub fn explain_hashed(&self, hashed: &HashedRequest) -> Explanation {
        explain(&self.0, &hashed.request, hashed.token)
    }

    /// The oldest of the requests that are open.
    pub fn open_requests(&self, filter: &OpenRequestFilter) -> OpenRequests {
        listed_requests::oldest(&self.0.listed, filter, now_millis())
    }

    /// Ends the open request with this number; tells whether there was one.
    pub fn end_request(&self, number: u64) -> bool {
        listed_requests::end(&self.0.listed, &self.0.streams, number)
    }

    /// Requests that end from now on.
    pub fn watch_traffic(&self, filter: TrafficFilter) -> TrafficWatch {
        self.0.logs.access.watch(filter)
    }

    /// What was counted over the last hours.
    pub fn history(&self, span: HistorySpan, of: &HistoryOf) -> History {
        self.0.metrics.history().read(span, of, now_millis())
    }

    /// What is known of the keys of the issuers that plugins name.
    pub fn issuer_keys(&self) -> Vec<IssuerKeysReport> {
        operations::issuer_reports(&self.0)
    }

    /// Everything that is counted, as [`METRICS_TYPE`].
    pub fn metrics(&self) -> String {
        operations::metrics_text(&self.0)
    }
}

/// Runs a shard on a thread of its own, with a runtime of its own; the receiver resolves when it ended.
async fn run_shard(
    shard: Shard,
    listeners: Vec<std::net::TcpListener>,
) -> io::Result<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    let (begin, begun) = oneshot::channel();
    let name = format!("edge-{}", shard.number);
    std::thread::Builder::new().name(name).spawn(move || {
        // Made here, because a runtime cannot end within another one, as it would where this fails.
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            // Whoever waits for it is told at once.
            Err(error) => return drop(begin.send(Err(error))),
        };
        runtime.block_on(async move {
            let listeners = listeners.into_iter().map(tokio::net::TcpListener::from_std);
            match listeners.collect::<io::Result<Vec<_>>>() {
                Ok(listeners) => {
                    let _ = begin.send(Ok(()));
                    shard.serve(listeners).await;
                }
                Err(error) => _ = begin.send(Err(error)),
            }
        });
        // Tasks that outlived the drain limit are dropped here, which cuts their connections.
        runtime.shutdown_timeout(Duration::from_secs(1));
        let _ = done.send(());
    })?;
    begun.await.map_err(|_| io::Error::other("its thread ended at once"))??;
    Ok(ended)
}

/// One listener for each shard, on one port.
fn listeners(
    addr: SocketAddr,
    shards: usize,
) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    // Without sharing first: the port of another process must be an error, not a share.
    let probe = listener(addr, false)?;
    let addr = SocketAddr::new(addr.ip(), probe.local_addr()?.port());
    if shards == 1 {
        return Ok((addr, vec![probe]));
    }
    drop(probe);
    let all = (0..shards).map(|_| listener(addr, true)).collect::<io::Result<Vec<_>>>()?;
    Ok((addr, all))
}

fn listener(addr: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_shard_and_every_shard_a_socket() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        for (sockets, shards) in [(1, 1), (1, 4), (2, 3), (4, 1), (5, 2)] {
            let opened = (0..sockets).map(|_| std::net::TcpListener::bind(any).unwrap()).collect();
            let all = Listeners::inherited(opened).unwrap();
            let count = all.sockets().len();
            let spread = all.try_clone().unwrap().spread(shards).unwrap();
            assert!(spread.iter().all(|of_shard| !of_shard.is_empty()), "{sockets} {shards}");
            let addrs = spread.iter().flatten().map(|s| s.local_addr().unwrap());
            let distinct: std::collections::BTreeSet<_> = addrs.collect();
            assert_eq!((spread.len(), distinct.len()), (shards, count), "{sockets} {shards}");
        }
        let none: Vec<std::net::TcpListener> = Vec::new();
        assert!(Listeners::inherited(none).is_err());
    }
}
