//! The story of a request to a plugin, in six steps, each of which may end it.

use super::access_log::RequestRecord;
use super::body::EdgeBody;
use super::context::RequestContext;
use super::cors;
use super::dispatch::{self, Failed, PluginAnswer};
use super::error::EdgeError;
use super::request::{self, Admitted, Question};
use super::response::{self, Form};
use super::settle::{self, Outcome, Settled, settle};
use super::upload::Upload;
use crate::identity::admit::{OverQuota, admit};
use crate::identity::authenticate::Refused;
use crate::route::lookup::Miss;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use sidegate_model::endpoint::MethodSet;
use sidegate_plugins::Instance;
use sidegate_wire::ErrorCode;
use std::sync::Arc;
use tokio::time::Instant;

/// Answers a request for a path under `/plugins/`.
///
/// # Errors
/// [`EdgeError`], which becomes the answer.
pub(crate) async fn handle(
    context: &mut RequestContext,
    head: &Parts,
    body: &mut Upload,
    record: &mut RequestRecord,
) -> Result<Response<EdgeBody>, EdgeError> {
    let Settled { matched, caller, instance } = match settle(context, head, record).await? {
        Outcome::Call(settled) => settled,
        Outcome::Options(allow) => return Ok(options(context, head, allow)),
    };
    let permit = admit(caller, nanos(context))?;
    body.check_announced(&context.edge)?;
    let was_there = body.has_ended();
    let body = body.read(&context.edge).await?;
    if !was_there {
        context.now = Instant::now();
    }
    record.received(body.bytes.len());
    let admitted = Admitted { matched, permit, instance };
    let (question, instance) = request::build(context, admitted, head, body.bytes.clone());
    let form = Form { method: &head.method, options: &question.matched.mount.plugin.options };
    if let Some(answer) = heard(dispatch::ask(context, &question, &instance).await) {
        return Ok(response::build(context, &question.permit, answer?, form));
    }
    // In a box, because no other request needs the room for it.
    let answer = Box::pin(ask_another(context, &question, &instance)).await?;
    Ok(response::build(context, &question.permit, answer, form))
}

/// What comes of a call, unless the process was gone before it heard of it.
fn heard(asked: Result<PluginAnswer, Failed>) -> Option<Result<PluginAnswer, EdgeError>> {
    match asked {
        Ok(answer) => Some(Ok(answer)),
        Err(Failed::Heard(error)) => Some(Err(error)),
        Err(Failed::Unheard(_)) => None,
    }
}

/// Asks the process that took the place of one that is gone.
async fn ask_another(
    context: &mut RequestContext,
    question: &Question<'_>,
    gone: &Arc<Instance>,
) -> Result<PluginAnswer, Failed> {
    let next = settle::replacement(context, &question.matched, gone).await?;
    context.now = Instant::now();
    dispatch::ask(context, question, &next).await
}

fn options(context: &RequestContext, head: &Parts, allow: MethodSet) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(cors) = context.cors.as_ref().and_then(|plugin| plugin.options.cors.as_ref())
        && cors::is_preflight(head)
    {
        cors::permit(cors, &head.headers, allow, response.headers_mut());
    }
    response.headers_mut().insert(header::ALLOW, allow_value(allow));
    response
}

fn allow_value(allow: MethodSet) -> HeaderValue {
    HeaderValue::from_str(&allow.to_string()).unwrap_or(HeaderValue::from_static(""))
}

fn nanos(context: &RequestContext) -> u64 {
    u64::try_from(
        context.start.into_std().saturating_duration_since(context.edge.started).as_nanos(),
    )
    .unwrap_or(u64::MAX)
}

impl From<Miss> for EdgeError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::NotFound => Self::new(ErrorCode::NotFound),
            Miss::MethodNotAllowed(allow) => {
                Self::new(ErrorCode::MethodNotAllowed).with(header::ALLOW, allow_value(allow))
            }
            Miss::Ambiguous => Self::public(
                ErrorCode::InvalidRequest,
                "slashes make this path name two different endpoints: send it without encoded ones, and without any at its end",
            ),
            Miss::Unknown(_) => Self::new(ErrorCode::PluginUnavailable),
        }
    }
}

impl From<Refused> for EdgeError {
    fn from(refused: Refused) -> Self {
        let error = Self::public(refused.code, refused.public);
        if refused.code != ErrorCode::Unauthorized {
            return error;
        }
        let challenge = match refused.challenge {
            Some(why) => format!(
                "Bearer realm=\"sidegate\", error=\"{why}\", error_description=\"{}\"",
                refused.public
            ),
            None => "Bearer realm=\"sidegate\"".to_owned(),
        };
        match HeaderValue::from_str(&challenge) {
            Ok(value) => error.with(header::WWW_AUTHENTICATE, value),
            Err(_) => error,
        }
    }
}

impl From<OverQuota> for EdgeError {
    fn from(over: OverQuota) -> Self {
        let text = format!("this app may send {} requests a minute", over.state.limit);
        let mut error = Self::public(ErrorCode::RateLimited, text)
            .with(header::RETRY_AFTER, over.retry_after_seconds.into());
        error.headers.extend(response::quota_headers(over.state));
        error
    }
}
