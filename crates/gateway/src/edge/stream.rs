//! The body of a streamed answer: its pieces, passed on one by one as the client takes them.
//!
//! A truncated stream never looks complete: whatever goes wrong after the headers aborts. What the
//! gateway ends itself is aborted too, except events that a client listens to: those end in order,
//! between two of them. Nothing is gathered and nothing of the gateway's own is inserted.

#[cfg(test)]
mod tests;

use super::connection::ClientConnection;
use super::event_border::EventBorder;
use super::open_streams::Open;
use crate::metrics::PolicyLimit;
use bytes::Bytes;
use http_body::SizeHint;
use sidegate_plugins::{Canceller, EndSignal, Ending, Piece, Pieces};
use sidegate_wire::ErrorCode;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How long an abort waits, so that the data just before it can leave.
const ABORT_PAUSE: Duration = Duration::from_millis(10);
/// How long the rest of an event is waited for, where a stream is to end between two.
const EVENT_END: Duration = Duration::from_millis(250);

/// Why a stream is cut that has paused for too long.
const PAUSED: &str = "the stream paused longer than its limit";

/// A streamed answer that was cut; the connection or the HTTP/2 stream ends with an error.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Aborted {
    /// Why, in words for the log.
    pub reason: &'static str,
    /// Its row of the error table, where it has one.
    pub code: Option<ErrorCode>,
    /// The limit that was exceeded, where the plugin's operator has set it.
    pub limit: Option<PolicyLimit>,
}

impl Aborted {
    fn because(reason: &'static str) -> Self {
        Self { reason, code: None, limit: None }
    }
}

impl From<Ending> for Aborted {
    fn from(ending: Ending) -> Self {
        let code = match ending {
            Ending::Drained | Ending::Stopping | Ending::ByOperator => None,
            Ending::Forbidden => Some(ErrorCode::Forbidden),
            Ending::Expired | Ending::Inactive | Ending::Revoked => Some(ErrorCode::Unauthorized),
        };
        Self { reason: ending.reason(), code, limit: None }
    }
}

/// How long a stream may last and pause.
#[derive(Debug, Default)]
pub(crate) struct StreamLimits {
    /// When it ends at the latest, if ever.
    pub deadline: Option<Instant>,
    /// The longest pause.
    pub idle: Option<Duration>,
    /// The longest pause is the word of the plugin's operator.
    pub is_idle_option: bool,
}

/// Where the pieces of a stream come from. Dropping it cancels the plugin's call.
pub(crate) trait PieceSource: Send + 'static {
    /// What comes next, see [`Pieces::poll_piece`].
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece>;

    /// Where the stream is told to end before its end.
    fn signal(&self) -> &Arc<EndSignal>;

    /// Nothing more is wanted, see [`Pieces::let_finish`].
    fn let_finish(self);
}

impl PieceSource for Pieces {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        Self::poll_piece(self, cx)
    }

    fn signal(&self) -> &Arc<EndSignal> {
        Self::signal(self)
    }

    fn let_finish(self) {
        Self::let_finish(self);
    }
}

/// A streamed answer after its headers.
pub(crate) struct StreamBody<P = Pieces> {
    pieces: Option<P>,
    first: Option<Bytes>,
    /// When it ends at the latest.
    limit: Option<Instant>,
    /// Due at the limit; later when the rest of an event, or an abort, is at its end.
    timer: Option<Pin<Box<Sleep>>>,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    /// What a longer pause counts as, beside its end.
    idle_limit: Option<PolicyLimit>,
    /// Bytes that a Content-Length of the plugin still promises.
    promised: Option<u64>,
    /// Headers or data were passed on since the last pause, and may not have left yet.
    unsent: bool,
    /// Told when it is to end before its end.
    signal: Arc<EndSignal>,
    /// Its place among the open ones of its shard.
    open: Option<Open>,
    /// Where it stands, if it may end between two events.
    events: Option<EventBorder>,
    /// It ends with the event that is on its way.
    last_event: Option<Aborted>,
    /// An abort that lets the data before it leave; due with the timer.
    aborting: Option<Aborted>,
    /// HTTP/1.0: the end of the connection is the end of the answer.
    ends_with_connection: Option<Arc<ClientConnection>>,
}

impl StreamBody {
    /// What ends its call, where that can be somebody else's business than its reader's.
    pub(crate) fn canceller(&self) -> Option<Canceller> {
        self.pieces.as_ref().and_then(Pieces::canceller)
    }
}

impl<P: PieceSource> StreamBody<P> {
    /// The rest of a stream that has begun; `first` is what came of it already.
    pub(crate) fn new(pieces: P, first: Option<Bytes>, limits: &StreamLimits) -> Self {
        let signal = pieces.signal().clone();
        Self {
            pieces: Some(pieces),
            first,
            limit: limits.deadline,
            timer: limits.deadline.map(|at| Box::pin(tokio::time::sleep_until(at))),
            idle: limits.idle.map(|pause| (pause, Box::pin(tokio::time::sleep(pause)))),
            idle_limit: limits.is_idle_option.then_some(PolicyLimit::StreamIdleTimeout),
            promised: None,
            unsent: true,
            signal,
            open: None,
            events: None,
            last_event: None,
            aborting: None,
            ends_with_connection: None,
        }
    }

    /// The answer promised this many bytes.
    pub(crate) fn promise(&mut self, bytes: u64) {
        self.promised = Some(bytes);
    }

