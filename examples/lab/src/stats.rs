//! What the lab remembers: how many requests, which nonces, and how each stream ended. Bounded.
//!
//! Knows nothing of what is answered.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use sidegate_sdk::{Closed, Request, Result};

use crate::recent::Recent;

/// How many named streams are remembered after their end.
const CLOSED_STREAMS: usize = 10_000;
/// How many nonces are remembered.
const NONCES: usize = 100_000;

/// The state that all handlers share.
#[derive(Debug)]
pub struct Lab {
    require_auth: bool,
    requests: AtomicU64,
    calls: AtomicU64,
    most_calls: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
    sent_bytes: AtomicU64,
    closed_by_id: Mutex<Recent<&'static str>>,
    nonces: Mutex<Recent<()>>,
}

impl Lab {
    pub(crate) fn new(require_auth: bool) -> Self {
        Self {
            require_auth,
            requests: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            most_calls: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            closed_by_id: Mutex::new(Recent::new(CLOSED_STREAMS)),
            nonces: Mutex::new(Recent::new(NONCES)),
        }
    }

    /// Whether every endpoint demands a token.
    pub(crate) fn require_auth(&self) -> bool {
        self.require_auth
    }

    /// Counts a request. Every handler does this first.
    pub(crate) fn saw(&self, req: &Request) {
        self.requests.fetch_add(1, SeqCst);
        for nonce in req.headers().get_all("X-Nonce") {
            lock(&self.nonces).insert(&String::from_utf8_lossy(nonce), ());
        }
    }

    /// Whether a request with this nonce came.
    pub(crate) fn seen(&self, nonce: &str) -> bool {
        lock(&self.nonces).contains(nonce)
    }

    /// Counts a stream, from now until the guard is dropped.
    pub(crate) fn open_stream(self: &Arc<Self>, id: Option<String>) -> OpenStream {
        self.opened.fetch_add(1, SeqCst);
        let lab = Arc::clone(self);
        OpenStream { _call: self.open_call(), lab, id, reason: "client_gone" }
    }

    /// Counts a call that takes its time, from now until the guard is dropped.
    pub(crate) fn open_call(self: &Arc<Self>) -> OpenCall {
        let now = self.calls.fetch_add(1, SeqCst) + 1;
        self.most_calls.fetch_max(now, SeqCst);
        OpenCall(Arc::clone(self))
    }

    /// Everything that is counted.
    pub(crate) fn stats(&self) -> Value {
        // In this order, so that a stream that opens and closes meanwhile is not missing.
        let closed = self.closed.load(SeqCst);
        let opened = self.opened.load(SeqCst);
        let closed_by_id: serde_json::Map<_, _> = lock(&self.closed_by_id)
            .iter()
            .map(|(id, reason)| (id.clone(), Value::from(*reason)))
            .collect();
        json!({
            "requests": self.requests.load(SeqCst),
            "calls": {
                "active": self.calls.load(SeqCst),
                "most": self.most_calls.load(SeqCst),
            },
            "streams": {
                "active": opened.saturating_sub(closed),
                "opened": opened,
                "closed": closed,
                "sent_bytes": self.sent_bytes.load(SeqCst),
            },
            "closed_by_id": closed_by_id,
            "rss_bytes": rss_bytes(),
            "pid": std::process::id(),
        })
    }
}

/// A call that takes its time.
#[derive(Debug)]
pub(crate) struct OpenCall(Arc<Lab>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, SeqCst);
    }
}

/// A stream that is being written. A handler that is dropped was left alone by its client.
#[derive(Debug)]
pub(crate) struct OpenStream {
    lab: Arc<Lab>,
    id: Option<String>,
    reason: &'static str,
    _call: OpenCall,
}

impl OpenStream {
    /// Counts bytes that the host took.
    pub(crate) fn sent(&self, bytes: usize) {
        self.lab.sent_bytes.fetch_add(bytes as u64, SeqCst);
    }

    /// Notes how the handler ended.
    pub(crate) fn close(mut self, outcome: &Result<()>) {
        self.reason = match outcome {
            Ok(()) => "done",
            Err(error) if error.downcast_ref::<Closed>().is_some() => "client_gone",
            Err(_) => "failed",
        };
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            lock(&self.lab.closed_by_id).insert(id, self.reason);
        }
        // After the reason, so that whoever sees the count can read the reason.
        self.lab.closed.fetch_add(1, SeqCst);
    }
}

/// A panic of another request is no reason to stop counting.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory in use; `None` where the system has no `/proc`.
fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
