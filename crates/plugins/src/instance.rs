//! One running process of a plugin, as the request path sees it: calls, and how many are open.
//!
//! Starting and stopping the process is the host's work; this type only knows its socket.

mod lane;
mod presence;

pub(crate) use lane::Address;
pub use lane::CallError;
pub(crate) use presence::{InService, Presence};

use crate::ending::{EndSignal, Ending};
use crate::roster::{Entered, Roster};
use bytes::Bytes;
use lane::{CallKind, Lane, Messages};
use sidegate_model::plugin::PluginSpec;
use sidegate_transport::codec::{Answer, Chunk, Encoded, Malformed};
use sidegate_transport::pinned::Connector;
use sidegate_wire::handshake::{FEATURE_HEADER_LIST, FEATURE_RAW_PATH};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What the gRPC server of a Go plugin takes in one message, in bytes.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The extensions of the contract that a plugin announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Ordered, repeatable headers in both directions.
    pub header_list: bool,
    /// The raw path in requests.
    pub raw_path: bool,
    /// Requests above 4 MiB are taken.
    pub large_messages: bool,
}

impl Features {
    /// Reads the features a plugin named in its answer to Initialize.
    pub fn from_announced(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|n| n == name);
        Self {
            header_list: has(FEATURE_HEADER_LIST),
            raw_path: has(FEATURE_RAW_PATH),
            large_messages: has(sidegate_wire::handshake::FEATURE_LARGE_MESSAGES),
        }
    }

    /// What both can do.
    pub fn common(self, other: Self) -> Self {
        Self {
            header_list: self.header_list && other.header_list,
            raw_path: self.raw_path && other.raw_path,
            large_messages: self.large_messages && other.large_messages,
        }
    }
}

/// One running process, or several of one plugin that runs elsewhere.
pub struct Instance {
    plugin: Arc<PluginSpec>,
    features: Features,
    /// For each shard one lane to each address.
    lanes: Box<[Box<[Lane]>]>,
    /// Which addresses are in service.
    in_service: InService,
    /// Whose turn it is among several addresses.
    turn: AtomicUsize,
    usage: Arc<Usage>,
    closed: CancellationToken,
}

/// How long streams that were told to end may take.
const LAST_STREAMS: Duration = Duration::from_millis(500);

/// Calls that broke off within this time belong to one cause.
const ONE_BREAK: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Usage {
    open: AtomicUsize,
    idle: Notify,
    /// The streams among them.
    streams: Arc<Roster<Arc<EndSignal>>>,
    /// When a call broke off last, and how many did so around then. Locked only where one does.
    broken: Mutex<Option<(Instant, usize)>>,
}

/// Counts the calls of one process without keeping the process from being stopped.
#[derive(Clone)]
pub struct OpenCalls {
    usage: Arc<Usage>,
}

impl OpenCalls {
    /// How many are open now.
    pub fn now(&self) -> usize {
        self.usage.open.load(Ordering::Acquire)
    }

    /// How many are open or broke off within the last second: when a process dies, its connections
    /// break before its end is known.
    pub fn now_or_broken(&self) -> usize {
        // Under the lock no call can move from one count to the other.
        let broken = self.usage.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = broken.filter(|(last, _)| last.elapsed() <= ONE_BREAK);
        self.now() + recent.map_or(0, |(_, count)| count)
    }
}

/// Keeps an instance from being stopped while a call is open.
pub(crate) struct InUse {
    usage: Arc<Usage>,
    /// The call did not end in order.
    broke_off: bool,
}

impl InUse {
    fn note(&mut self, error: &CallError) {
        self.broke_off |= matches!(error, CallError::BrokeOff(_));
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let broken = self.broke_off.then(|| {
            let mut broken = self.usage.broken.lock().unwrap_or_else(PoisonError::into_inner);
            let before = broken.filter(|(last, _)| last.elapsed() <= ONE_BREAK);
            *broken = Some((Instant::now(), before.map_or(1, |(_, count)| count + 1)));
            broken
        });
        if self.usage.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.usage.idle.notify_waiters();
        }
        drop(broken);
    }
}

impl Instance {
    /// A process that listens on `socket`, encrypted where there is `tls`, with one lane for each
    /// of the edge's `shards`.
    pub fn new(
        plugin: Arc<PluginSpec>,
        (socket, tls): (&Path, Option<&Connector>),
        features: Features,
        shards: usize,
    ) -> Arc<Self> {
        let always = [Presence::new(true)].into();
        let address = Address::Unix(socket.to_owned());
        let lanes = |closed: &CancellationToken| {
            [Lane::new(address.clone(), tls.cloned(), closed.clone())].into()
        };
        Self::with_lanes(plugin, lanes, (features, shards), always)
    }