    /// The answer's end is told by the end of this connection: whatever cuts it is to be told from
    /// an end in order.
    pub(crate) fn ends_with(&mut self, connection: Arc<ClientConnection>) {
        connection.reset_on_close();
        self.ends_with_connection = Some(connection);
    }

    /// Whether its end is told by the end of the connection.
    pub(crate) fn is_ended_by_connection(&self) -> bool {
        self.ends_with_connection.is_some()
    }

    /// Where the gateway ends it, it ends between two events.
    pub(crate) fn end_between_events(&mut self) {
        self.events = Some(EventBorder::default());
    }

    /// It is among the open ones now.
    pub(crate) fn entered(&mut self, open: Open) {
        self.open = Some(open);
    }

    /// Where it is told to end before its end.
    pub(crate) fn signal(&self) -> &Arc<EndSignal> {
        &self.signal
    }

    /// When it ends at the latest, if ever.
    pub(crate) fn limit(&self) -> Option<Instant> {
        self.limit
    }

    /// What is known of the length.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.promised.map_or_else(SizeHint::new, SizeHint::with_exact)
    }

    /// Whether nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        self.pieces.is_none() && self.aborting.is_none()
    }

    /// The next bytes for the client; `None` at an orderly end.
    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        if let Some(aborted) = self.aborting {
            ready!(self.poll_timer(cx));
            self.aborting = None;
            return Poll::Ready(Some(Err(aborted)));
        }
        if self.pieces.is_none() {
            return Poll::Ready(None);
        }
        if let Some(ended) = self.end_early(cx) {
            return ended;
        }
        if let Some(data) = self.first.take() {
            return self.pass(cx, data);
        }
        loop {
            let Poll::Ready(piece) = self.poll_piece(cx) else {
                self.unsent = false;
                self.signal.listen(cx.waker());
                // It may have been told just before it listened.
                return self.end_early(cx).unwrap_or(Poll::Pending);
            };
            match piece {
                Piece::Data(data) if data.is_empty() => {}
                Piece::Data(data) => return self.pass(cx, data),
                Piece::Broken(reason) => {
                    let limit = self.idle_limit.filter(|_| reason == PAUSED);
                    return self.abort(cx, Aborted { limit, ..Aborted::because(reason) });
                }
                Piece::End if self.promised.is_some_and(|left| left > 0) => {
                    let short = "the stream is shorter than its Content-Length";
                    return self.abort(cx, Aborted::because(short));
                }
                Piece::End => {
                    self.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    fn set_timer(&mut self, after: Duration) {
        let at = Instant::now() + after;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(at),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Ends it by the gateway's own doing, where that is due.
    fn end_early(&mut self, cx: &mut Context<'_>) -> Option<Poll<Option<Result<Bytes, Aborted>>>> {
        let is_due = self.poll_timer(cx).is_ready();
        let why = match self.signal.get() {
            Some(ending) if ending.is_refusal() => return Some(self.abort(cx, ending.into())),
            Some(ending) => ending.into(),
            None if is_due => Aborted::because("the stream lasted longer than its limit"),
            None => return None,
        };
        match &self.events {
            Some(border) if border.is_between() => {
                self.close(why);
                Some(Poll::Ready(None))
            }
            Some(_) if self.last_event.is_none() => {
                self.last_event = Some(why);
                self.set_timer(EVENT_END);
                // For its waker; it is not due yet.
                let _ = self.poll_timer(cx);
                None
            }
            // The event may still come to its end.
            Some(_) if !is_due => None,
            _ => Some(self.abort(cx, self.last_event.unwrap_or(why))),
        }
    }

    /// An orderly end between two events.
    fn close(&mut self, why: Aborted) {
        tracing::debug!(reason = why.reason, "events end in order");
        self.pieces = None;
        self.ended_in_order();
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let Some(pieces) = &mut self.pieces else {
            return Poll::Ready(Piece::End);
        };
        let Poll::Ready(piece) = pieces.poll_piece(cx) else {
            return match &mut self.idle {
                Some((_, timer)) => {
                    let paused = Piece::Broken(PAUSED);
                    timer.as_mut().poll(cx).map(|()| paused)
                }
                None => Poll::Pending,
            };
        };
        if let Some((pause, timer)) = &mut self.idle {
            timer.as_mut().reset(Instant::now() + *pause);
        }
        Poll::Ready(piece)
    }

    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        mut data: Bytes,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        if let Some(left) = self.promised {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                let long = "the stream is longer than its Content-Length";
                return self.abort(cx, Aborted::because(long));
            };
            self.promised = Some(rest);
            if rest == 0 {
                self.finish();
            }
        }
        if let Some(border) = &mut self.events {
            match self.last_event.and_then(|why| Some((why, border.within(&data)?))) {
                Some((why, end)) => {
                    data.truncate(end);
                    self.close(why);
                }
                None => border.pass(&data),
            }
        }
        self.unsent = true;
        Poll::Ready(Some(Ok(data)))
    }

    fn abort(
        &mut self,
        cx: &mut Context<'_>,
        aborted: Aborted,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        self.pieces = None;
        if !self.unsent {
            return Poll::Ready(Some(Err(aborted)));
        }
        self.aborting = Some(aborted);
        self.set_timer(ABORT_PAUSE);
        self.poll_chunk(cx)
    }

    /// Everything has come: the plugin's handler may finish in peace, for a while.
    fn finish(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            pieces.let_finish();
        }
        self.ended_in_order();
    }

    fn ended_in_order(&self) {
        if let Some(connection) = &self.ends_with_connection {
            connection.ends_in_order();
        }
    }
}
