//! The call to the plugin, under its deadline: one answer, or a stream up to its beginning.

use super::context::RequestContext;
use super::deadlines::Late;
use super::error::EdgeError;
use super::request::PluginRequest;
use super::stream::StreamLimits;
use crate::metrics::PolicyLimit;
use http::Version;
use sidegate_model::policy::PolicyOptions;
use sidegate_plugins::{Answer, AskError, CallLimits, End, Instance, Question, RequestBody};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much later than the reader the guard of a stream acts.
const GUARD_MARGIN: Duration = Duration::from_millis(500);

/// A plugin's answer, and how long it may go on.
pub(crate) struct PluginAnswer {
    /// As far as it is known when the client's answer begins.
    pub answer: Answer,
    /// Of a stream.
    pub limits: StreamLimits,
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

impl From<AskError> for Failed {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unheard(error) => Self::Unheard(error.into()),
            AskError::Heard(error) => Self::Heard(error.into()),
        }
    }
}

impl From<EdgeError> for Failed {
    fn from(error: EdgeError) -> Self {
        Self::Heard(error)
    }
}

/// Asks a process, the way its endpoint wants to be asked; the time counts from `now`.
///
/// # Errors
/// See [`Failed`].
pub(crate) async fn ask(
    context: &RequestContext,
    request: &PluginRequest<'_>,
    body: &mut RequestBody,
    instance: &Instance,
    now: Instant,
) -> Result<PluginAnswer, Failed> {
    let added = request.added(context);
    let question = request.question(context, &added);
    if question.streams {
        let options = &question.plugin.options;
        let limit = options.stream.limit(context.edge.limits.stream_timeout);
        let limits = StreamLimits {
            deadline: limit.map(|limit| now + limit),
            idle: longest_pause(context, &options.policy),
            is_idle_option: options.policy.stream_idle_timeout.is_some(),
        };
        let within = limit.unwrap_or(Duration::MAX);
        let call = CallLimits { within, ..call_limits(context, &limits) };
        // In a box, because a single answer needs less room.
        let end = begins_by(context, &limits, now);
        let asking = Box::pin(timeout_at(end, instance.ask(&question, body, call)));
        let answer = asking.await.map_err(|_| EdgeError::plugin_timeout())??;
        return Ok(PluginAnswer { answer, limits });
    }
    let answer = single(context, &question, body, instance, now).await?;
    Ok(PluginAnswer { answer, limits: StreamLimits::default() })
}

/// One question, one answer.
async fn single(
    context: &RequestContext,
    question: &Question<'_>,
    body: &mut RequestBody,
    instance: &Instance,
    now: Instant,
) -> Result<Answer, Failed> {
    let of_plugin = question.plugin.options.policy.timeout;
    let within = of_plugin.unwrap_or(context.edge.limits.unary_timeout);
    let limits = CallLimits { shard: context.connection.shard, within, end: End::ByReader };
    // Pinned here, because it is large and would be moved.
    let call = pin!(instance.ask(question, body, limits));
    let answer = context.connection.deadlines.within(now + within, call);
    let late = |_: Late| match of_plugin {
        Some(_) => EdgeError::plugin_timeout().by_limit(PolicyLimit::Timeout),
        None => EdgeError::plugin_timeout(),
    };
    Ok(answer.await.map_err(late)??)
}

/// How long a stream may pause; `None` is no limit.
fn longest_pause(context: &RequestContext, policy: &PolicyOptions) -> Option<Duration> {
    match policy.stream_idle_timeout {
        Some(pause) => Some(pause).filter(|pause| !pause.is_zero()),
        None => context.edge.limits.stream_idle_timeout,
    }
}

/// Who ends a stream: over HTTP/2 its reader may have stalled so that it is not even polled.
fn call_limits(context: &RequestContext, limits: &StreamLimits) -> CallLimits {
    let end = match (context.version, limits.deadline) {
        (Version::HTTP_2, Some(deadline)) => End::At(deadline + GUARD_MARGIN),
        (Version::HTTP_2, None) => End::ByOthers,
        _ => End::ByReader,
    };
    CallLimits { shard: context.connection.shard, within: Duration::MAX, end }
}

/// When a stream must have begun; where it has no limit, its headers still have one.
fn begins_by(context: &RequestContext, limits: &StreamLimits, now: Instant) -> Instant {
    let headers_end = limits.deadline.unwrap_or(now + context.edge.limits.stream_timeout);
    limits.idle.map_or(headers_end, |pause| headers_end.min(now + pause))
}