    /// Processes that all run one plugin; those `in_service` take turns, address by address. Somebody must
    /// look after them, who says for each new connection whether its process is known.
    pub fn at(
        plugin: Arc<PluginSpec>,
        addresses: &[Address],
        (features, shards): (Features, usize),
        in_service: &InService,
    ) -> Arc<Self> {
        let lanes = |closed: &CancellationToken| {
            let lane = |(at, address): (usize, &Address)| {
                Lane::new(address.clone(), None, closed.clone()).watched(in_service.clone(), at)
            };
            addresses.iter().enumerate().map(lane).collect()
        };
        Self::with_lanes(plugin, lanes, (features, shards), in_service.clone())
    }

    /// With `lanes` for each shard, one to each address.
    fn with_lanes(
        plugin: Arc<PluginSpec>,
        lanes: impl Fn(&CancellationToken) -> Box<[Lane]>,
        (features, shards): (Features, usize),
        in_service: InService,
    ) -> Arc<Self> {
        let closed = CancellationToken::new();
        let lanes = (0..shards.max(1)).map(|_| lanes(&closed)).collect();
        let (usage, turn) = (Arc::default(), AtomicUsize::new(0));
        Arc::new(Self { plugin, features, lanes, in_service, turn, usage, closed })
    }

    /// Sends a request to the address whose turn it is, or to the next one that can be reached.
    async fn call(
        &self,
        shard: usize,
        kind: CallKind,
        request: &Encoded,
        limit: Duration,
    ) -> Result<Messages, CallError> {
        let lanes = &self.lanes[shard % self.lanes.len()];
        let first = if lanes.len() == 1 { 0 } else { self.turn.fetch_add(1, Ordering::Relaxed) };
        let mut result = Err(CallError::Unreachable("no address is in service".to_owned()));
        for step in 0..lanes.len() {
            let at = (first.wrapping_add(step)) % lanes.len();
            if !self.in_service[at].is_up() {
                continue;
            }
            result = lanes[at].call(kind, request, limit).await;
            if !matches!(result, Err(CallError::Unreachable(_))) {
                break;
            }
            self.in_service[at].doubt();
        }
        result
    }

    /// What this process runs.
    pub fn plugin(&self) -> &Arc<PluginSpec> {
        &self.plugin
    }

    /// What the plugin announced.
    pub fn features(&self) -> Features {
        self.features
    }

    /// Waits until somebody could not reach it; one who could not before counts.
    pub async fn doubted(&self) {
        let doubts = self.in_service.iter().map(|address| Box::pin(address.doubted()));
        futures_util::future::select_all(doubts).await;
    }

    /// Largest encoded request that the plugin takes, in bytes.
    pub fn max_request_bytes(&self) -> usize {
        if self.features.large_messages { u32::MAX as usize } else { SMALL_MESSAGE_BYTES }
    }

    /// Calls that are open now.
    pub fn in_flight(&self) -> usize {
        self.usage.open.load(Ordering::Acquire)
    }

    /// For those who only count.
    pub fn open_calls(&self) -> OpenCalls {
        OpenCalls { usage: self.usage.clone() }
    }

    /// Waits until no call is open.
    pub async fn drained(&self) {
        loop {
            let idle = self.usage.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// The process is gone: every open call fails now, and no new one begins.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Asks for one answer, from the shard with the given number.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn unary(
        &self,
        shard: usize,
        request: &Encoded,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let mut in_use = self.enter();
        let asking = async {
            let messages = self.call(shard, CallKind::Unary, request, limit).await?;
            messages.only().await
        };
        let answer = asking.await.inspect_err(|error| in_use.note(error))?;
        Answer::decode(&answer).map_err(broken)
    }

    /// Opens a stream, from the shard with the given number. Dropping it cancels the plugin's call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn stream(
        &self,
        shard: usize,
        request: &Encoded,
        limit: Duration,
        end: End,
    ) -> Result<Chunks, CallError> {
        let mut in_use = self.enter();
        let messages = self
            .call(shard, CallKind::Streaming, request, limit)
            .await
            .inspect_err(|error| in_use.note(error))?;
        let signal = Arc::new(EndSignal::default());
        let entered = self.usage.streams.enter(signal.clone());
        Ok(Chunks { call: OpenCall::new(messages, in_use, end), signal, _entered: entered })
    }

