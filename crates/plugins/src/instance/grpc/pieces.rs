//! The chunks of a streamed answer, and what they mean: only DONE is an end in order, unless the
//! operator is lenient. A call can be ended from outside, for its reader may have stalled.

use super::super::answer::{CallError, Piece};
use super::super::question::{End, Question};
use super::super::usage::InUse;
use super::lane::Messages;
use crate::ending::EndSignal;
use crate::limits::Ticket;
use crate::rate_limited_log::RateLimitedLogs;
use crate::roster::Entered;
use bytes::Bytes;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_transport::codec::Chunk;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a plugin may go on with its call after DONE, until it is cancelled.
const AFTER_DONE: Duration = Duration::from_secs(10);

/// What a faulty plugin does with every request, which anybody may send where no token is demanded.
static ENDLESS: RateLimitedLogs<PluginId> = RateLimitedLogs::new();
static HEADERS_TWICE: RateLimitedLogs<PluginId> = RateLimitedLogs::new();

/// A call whose answer is still coming.
struct Coming {
    messages: Messages,
    in_use: Option<InUse>,
    ticket: Option<Arc<Ticket>>,
}

impl Coming {
    /// A call that ended with an error is open no more, although its reader may still hold it.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let next = ready!(self.messages.poll_next(cx));
        if let Some(Err(error)) = &next
            && let Some(mut in_use) = self.in_use.take()
        {
            in_use.note(error);
            self.ticket = None;
        }
        Poll::Ready(next)
    }
}

/// A call that can be ended by somebody else than its reader.
pub(crate) struct SharedCall(Mutex<Option<Coming>>);

impl SharedCall {
    /// Ends it, if it is still open.
    pub(crate) fn cancel(&self) {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let mut call = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match call.as_mut() {
            Some(coming) => coming.poll_next(cx),
            None => {
                let cut = CallError::BrokeOff("cut at its deadline".to_owned());
                Poll::Ready(Some(Err(cut)))
            }
        }
    }
}

enum OpenCall {
    Plain(Coming),
    Shared(Arc<SharedCall>, Option<JoinHandle<()>>),
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Self::Shared(_, Some(guard)) = self {
            guard.abort();
        }
    }
}

impl OpenCall {
    fn new(coming: Coming, end: End) -> Self {
        let deadline = match end {
            End::ByReader => return Self::Plain(coming),
            End::ByOthers => None,
            End::At(deadline) => Some(deadline),
        };
        let shared = Arc::new(SharedCall(Mutex::new(Some(coming))));
        let guard = deadline.map(|deadline| {
            let call = Arc::downgrade(&shared);
            tokio::spawn(async move {
                tokio::time::sleep_until(deadline).await;
                if let Some(call) = call.upgrade() {
                    call.cancel();
                }
            })
        });
        Self::Shared(shared, guard)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        match self {
            Self::Plain(coming) => coming.poll_next(cx),
            Self::Shared(shared, _) => shared.poll_next(cx),
        }
    }
}

/// The rest of a stream of chunks. Dropping it cancels the plugin's call.
pub(crate) struct GrpcPieces {
    call: OpenCall,
    plugin: Arc<PluginSpec>,
    request_id: Box<str>,
    signal: Arc<EndSignal>,
    _entered: Entered<Arc<EndSignal>>,
}

impl GrpcPieces {
    /// Of a call that asks this.
    pub(crate) fn new(
        messages: Messages,
        in_use: InUse,
        end: End,
        question: &Question<'_>,
    ) -> Self {
        let signal = Arc::new(EndSignal::default());
        let entered = in_use.usage().enter_stream(signal.clone());
        let ticket = question.ticket.cloned();
        let coming = Coming { messages, in_use: Some(in_use), ticket };
        let call = OpenCall::new(coming, end);
        let (plugin, request_id) = (question.plugin.clone(), question.request_id.into());
        Self { call, plugin, request_id, signal, _entered: entered }
    }

    /// The next chunk; `None` when the plugin's call ended with status 0.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, CallError>>> {
        let next = ready!(self.call.poll_next(cx));
        Poll::Ready(next.map(|message| Ok(Chunk::decode(&message?)?)))
    }

    /// The next chunk, before the answer has begun.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn next_chunk(&mut self) -> Option<Result<Chunk, CallError>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// What the next chunk means, after the answer has begun.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        Poll::Ready(match ready!(self.poll_chunk(cx)) {
            Some(Ok(chunk)) => self.meaning(chunk),
            Some(Err(error)) => {
                let (plugin, request_id) = (&self.plugin.name, &self.request_id);
                tracing::debug!(plugin, %request_id, %error, "stream of plugin ended with an error");
                Piece::Broken("the plugin's stream broke off")
            }
            None if self.plugin.options.lenient_done => Piece::End,
            None => Piece::Broken("the plugin's stream ended without DONE"),
        })
    }

    fn meaning(&self, chunk: Chunk) -> Piece {
        match chunk.kind {
            ChunkType::Body => Piece::Data(chunk.data),
            ChunkType::Done => Piece::End,
            ChunkType::Error => Piece::Broken("the plugin reported an error within its stream"),
            ChunkType::Headers => {
                if let Some(times) = HEADERS_TWICE.due(self.plugin.id) {
                    let (plugin, request_id) = (&self.plugin.name, &self.request_id);
                    tracing::warn!(
                        plugin,
                        %request_id,
                        times,
                        "a plugin sent headers twice in one stream; the second ones are ignored"
                    );
                }
                Piece::Data(Bytes::new())
            }
        }
    }

    /// Lets the plugin's call end by itself, ignoring what it still says, and cancels it after a while.
    pub(crate) fn let_finish(mut self: Box<Self>) {
        tokio::spawn(async move {
            let rest = async { while let Some(Ok(_)) = self.next_chunk().await {} };
            if tokio::time::timeout(AFTER_DONE, rest).await.is_err()
                && let Some(times) = ENDLESS.due(self.plugin.id)
            {
                let (plugin, request_id) = (&self.plugin.name, &self.request_id);
                tracing::warn!(
                    plugin,
                    %request_id,
                    times,
                    "a plugin's stream went on after DONE and was cancelled"
                );
            }
        });
    }

    /// Where the stream is told to end before its end.
    pub(crate) fn signal(&self) -> &Arc<EndSignal> {
        &self.signal
    }

    /// The call, where its end can be somebody else's business than its reader's.
    pub(crate) fn shared_call(&self) -> Option<Weak<SharedCall>> {
        match &self.call {
            OpenCall::Plain(_) => None,
            OpenCall::Shared(call, _) => Some(Arc::downgrade(call)),
        }
    }
}
