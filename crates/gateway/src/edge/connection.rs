//! What is known of one client connection, shared between its socket and its requests.

use crate::deadlines::Deadlines;
use crate::metrics::ShardMetrics;
use futures_util::task::AtomicWaker;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// One client connection.
#[derive(Debug)]
pub struct Connection {
    /// The other end.
    pub peer: SocketAddr,
    /// The other end's address as text, made once.
    pub peer_text: String,
    /// The shard that carries it.
    pub shard: usize,
    /// What that shard counts.
    pub metrics: Arc<ShardMetrics>,
    /// When answers must have left at the latest.
    pub deadlines: Arc<Deadlines>,
    /// Requests that have not been answered to the last byte.
    open: AtomicUsize,
    /// Requests that ever began.
    begun: AtomicUsize,
    opened: Instant,
    /// When the last open request ended, in nanoseconds after `opened`.
    last_ended: AtomicU64,
    idle: AtomicWaker,
    reset: AtomicBool,
}

/// An open request on a connection; ends when dropped.
#[derive(Debug)]
pub struct OpenRequest(Arc<Connection>);

impl OpenRequest {
    /// The connection it came on.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let nanos = u64::try_from(self.0.opened.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.last_ended.store(nanos, Ordering::Relaxed);
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.wake();
        }
    }
}

impl Connection {
    /// A connection from `peer`, carried by a shard that counts in `metrics`.
    pub fn new(peer: SocketAddr, shard: usize, metrics: Arc<ShardMetrics>) -> Arc<Self> {
        Arc::new(Self {
            peer,
            // An IPv4 address that came through an IPv6 socket is told in its own form.
            peer_text: peer.ip().to_canonical().to_string(),
            shard,
            metrics,
            deadlines: Arc::default(),
            open: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            opened: Instant::now(),
            last_ended: AtomicU64::new(0),
            idle: AtomicWaker::new(),
            reset: AtomicBool::new(false),
        })
    }

    /// Counts a request until the result is dropped.
    pub fn begin(self: &Arc<Self>) -> OpenRequest {
        self.open.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::Relaxed);
        OpenRequest(self.clone())
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

    /// Ends the connection with a reset, for answers whose end is the end of the connection.
    pub fn reset_on_close(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// Whether it is to end with a reset.
    pub fn wants_reset(&self) -> bool {
        self.reset.load(Ordering::Acquire)
    }
}
