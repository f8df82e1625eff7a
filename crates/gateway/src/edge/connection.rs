//! What is known of one client connection, shared between its socket and its requests.

use super::connection_requests::ConnectionRequests;
use super::deadlines::{Deadlines, Ticket};
use crate::identity::client_certificate::ClientCertificate;
use crate::log::AccessLog;
use crate::metrics::ShardMetrics;
use futures_util::task::AtomicWaker;
use sidegate_plugins::{Scheme, StreamTask};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// What is known of one client, and shared by its requests and its socket.
pub struct ClientConnection {
    /// The other end.
    pub peer: SocketAddr,
    /// The other end's address as text, made once.
    pub peer_text: String,
    /// Whether the other end is a proxy whose word about clients is believed.
    pub is_proxy: bool,
    /// How the other end came.
    pub scheme: Scheme,
    /// The shard that carries it.
    pub shard: usize,
    /// What that shard counts.
    pub metrics: Arc<ShardMetrics>,
    /// Where its requests are told.
    pub access: Arc<AccessLog>,
    certificate: OnceLock<Arc<ClientCertificate>>,
    /// When plugins must have answered, and answers must have left, at the latest.
    pub deadlines: Deadlines,
    /// Its requests that are open, as an operator sees them.
    pub(crate) requests: ConnectionRequests,
    /// Requests that have not been answered to the last byte.
    open: AtomicUsize,
    /// Requests that ever began.
    begun: AtomicUsize,
    opened: Instant,
    /// When the last open request ended, in nanoseconds after `opened`.
    last_ended: AtomicU64,
    idle: AtomicWaker,
    reset: AtomicBool,
    in_order: AtomicBool,
    /// The open request is answered with a stream; of interest over HTTP/1 only.
    streaming: AtomicBool,
    /// Its socket is being closed.
    closing: AtomicBool,
    /// Something came from the other end; of interest over HTTP/2 only.
    heard: AtomicBool,
    wrote: AtomicBool,
    /// A request on it had a fragment; its head is marked.
    fragment: AtomicBool,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Where the client, or the last proxy, connected from.
    pub addr: SocketAddr,
    /// Whether it is a proxy whose word about clients is believed.
    pub is_proxy: bool,
    /// How it came.
    pub scheme: Scheme,
}

/// An open request on a connection; ends when dropped.
pub struct OpenRequest {
    connection: Arc<ClientConnection>,
    /// What carries it; `None` over HTTP/1, where that is the connection.
    stream: Option<StreamTask>,
    /// When its answer must have left.
    end: Option<(Ticket, Instant)>,
    /// When it ended, if that is known already.
    ended: Option<Instant>,
}

impl OpenRequest {
    /// The connection it came on.
    pub fn connection(&self) -> &Arc<ClientConnection> {
        &self.connection
    }

    /// What carries it; `None` over HTTP/1, where that is the connection.
    pub fn stream(&self) -> Option<&StreamTask> {
        self.stream.as_ref()
    }

    /// Ends what carries the request when that is still open at this moment.
    pub fn must_end_by(&mut self, at: Instant) {
        let end = self.connection.deadlines.add(at, self.stream.clone());
        if let Some((before, _)) = self.end.replace((end, at)) {
            self.connection.deadlines.withdraw(before);
        }
    }

    /// Withdraws [`OpenRequest::must_end_by`].
    pub fn need_not_end(&mut self) {
        if let Some((end, _)) = self.end.take() {
            self.connection.deadlines.withdraw(end);
        }
    }

    /// Whether it must end at some moment.
    pub fn must_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether it had to end before this moment.
    pub fn is_late(&self, now: Instant) -> bool {
        self.end.as_ref().is_some_and(|(_, at)| *at <= now)
    }

    /// Tells when it ended, just before it is dropped.
    pub fn ended_at(&mut self, now: Instant) {
        self.ended = Some(now);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let connection = &self.connection;
        if let Some((end, _)) = self.end.take() {
            connection.deadlines.withdraw(end);
        }
        let lasted = self.ended.unwrap_or_else(Instant::now) - connection.opened;
        let nanos = u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX);
        connection.last_ended.store(nanos, Ordering::Relaxed);
        if connection.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            connection.idle.wake();
        }
    }
}

