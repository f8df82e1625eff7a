//! The body of a request: read whole, within limits of size, time and the gateway's memory.

use super::body_memory::{Exhausted, Reservation};
use super::context::Edge;
use super::error::EdgeError;
use super::guarded_io::{LINGER, LINGER_BYTES};
use crate::metrics::PolicyLimit;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use sidegate_model::policy::PolicyOptions;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a body may take to come up to the least rate.
const SLOW_START: Duration = Duration::from_secs(5);

/// So much is made ready for a body that announces more; the rest when it comes.
const FIRST_RESERVE: usize = 1024 * 1024;

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit {
    bytes: usize,
    /// Because the plugin's operator says so.
    is_option: bool,
}

impl BodyLimit {
    /// Of a plugin with this policy: never more than there is memory for.
    pub(crate) fn of(edge: &Edge, policy: &PolicyOptions) -> Self {
        match policy.max_body {
            None => Self { bytes: edge.limits.max_body_bytes, is_option: false },
            Some(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                Self { bytes: bytes.min(edge.body_memory.bytes()), is_option: true }
            }
        }
    }

    /// In bytes.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// Refuses a body that announces so many bytes.
    ///
    /// # Errors
    /// 413.
    pub(crate) fn check(self, announced: u64) -> Result<(), EdgeError> {
        if announced <= self.bytes as u64 { Ok(()) } else { Err(self.exceeded()) }
    }

    fn exceeded(self) -> EdgeError {
        let error = EdgeError::body_above(self.bytes);
        if self.is_option { error.by_limit(PolicyLimit::MaxBody) } else { error }
    }
}

/// A whole body, and its share of the memory.
pub(crate) struct Uploaded {
    /// All of them, in one piece.
    pub bytes: Bytes,
    _memory: Option<Reservation>,
}

/// A body that may still be on its way.
pub(crate) struct Upload {
    incoming: Incoming,
    ended: bool,
}

impl Upload {
    /// Of which nothing was read.
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self { ended: incoming.is_end_stream(), incoming }
    }

    /// Whether everything was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }

    /// Refuses a body that announces itself as too large, before any of it is read.
    ///
    /// # Errors
    /// 413.
    pub(crate) fn check_announced(&self, limit: BodyLimit) -> Result<(), EdgeError> {
        limit.check(self.incoming.size_hint().lower())
    }

    /// Reads it all.
    ///
    /// # Errors
    /// 413 above the limit, 408 for a body that does not arrive in time, 400 for a broken one, 503
    /// when all bodies together need more memory than there is for them.
    pub(crate) async fn read(
        &mut self,
        edge: &Edge,
        limit: BodyLimit,
    ) -> Result<Uploaded, EdgeError> {
        if self.has_ended() {
            return Ok(Uploaded { bytes: Bytes::new(), _memory: None });
        }
        let reading = timeout(edge.limits.body_total_timeout, self.frames(edge, limit));
        reading.await.map_err(|_| too_slow())?
    }

    async fn frames(&mut self, edge: &Edge, limit: BodyLimit) -> Result<Uploaded, EdgeError> {
        let (mut first, mut rest, mut memory) = (Bytes::new(), BytesMut::new(), None);
        let mut begun = None;
        loop {
            let now = Instant::now();
            let begun = *begun.get_or_insert(now);
            let end = next_by(edge, now, begun, first.len() + rest.len());
            let Some(data) = self.data(end).await? else { break };
            let size = first.len() + rest.len() + data.len();
            if size > limit.bytes {
                return Err(limit.exceeded());
            }
            let taken = edge.body_memory.take(size, &mut memory);
            taken.map_err(|_: Exhausted| EdgeError::overloaded())?;
            if first.is_empty() && rest.is_empty() {
                // A body that comes in one piece is never copied.
                first = data;
                continue;
            }
            if rest.is_empty() {
                let announced = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(0);
                rest.reserve((size + announced).min(limit.bytes).min(size.max(FIRST_RESERVE)));
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
        let bytes = if rest.is_empty() { first } else { rest.freeze() };
        Ok(Uploaded { bytes, _memory: memory })
    }

    /// The next piece that has anything in it, without trailers; it must be there by `end`.
    async fn data(&mut self, end: Instant) -> Result<Option<Bytes>, EdgeError> {
        loop {
            let frame = timeout_at(end, self.incoming.frame());
            let Some(frame) = frame.await.map_err(|_| too_slow())? else {
                self.ended = true;
                return Ok(None);
            };
            let frame = frame.map_err(|e| EdgeError::body_broken(e.to_string()))?;
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
    }

    /// Takes what a client still sends of a refused request, within bounds, so that the answer
    /// reaches clients that read only after they have sent.
    pub(crate) async fn take_rest(mut self) {
        let mut left = LINGER_BYTES;
        let taking = async {
            while let Some(Ok(frame)) = self.incoming.frame().await {
                let size = frame.data_ref().map_or(0, Bytes::len) as u64;
                left = left.saturating_sub(size);
                if left == 0 {
                    break;
                }
            }
        };
        // What comes later is refused with a reset.
        let _ = timeout(LINGER, taking).await;
    }
}

/// When the next piece of a body must be there of which so much has come: it may neither pause for
/// too long nor, after its first seconds, come more slowly than the least rate.
fn next_by(edge: &Edge, now: Instant, begun: Instant, received: usize) -> Instant {
    let limits = &edge.limits;
    let pause_ends = now + limits.body_idle_timeout;
    if limits.body_min_rate == 0 {
        return pause_ends;
    }
    let earned = received as f64 / f64::from(limits.body_min_rate);
    // More than the whole body may take has no meaning.
    let earned = Duration::from_secs_f64(earned.min(limits.body_total_timeout.as_secs_f64()));
    pause_ends.min(begun + SLOW_START + earned)
}

fn too_slow() -> EdgeError {
    EdgeError::body_too_slow()
}