    /// Tells all open streams to end, each as befits it, and waits a moment until they have.
    pub async fn end_streams(&self) {
        let streams = &self.usage.streams;
        streams.each(|signal| _ = signal.send(Ending::Drained));
        if tokio::time::timeout(LAST_STREAMS, streams.emptied()).await.is_err() {
            tracing::debug!(plugin = self.plugin.name, "streams are cut with their process");
            // Those whose reader has stalled would learn of it when he reads on, if ever.
            streams.each(|signal| signal.force());
        }
    }

    fn enter(&self) -> InUse {
        self.usage.open.fetch_add(1, Ordering::AcqRel);
        InUse { usage: self.usage.clone(), broke_off: false }
    }
}

/// Who ends a stream that lasts too long.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// Its reader.
    ByReader,
    /// Its reader, or others that may have to; there is no moment at which it must end.
    ByOthers,
    /// A guard, at this moment, even if nobody asks for chunks any more: the reader of an HTTP/2
    /// stream can stall so that its answer is not even polled.
    At(Instant),
}

/// The chunks of one stream. Dropping it cancels the plugin's call.
pub struct Chunks {
    call: OpenCall,
    signal: Arc<EndSignal>,
    _entered: Entered<Arc<EndSignal>>,
}

/// A call whose answer is still coming.
struct Coming {
    messages: Messages,
    in_use: Option<InUse>,
}

impl Coming {
    /// A call that ended with an error is open no more, although its reader may still hold it.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let next = ready!(self.messages.poll_next(cx));
        if let Some(Err(error)) = &next
            && let Some(mut in_use) = self.in_use.take()
        {
            in_use.note(error);
        }
        Poll::Ready(next)
    }
}

enum OpenCall {
    Plain(Coming),
    /// Can be ended by somebody else than its reader.
    Guarded(Arc<Mutex<Option<Coming>>>, Option<JoinHandle<()>>),
}

/// Ends a call whose reader may not ask for chunks any more.
pub struct Canceller(Weak<Mutex<Option<Coming>>>);

impl Canceller {
    /// Ends it, if it is still open.
    pub fn cancel(&self) {
        let Some(call) = self.0.upgrade() else { return };
        let ended = call.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Self::Guarded(_, Some(guard)) = self {
            guard.abort();
        }
    }
}

impl OpenCall {
    fn new(messages: Messages, in_use: InUse, end: End) -> Self {
        let coming = Coming { messages, in_use: Some(in_use) };
        let deadline = match end {
            End::ByReader => return Self::Plain(coming),
            End::ByOthers => None,
            End::At(deadline) => Some(deadline),
        };
        let shared = Arc::new(Mutex::new(Some(coming)));
        let guard = deadline.map(|deadline| {
            let canceller = Canceller(Arc::downgrade(&shared));
            tokio::spawn(async move {
                tokio::time::sleep_until(deadline).await;
                canceller.cancel();
            })
        });
        Self::Guarded(shared, guard)
    }
}

impl Chunks {
    /// Where the stream is told to end before its end.
    pub fn signal(&self) -> &Arc<EndSignal> {
        &self.signal
    }

    /// What ends the plugin's call, where that can be somebody else's business than its reader's.
    pub fn canceller(&self) -> Option<Canceller> {
        match &self.call {
            OpenCall::Plain(_) => None,
            OpenCall::Guarded(call, _) => Some(Canceller(Arc::downgrade(call))),
        }
    }

    /// The next chunk; `None` when the plugin's call ended with status 0.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, CallError>>> {
        let next = match &mut self.call {
            OpenCall::Plain(coming) => ready!(coming.poll_next(cx)),
            OpenCall::Guarded(shared, _) => {
                let mut call = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match call.as_mut() {
                    Some(coming) => ready!(coming.poll_next(cx)),
                    None => Some(Err(CallError::BrokeOff("cut at its deadline".to_owned()))),
                }
            }
        };
        Poll::Ready(next.map(|message| Chunk::decode(&message?).map_err(broken)))
    }

    /// [`Chunks::poll_next`] as a future.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn next(&mut self) -> Option<Result<Chunk, CallError>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

fn broken(malformed: Malformed) -> CallError {
    CallError::Protocol(malformed.to_string())
}
