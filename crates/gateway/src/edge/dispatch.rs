//! The call to the plugin, under its deadline: one answer, or a stream up to its headers.

use super::context::RequestContext;
use super::deadlines::Late;
use super::error::EdgeError;
use super::headers::TooMany;
use super::request::Question;
use super::stream::StreamLimits;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use sidegate_plugins::{CallError, Chunks, End, Instance};
use sidegate_transport::codec::{Chunk, Encoded};
use sidegate_wire::ErrorCode;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout_at;

/// How much later than the reader the guard of a stream acts.
const GUARD_MARGIN: Duration = Duration::from_millis(500);

/// A plugin's answer, as far as it is known when the client's answer begins.
pub(crate) struct PluginAnswer {
    /// Status of the answer.
    pub status: StatusCode,
    /// Headers, cleaned.
    pub headers: HeaderMap,
    /// What follows.
    pub content: AnswerBody,
}

/// The body of a plugin's answer.
pub(crate) enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// An orderly stream that ended before its first byte.
    Nothing,
    /// A stream, with data that came before any headers.
    Stream(Chunks, Option<Bytes>, StreamLimits),
}

/// A call that came to nothing.
pub(crate) enum Failed {
    /// The process was gone before it heard of the request; another one may be asked.
    Unheard(EdgeError),
    /// The request may have been heard; it is not sent again.
    Heard(EdgeError),
}

impl From<Failed> for EdgeError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unheard(error) | Failed::Heard(error) => error,
        }
    }
}

impl From<EdgeError> for Failed {
    fn from(error: EdgeError) -> Self {
        Self::Heard(error)
    }
}

impl From<TooMany> for EdgeError {
    fn from(too_many: TooMany) -> Self {
        Self::new(ErrorCode::PluginProtocol).because(too_many.to_string())
    }
}

impl From<TooMany> for Failed {
    fn from(too_many: TooMany) -> Self {
        Self::Heard(too_many.into())
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(_) => Self::Unheard(error.into()),
            other => Self::Heard(other.into()),
        }
    }
}

/// Asks a process, the way its endpoint wants to be asked.
///
/// # Errors
/// See [`Failed`].
pub(crate) async fn ask(
    context: &RequestContext,
    question: &Question<'_>,
    instance: &Instance,
) -> Result<PluginAnswer, Failed> {
    let request = question.encode(context, instance.features())?;
    check_size(instance, &request)?;
    if question.matched.endpoint.stream_response {
        let limit =
            question.matched.mount.plugin.options.stream.limit(context.edge.limits.stream_timeout);
        stream(context, instance, &request, limit).await
    } else {
        unary(context, instance, &request).await
    }
}

/// Refuses what the plugin's gRPC server would not take.
fn check_size(instance: &Instance, request: &Encoded) -> Result<(), EdgeError> {
    let (size, limit) = (request.message_len(), instance.max_request_bytes());
    if size <= limit {
        return Ok(());
    }
    let text = format!("the request is larger than this plugin accepts ({limit} bytes in all)");
    Err(EdgeError::public(ErrorCode::BodyTooLarge, text))
}

/// One question, one answer.
async fn unary(
    context: &RequestContext,
    instance: &Instance,
    request: &Encoded,
) -> Result<PluginAnswer, Failed> {
    let limit = context.edge.limits.unary_timeout;
    // Pinned here, because it is large and would be moved.
    let call = pin!(instance.unary(context.connection.shard, request, limit));
    let within = context.connection.deadlines.within(context.now + limit, call);
    let answer = within.await.map_err(|_: Late| timed_out())??;
    if !answer.error_message.is_empty() {
        return Err(reported(answer.status_code, &answer.error_message).into());
    }
    Ok(PluginAnswer {
        status: status(answer.status_code)?,
        headers: super::headers::response(&answer.headers)?,
        content: AnswerBody::Whole(answer.body),
    })
}

/// One question, a stream for an answer; without a `limit` only its headers must come in time.
async fn stream(
    context: &RequestContext,
    instance: &Instance,
    request: &Encoded,
    limit: Option<Duration>,
) -> Result<PluginAnswer, Failed> {
    let limits = &context.edge.limits;
    let deadline = limit.map(|limit| context.now + limit);
    let end_call = match (context.version, deadline) {
        (Version::HTTP_2, Some(deadline)) => End::At(deadline + GUARD_MARGIN),
        (Version::HTTP_2, None) => End::ByOthers,
        _ => End::ByReader,
    };
    let opening = async {
        let shard = context.connection.shard;
        let limit = limit.unwrap_or(Duration::MAX);
        let mut chunks = instance.stream(shard, request, limit, end_call).await?;
        let first = first_meaningful(&mut chunks).await?;
        Ok::<_, CallError>((chunks, first))
    };
    let idle_end = limits.stream_idle_timeout.map(|pause| context.now + pause);
    let headers_end = deadline.unwrap_or(context.now + limits.stream_timeout);
    let end = idle_end.map_or(headers_end, |idle| idle.min(headers_end));
    let (chunks, first) = timeout_at(end, opening).await.map_err(|_| timed_out())??;
    let Some(first) = first else {
        let nothing = EdgeError::new(ErrorCode::PluginProtocol);
        return Err(nothing.because("the stream ended with nothing sent").into());
    };
    let limits = StreamLimits { deadline, idle: limits.stream_idle_timeout };
    Ok(begin(chunks, first, limits)?)
}

/// The answer that begins with this chunk.
fn begin(chunks: Chunks, first: Chunk, limits: StreamLimits) -> Result<PluginAnswer, EdgeError> {
    match first.kind {
        ChunkType::Headers => Ok(PluginAnswer {
            status: status(first.status_code)?,
            headers: super::headers::response(&first.headers)?,
            content: AnswerBody::Stream(chunks, None, limits),
        }),
        ChunkType::Body => Ok(PluginAnswer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content: AnswerBody::Stream(chunks, Some(first.data), limits),
        }),
        ChunkType::Done => {
            super::stream::let_finish(chunks);
            Ok(PluginAnswer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                content: AnswerBody::Nothing,
            })
        }
        ChunkType::Error => Err(reported(first.status_code, &first.error_message)),
    }
}

/// The first chunk that says anything; empty data does not.
async fn first_meaningful(chunks: &mut Chunks) -> Result<Option<Chunk>, CallError> {
    loop {
        match chunks.next().await.transpose()? {
            Some(chunk) if chunk.kind == ChunkType::Body && chunk.data.is_empty() => {}
            other => return Ok(other),
        }
    }
}

fn timed_out() -> EdgeError {
    EdgeError::new(ErrorCode::PluginTimeout)
}

fn reported(status_code: i32, text: &str) -> EdgeError {
    let status = status(status_code).ok().filter(|_| status_code != 0);
    EdgeError::reported(status, text.to_owned())
}

fn status(code: i32) -> Result<StatusCode, EdgeError> {
    let code = if code == 0 { 200 } else { code };
    u16::try_from(code)
        .ok()
        .filter(|code| *code >= 200)
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| {
            EdgeError::new(ErrorCode::PluginProtocol).because(format!("status code {code}"))
        })
}
