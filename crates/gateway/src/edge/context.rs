//! What accompanies a request from its first byte to its last: its id, its connection, its start,
//! and the parts of the gateway it needs.

use super::body_memory::BodyMemory;
use super::connection::ClientConnection;
use super::connection_timeouts::ConnectionTimeouts;
use super::head::HeadLimits;
use super::inside_settings::InsideSettings;
use super::listed_requests::ListedRequests;
use super::open_streams::OpenStreams;
use super::origin::Origin;
use super::proxies::Proxies;
use super::public_urls::PublicUrls;
use super::request_id::RequestId;
use crate::freshness::Freshness;
use crate::identity::authenticate::Known;
use crate::identity::client_authority::ClientAuthorities;
use crate::identity::client_certificate::ClientCertificate;
use crate::identity::jwt::Jwts;
use crate::identity::newcomers::Newcomers;
use crate::log::Logs;
use crate::metrics::Metrics;
use http::Version;
use sidegate_model::own_host::OwnHost;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::status::PluginStatus;
use sidegate_plugins::{Generation, GenerationReader, NodeFacts, StreamTask};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Limits of the edge. Sizes in bytes.
#[derive(Debug, Clone)]
pub struct EdgeLimits {
    /// Largest request body.
    pub max_body_bytes: usize,
    /// A unary call to a plugin.
    pub unary_timeout: Duration,
    /// A stream, from the request to its last byte.
    pub stream_timeout: Duration,
    /// A pause within a stream; `None` is no limit.
    pub stream_idle_timeout: Option<Duration>,
    /// From the first byte of a request head to its last.
    pub header_read_timeout: Duration,
    /// A pause within a request body.
    pub body_idle_timeout: Duration,
    /// Bytes of a request body in a second, on average, after its first seconds; 0 is no limit.
    pub body_min_rate: u32,
    /// A whole request body.
    pub body_total_timeout: Duration,
    /// A connection without a request.
    pub keep_alive_idle: Duration,
    /// Request line and headers together.
    pub max_header_bytes: usize,
    /// Header lines.
    pub max_headers: usize,
    /// All request bodies together, while they are read and until they are answered.
    pub body_memory_bytes: usize,
    /// Client connections at one time.
    pub max_connections: usize,
    /// Open requests after the gateway was told to stop.
    pub drain_timeout: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            max_body_bytes: 1024 * 1024,
            unary_timeout: seconds(60),
            stream_timeout: seconds(300),
            stream_idle_timeout: None,
            header_read_timeout: seconds(10),
            body_idle_timeout: seconds(30),
            body_min_rate: 240,
            body_total_timeout: seconds(300),
            keep_alive_idle: seconds(120),
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            body_memory_bytes: 256 * 1024 * 1024,
            max_connections: 10_000,
            drain_timeout: seconds(30),
        }
    }
}

impl EdgeLimits {
    /// The part that guards HTTP/1 heads.
    pub fn head(&self) -> HeadLimits {
        HeadLimits { max_bytes: self.max_header_bytes, max_headers: self.max_headers }
    }

    /// How long an answer may take to leave, beyond what its size needs: a little longer than a
    /// stream may last, so that a stream that is read ends by itself.
    pub fn answer_timeout(&self) -> Duration {
        self.stream_timeout.max(self.unary_timeout) + Duration::from_secs(1)
    }

    /// The part that guards waiting.
    pub fn connection_timeouts(&self) -> ConnectionTimeouts {
        ConnectionTimeouts {
            head: self.header_read_timeout,
            idle: self.keep_alive_idle,
            stalled_write: self.stream_timeout.max(self.unary_timeout),
        }
    }
}

/// Where `/ready` learns what the plugins do; `None` before any desired state was taken up.
pub(crate) type StatusSource = Arc<dyn Fn() -> Option<Vec<PluginStatus>> + Send + Sync>;

/// The parts of the gateway that a request needs; one for all shards.
pub(crate) struct Edge {
    /// The slot of the serving generation.
    pub generations: GenerationReader,
    /// Sizes and times that no request may exceed.
    pub limits: EdgeLimits,
    /// Proxies whose word about clients is believed.
    pub proxies: Proxies,
    /// Where clients reach the gateway.
    pub public_urls: PublicUrls,
    /// What every request tells plugins of this node.
    pub facts: NodeFacts,
    /// Memory for the bodies of requests.
    pub body_memory: BodyMemory,
    /// What is counted.
    pub metrics: Metrics,
    /// Where requests are told.
    pub logs: Logs,
    /// The streams that are open, by shard.
    pub streams: Box<[OpenStreams]>,
    /// The requests that are open, by shard.
    pub listed: Box<[ListedRequests]>,
    /// What the plugins do.
    pub statuses: StatusSource,
    /// The zero of the clock that quotas use.
    pub started: std::time::Instant,
    /// Whether the gateway is stopping.
    pub stopping: AtomicBool,
    /// Whether clients may ask for `/ready` and `/metrics`.
    pub public_probes: bool,
    /// Whether endpoints that need no token wait for approval.
    pub public_endpoints: PublicMode,
    /// Whether another process serves in its place.
    pub handed_over: AtomicBool,
    /// How old what it knows is.
    pub freshness: Arc<Freshness>,
    /// What JWTs are verified by.
    pub jwts: Jwts,
    /// Clients that speak for no app yet.
    pub newcomers: Arc<Newcomers>,
    /// Who vouches for certificates of clients.
    pub client_authorities: Arc<ClientAuthorities>,
    /// How it asks plugins itself.
    pub inside: InsideSettings,
}

