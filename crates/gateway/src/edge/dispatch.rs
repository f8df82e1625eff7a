//! The call to the plugin, under its deadline: one answer, or a stream up to its headers.

use super::context::RequestContext;
use super::error::EdgeError;
use super::stream::StreamLimits;
use crate::generation::Target;
use crate::identity::admit::Permit;
use crate::instance::{Chunks, Instance};
use crate::lane::CallError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use prost::Message as _;
use sidegate_wire::ErrorCode;
use sidegate_wire::plugin as wire;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use std::sync::Arc;
use tokio::time::{Instant, timeout, timeout_at};

/// A plugin's answer, as far as it is known when the client's answer begins.
pub struct Answer {
    /// Status of the answer.
    pub status: StatusCode,
    /// Headers, cleaned.
    pub headers: HeaderMap,
    /// What follows.
    pub content: Content,
}

/// The body of a plugin's answer.
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// An orderly stream that ended before its first byte.
    Nothing,
    /// A stream, with data that came before any headers.
    Stream(Chunks, Option<Bytes>, StreamLimits),
}

/// The process that answers for a mount.
///
/// # Errors
/// 503 while there is none.
pub fn instance(target: &Target) -> Result<&Arc<Instance>, EdgeError> {
    match target {
        Target::Ready(instance) => Ok(instance),
        Target::Starting => Err(EdgeError::new(ErrorCode::PluginStarting)),
        Target::Unavailable => Err(EdgeError::new(ErrorCode::PluginUnavailable)),
    }
}

/// Refuses what the plugin's gRPC server would not take.
///
/// # Errors
/// 413, naming the plugin's limit.
pub fn check_size(instance: &Instance, request: &wire::EndpointRequest) -> Result<(), EdgeError> {
    let (size, limit) = (request.encoded_len(), instance.max_request_bytes());
    if size <= limit {
        return Ok(());
    }
    let text = format!("the request is larger than this plugin accepts ({limit} bytes in all)");
    Err(EdgeError::public(ErrorCode::BodyTooLarge, text))
}

/// One question, one answer.
///
/// # Errors
/// 504 after the deadline, 502 or 503 when the call fails, the plugin's own error otherwise.
pub async fn unary(
    context: &RequestContext,
    _permit: &Permit,
    instance: &Instance,
    request: &wire::EndpointRequest,
) -> Result<Answer, EdgeError> {
    let limit = context.edge.limits.unary_timeout;
    let call = instance.unary(context.connection.shard, request, limit);
    let answer = timeout(limit, call).await.map_err(|_| timed_out())??;
    if !answer.error_message.is_empty() {
        return Err(reported(answer.status_code, answer.error_message));
    }
    Ok(Answer {
        status: status(answer.status_code)?,
        headers: super::headers::response(answer.headers, answer.header_list),
        content: Content::Whole(answer.body),
    })
}

/// One question, a stream for an answer.
///
/// # Errors
/// As [`unary`], for everything that happens before the first byte.
pub async fn stream(
    context: &RequestContext,
    _permit: &Permit,
    instance: &Instance,
    request: &wire::EndpointRequest,
) -> Result<Answer, EdgeError> {
    let limits = &context.edge.limits;
    let deadline = Instant::now() + limits.stream_timeout;
    let opening = async {
        let mut chunks =
            instance.stream(context.connection.shard, request, limits.stream_timeout).await?;
        let first = first_meaningful(&mut chunks).await?;
        Ok::<_, CallError>((chunks, first))
    };
    let idle_end = limits.stream_idle_timeout.map(|pause| Instant::now() + pause);
    let end = idle_end.map_or(deadline, |idle| idle.min(deadline));
    let (chunks, first) = timeout_at(end, opening).await.map_err(|_| timed_out())??;
    let Some(first) = first else {
        return Err(
            EdgeError::new(ErrorCode::PluginProtocol).because("the stream ended with nothing sent")
        );
    };
    let stream_limits = StreamLimits { deadline, idle: limits.stream_idle_timeout };
    match first.r#type() {
        ChunkType::Headers => Ok(Answer {
            status: status(first.status_code)?,
            headers: super::headers::response(first.headers, first.header_list),
            content: Content::Stream(chunks, None, stream_limits),
        }),
        ChunkType::Body => Ok(Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content: Content::Stream(chunks, Some(first.data), stream_limits),
        }),
        ChunkType::Done => {
            super::stream::let_finish(chunks);
            Ok(Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                content: Content::Nothing,
            })
        }
        ChunkType::Error => Err(reported(first.status_code, first.error_message)),
    }
}

/// The first chunk that says anything; empty data does not.
async fn first_meaningful(
    chunks: &mut Chunks,
) -> Result<Option<wire::EndpointResponseChunk>, CallError> {
    loop {
        match chunks.next().await.transpose()? {
            Some(chunk) if chunk.r#type() == ChunkType::Body && chunk.data.is_empty() => {}
            other => return Ok(other),
        }
    }
}

fn timed_out() -> EdgeError {
    EdgeError::new(ErrorCode::PluginTimeout)
}

fn reported(status_code: i32, text: String) -> EdgeError {
    EdgeError::reported(status(status_code).ok().filter(|_| status_code != 0), text)
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
