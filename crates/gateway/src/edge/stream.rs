//! The body of a streamed answer: a plugin's chunks, passed on one by one as the client takes them.
//!
//! A truncated stream never looks complete: whatever goes wrong after the headers aborts. Nothing
//! is gathered and nothing of the gateway's own is inserted.

use super::connection::Connection;
use crate::instance::Chunks;
use crate::seldom::Seldom;
use bytes::Bytes;
use http_body::SizeHint;
use sidegate_transport::codec::Chunk;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How long a plugin may go on with its call after DONE, until it is cancelled.
const AFTER_DONE: Duration = Duration::from_secs(10);
/// How long an abort waits, so that the data just before it can leave.
const LAST_WORDS: Duration = Duration::from_millis(10);

/// What a faulty plugin does with every request, which anybody may send where no token is demanded.
static ENDLESS: Seldom = Seldom::new();
static TWICE: Seldom = Seldom::new();

/// A streamed answer that was cut; the connection or the HTTP/2 stream ends with an error.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{reason}")]
pub struct Aborted {
    /// Why, in words for the log.
    pub reason: &'static str,
}

/// How long a stream may last and pause.
pub struct StreamLimits {
    /// When it ends at the latest.
    pub deadline: Instant,
    /// The longest pause.
    pub idle: Option<Duration>,
}

/// What a chunk means for the stream.
enum Step {
    Data(Bytes),
    Nothing,
    Done,
    Abort(&'static str),
}

/// A streamed answer after its headers.
pub struct StreamBody {
    chunks: Option<Chunks>,
    first: Option<Bytes>,
    deadline: Pin<Box<Sleep>>,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    /// A stream that ends without DONE counts as complete.
    lenient: bool,
    /// Bytes that a Content-Length of the plugin still promises.
    promised: Option<u64>,
    /// Headers or data were passed on since the last pause, and may not have left yet.
    unsent: bool,
    /// An abort that lets the data before it leave; due at `deadline`.
    aborting: Option<&'static str>,
    /// HTTP/1.0: the end of the connection is the end of the answer.
    ends_with_connection: Option<Arc<Connection>>,
}

impl StreamBody {
    /// The rest of a stream whose headers are known; `first` is data that came before any headers.
    pub fn new(chunks: Chunks, first: Option<Bytes>, limits: &StreamLimits, lenient: bool) -> Self {
        Self {
            chunks: Some(chunks),
            first,
            deadline: Box::pin(tokio::time::sleep_until(limits.deadline)),
            idle: limits.idle.map(|pause| (pause, Box::pin(tokio::time::sleep(pause)))),
            lenient,
            promised: None,
            unsent: true,
            aborting: None,
            ends_with_connection: None,
        }
    }

    /// The answer promised this many bytes.
    pub fn promise(&mut self, bytes: u64) {
        self.promised = Some(bytes);
    }

    /// The answer's end is told by the end of this connection.
    pub fn ends_with(&mut self, connection: Arc<Connection>) {
        self.ends_with_connection = Some(connection);
    }

    /// What is known of the length.
    pub fn size_hint(&self) -> SizeHint {
        self.promised.map_or_else(SizeHint::new, SizeHint::with_exact)
    }

    /// Whether nothing follows.
    pub fn is_over(&self) -> bool {
        self.chunks.is_none() && self.aborting.is_none()
    }

    /// The next bytes for the client; `None` at an orderly end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        if let Some(reason) = self.aborting {
            ready!(self.deadline.as_mut().poll(cx));
            self.aborting = None;
            return Poll::Ready(Some(Err(Aborted { reason })));
        }
        if self.chunks.is_none() {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(cx).is_ready() {
            return self.abort(cx, "the stream lasted longer than its limit");
        }
        if let Some(data) = self.first.take() {
            return self.pass(cx, data);
        }
        loop {
            let Poll::Ready(step) = self.poll_step(cx) else {
                self.unsent = false;
                return Poll::Pending;
            };
            match step {
                Step::Data(data) => return self.pass(cx, data),
                Step::Nothing => {}
                Step::Abort(reason) => return self.abort(cx, reason),
                Step::Done if self.promised.is_some_and(|left| left > 0) => {
                    return self.abort(cx, "the stream is shorter than its Content-Length");
                }
                Step::Done => {
                    self.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Some(chunks) = &mut self.chunks else {
            return Poll::Ready(Step::Done);
        };
        let Poll::Ready(next) = chunks.poll_next(cx) else {
            return match &mut self.idle {
                Some((_, timer)) => timer
                    .as_mut()
                    .poll(cx)
                    .map(|()| Step::Abort("the stream paused longer than its limit")),
                None => Poll::Pending,
            };
        };
        if let Some((pause, timer)) = &mut self.idle {
            timer.as_mut().reset(Instant::now() + *pause);
        }
        Poll::Ready(match next {
            Some(Ok(chunk)) => meaning(chunk),
            Some(Err(error)) => {
                tracing::debug!(%error, "stream of plugin ended with an error");
                Step::Abort("the plugin's stream broke off")
            }
            None if self.lenient => Step::Done,
            None => Step::Abort("the plugin's stream ended without DONE"),
        })
    }

    fn pass(&mut self, cx: &mut Context<'_>, data: Bytes) -> Poll<Option<Result<Bytes, Aborted>>> {
        if let Some(left) = self.promised {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                return self.abort(cx, "the stream is longer than its Content-Length");
            };
            self.promised = Some(rest);
            if rest == 0 {
                self.finish();
            }
        }
        self.unsent = true;
        Poll::Ready(Some(Ok(data)))
    }

    fn abort(
        &mut self,
        cx: &mut Context<'_>,
        reason: &'static str,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        self.chunks = None;
        if let Some(connection) = &self.ends_with_connection {
            connection.reset_on_close();
        }
        if !self.unsent {
            return Poll::Ready(Some(Err(Aborted { reason })));
        }
        self.aborting = Some(reason);
        self.deadline.as_mut().reset(Instant::now() + LAST_WORDS);
        self.poll_chunk(cx)
    }

    /// After DONE the plugin's handler may finish in peace, for a while.
    fn finish(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            let_finish(chunks);
        }
    }
}

/// Lets a plugin's call end by itself, ignoring what it still says, and cancels it after a while.
pub fn let_finish(mut chunks: Chunks) {
    tokio::spawn(async move {
        let rest = async { while let Some(Ok(_)) = chunks.next().await {} };
        if tokio::time::timeout(AFTER_DONE, rest).await.is_err()
            && let Some(times) = ENDLESS.tell()
        {
            tracing::warn!(times, "a plugin's stream went on after DONE and was cancelled");
        }
    });
}

fn meaning(chunk: Chunk) -> Step {
    match chunk.kind {
        ChunkType::Body if chunk.data.is_empty() => Step::Nothing,
        ChunkType::Body => Step::Data(chunk.data),
        ChunkType::Done => Step::Done,
        ChunkType::Error => Step::Abort("the plugin reported an error within its stream"),
        ChunkType::Headers => {
            if let Some(times) = TWICE.tell() {
                tracing::warn!(
                    times,
                    "a plugin sent headers twice in one stream; the second ones are ignored"
                );
            }
            Step::Nothing
        }
    }
}