impl Edge {
    /// The streams that a shard has open.
    pub(crate) fn open_streams(&self, shard: usize) -> &OpenStreams {
        &self.streams[shard % self.streams.len()]
    }

    /// The requests that a shard has open.
    pub(crate) fn listed_requests(&self, shard: usize) -> &ListedRequests {
        &self.listed[shard % self.listed.len()]
    }

    /// What requests are decided by under a generation, where no proxy tells another host.
    pub(crate) fn rules<'a>(&'a self, generation: &'a Generation) -> Rules<'a> {
        Rules {
            generation,
            public_endpoints: self.public_endpoints,
            freshness: &self.freshness,
            jwts: &self.jwts,
            newcomers: None,
            certificate: None,
            public_urls: &self.public_urls,
            told_host: None,
            own_host: None,
        }
    }

    /// A moment on the clock that quotas use.
    pub(crate) fn nanos(&self, moment: Instant) -> u64 {
        let since = moment.into_std().saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether the gateway is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether it stops because another process serves in its place.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Relaxed)
    }
}

/// What requests are decided by.
pub(crate) struct Rules<'a> {
    /// Routes, identities and processes of one moment.
    pub generation: &'a Generation,
    /// Whether public endpoints wait for an operator.
    pub public_endpoints: PublicMode,
    /// How old what is known is.
    pub freshness: &'a Freshness,
    /// What JWTs are verified by.
    pub jwts: &'a Jwts,
    /// Who makes apps for clients that have none; nobody where it is only asked what would be.
    pub newcomers: Option<&'a Arc<Newcomers>>,
    /// What the client has shown in its handshake.
    pub certificate: Option<&'a Arc<ClientCertificate>>,
    /// Where clients reach the gateway.
    pub public_urls: &'a PublicUrls,
    /// The host that the client named to a proxy, where one tells.
    pub told_host: Option<&'a [u8]>,
    /// The host of its plugin's own at which it asks.
    pub own_host: Option<&'a OwnHost>,
}

impl Rules<'_> {
    /// What callers are identified by.
    pub(crate) fn known(&self) -> Known<'_> {
        let Self { generation, freshness, jwts, newcomers, certificate, .. } = *self;
        Known { generation, freshness, jwts, newcomers, certificate }
    }
}

/// One request, before its answer begins.
pub(crate) struct RequestContext {
    /// As the client, the log and the plugin are told.
    pub id: RequestId,
    /// Which its client shares among its requests.
    pub connection: Arc<ClientConnection>,
    /// What carries it on that, where it does not have it for itself.
    pub stream: Option<StreamTask>,
    /// Who asks.
    pub origin: Origin,
    /// The host of its plugin's own at which it asks.
    pub own_host: Option<OwnHost>,
    /// Its protocol version.
    pub version: Version,
    /// When its head was complete.
    pub start: Instant,
    /// What served at that time; a request that has waited sees a later one beside it.
    pub generation: Arc<Generation>,
    /// The gateway.
    pub edge: Arc<Edge>,
}

impl RequestContext {
    /// What this request is decided by under a generation.
    pub(crate) fn rules<'a>(&'a self, generation: &'a Generation) -> Rules<'a> {
        Rules {
            told_host: self.origin.host.as_deref(),
            own_host: self.own_host.as_ref(),
            newcomers: Some(&self.edge.newcomers),
            certificate: self.connection.certificate(),
            ..self.edge.rules(generation)
        }
    }

    /// The client's address.
    pub(crate) fn client(&self) -> &str {
        self.origin.client.as_deref().unwrap_or(&self.connection.peer_text)
    }
}

/// What a request sees that may have waited.
pub(crate) struct Moment {
    /// Routes, identities and processes.
    pub generation: Arc<Generation>,
    /// The clock, as it was read last.
    pub now: Instant,
}

impl Moment {
    /// In which a request begins.
    pub(crate) fn first(context: &RequestContext) -> Self {
        Self { generation: context.generation.clone(), now: context.start }
    }
}