impl ClientConnection {
    /// A connection from `peer`, carried by a shard that counts in `metrics` and tells in `access`.
    pub fn new(
        peer: Peer,
        shard: usize,
        metrics: Arc<ShardMetrics>,
        access: Arc<AccessLog>,
    ) -> Arc<Self> {
        Arc::new(Self {
            peer: peer.addr,
            // An IPv4 address that came through an IPv6 socket is told in its own form.
            peer_text: peer.addr.ip().to_canonical().to_string(),
            is_proxy: peer.is_proxy,
            scheme: peer.scheme,
            shard,
            metrics,
            access,
            certificate: OnceLock::new(),
            deadlines: Deadlines::default(),
            requests: ConnectionRequests::default(),
            open: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            opened: Instant::now(),
            last_ended: AtomicU64::new(0),
            idle: AtomicWaker::new(),
            reset: AtomicBool::new(false),
            in_order: AtomicBool::new(false),
            streaming: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            wrote: AtomicBool::new(false),
            fragment: AtomicBool::new(false),
        })
    }

    /// The client has shown this in its handshake, before its first request.
    pub(crate) fn shows(&self, certificate: ClientCertificate) {
        // There is one handshake.
        let _ = self.certificate.set(Arc::new(certificate));
    }

    /// What the client has shown in its handshake, where somebody vouches for it.
    pub(crate) fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.certificate.get()
    }

    /// Counts a request until the result is dropped; what carries it where that is not all of the
    /// connection.
    pub fn begin(self: &Arc<Self>, stream: Option<StreamTask>) -> OpenRequest {
        self.open.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.streaming.store(false, Ordering::Relaxed);
        OpenRequest { connection: self.clone(), stream, end: None, ended: None }
    }

    /// Whether every request has been answered.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// When the last open request ended; without any, when the connection began.
    pub fn idle_since(&self) -> Instant {
        self.opened + Duration::from_nanos(self.last_ended.load(Ordering::Relaxed))
    }

    /// How many requests ever began.
    pub fn served(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Wakes `waker` when the last open request ends.
    pub fn wake_when_idle(&self, waker: &Waker) {
        self.idle.register(waker);
    }

    /// The answer whose end is the end of the connection has ended as it should.
    pub fn ends_in_order(&self) {
        self.in_order.store(true, Ordering::Release);
    }

    /// Ends the connection with a reset, for answers whose end is the end of the connection, unless
    /// all of one was sent that [`ends_in_order`](Self::ends_in_order).
    pub fn reset_on_close(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// Whether it is to end with a reset.
    pub fn wants_reset(&self) -> bool {
        self.reset.load(Ordering::Acquire)
    }

    /// The open request is answered with a stream.
    pub fn streams(&self) {
        self.streaming.store(true, Ordering::Relaxed);
    }

    /// Whether the last request is answered with a stream.
    pub fn is_streaming(&self) -> bool {
        self.streaming.load(Ordering::Relaxed)
    }

    /// Its socket is being closed: nothing is open, and all answers have been written.
    pub fn closes(&self) {
        if self.in_order.load(Ordering::Acquire) {
            self.reset.store(false, Ordering::Release);
        }
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Whether its socket is being closed.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// The other end took something.
    pub fn wrote(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    /// Whether the other end took something since this was last asked.
    pub fn has_written(&self) -> bool {
        self.wrote.swap(false, Ordering::Relaxed)
    }

    /// Something came from the other end.
    pub fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// A request has a fragment, and its head is marked.
    pub fn sees_fragment(&self) {
        self.fragment.store(true, Ordering::Relaxed);
    }

    /// Whether heads on it may be marked.
    pub fn saw_fragment(&self) -> bool {
        self.fragment.load(Ordering::Relaxed)
    }

    /// Whether anything came since this was last asked.
    pub fn was_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }
}
