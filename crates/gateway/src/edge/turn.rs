//! A place among the calls of a plugin that takes only so many at one time. A request asks for one when
//! its body is there.

use super::context::Edge;
use super::error::EdgeError;
use crate::route::lookup::Match;
use sidegate_plugins::{Entry, PluginLimits, Ticket};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The bodies of all that wait for one plugin take at most this part of the memory for bodies, so that a
/// busy plugin leaves room for the others.
const SHARE: usize = 4;

/// A place, and whether the request had to wait for it.
pub(crate) struct Turn {
    /// The place, until it is dropped.
    pub ticket: Arc<Ticket>,
    /// What was settled before may be so no more.
    pub has_waited: bool,
}

/// The bytes of a body that waits.
struct QueuedBody<'a> {
    limits: &'a PluginLimits,
    bytes: usize,
}

impl<'a> QueuedBody<'a> {
    /// Takes them from the plugin's share of the memory for bodies.
    fn take(limits: &'a PluginLimits, bytes: usize, share: usize) -> Result<Self, EdgeError> {
        let before = limits.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let taken = Self { limits, bytes };
        if before.saturating_add(bytes) <= share { Ok(taken) } else { Err(EdgeError::queue_full()) }
    }
}

impl Drop for QueuedBody<'_> {
    fn drop(&mut self) {
        self.limits.queued_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Takes a place for a request with a body of so many bytes.
///
/// # Errors
/// 503 where the plugin is too busy.
pub(crate) async fn take(edge: &Edge, matched: &Match, bytes: usize) -> Result<Turn, EdgeError> {
    let limits = &matched.mount.limits;
    match limits.concurrency.enter()? {
        Entry::Inside(ticket) => Ok(Turn { ticket, has_waited: false }),
        Entry::Waits(waiting) => {
            let _queued = QueuedBody::take(limits, bytes, edge.body_memory.bytes() / SHARE)?;
            Ok(Turn { ticket: waiting.admitted().await?, has_waited: true })
        }
    }
}
