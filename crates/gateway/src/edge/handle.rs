//! The story of a request to a plugin, in six steps, each of which may end it.

use super::access_log::Record;
use super::body::EdgeBody;
use super::context::RequestContext;
use super::dispatch;
use super::error::EdgeError;
use super::request::{self, Admitted};
use super::response::{self, Form};
use super::sanity;
use crate::identity::admit::{OverQuota, Permit, admit};
use crate::identity::authenticate::{Caller, Refused, authenticate};
use crate::metrics::{Label, RouteLabels};
use crate::route::lookup::{Found, Match, Miss, lookup};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use sidegate_model::UnixMillis;
use sidegate_model::endpoint::MethodSet;
use sidegate_model::path::PluginPath;
use sidegate_wire::ErrorCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Answers a request for a path under `/plugins/`.
///
/// # Errors
/// [`EdgeError`], which becomes the answer.
pub async fn handle(
    context: &RequestContext,
    head: Parts,
    body: &mut Incoming,
    record: &mut Record,
) -> Result<Response<EdgeBody>, EdgeError> {
    sanity::check(&head)?;
    let path = PluginPath::parse(head.uri.path())?;
    let matched = match lookup(&context.generation, head.method.as_str(), path)? {
        Found::Match(matched) => matched,
        Found::Options(allow) => return Ok(options(allow)),
    };
    record.labels = labels(&matched);
    let caller = identify(context, &matched, &head)?;
    if let Caller::App(known) = &caller {
        record.app = Some(known.identity.app.id.0);
    }
    let permit = admit(caller, nanos(context))?;
    request::check_announced_size(&context.edge, body)?;
    call(context, matched, permit, head, body).await
}

/// Reads the body, asks the plugin, and makes the answer.
async fn call(
    context: &RequestContext,
    matched: Match,
    permit: Permit,
    head: Parts,
    body: &mut Incoming,
) -> Result<Response<EdgeBody>, EdgeError> {
    let mount = matched.mount.clone();
    let streamed = matched.endpoint.stream_response;
    let form = Form {
        version: head.version,
        is_head: head.method == Method::HEAD,
        lenient_done: mount.plugin.options.lenient_done,
    };
    let instance = dispatch::instance(&mount.target)?;
    let body = request::read_body(&context.edge, body).await?;
    let admitted = Admitted { matched, permit: &permit, features: instance.features() };
    let message = request::build(context, admitted, head, body);
    dispatch::check_size(instance, &message)?;
    let answer = if streamed {
        dispatch::stream(context, &permit, instance, &message).await?
    } else {
        dispatch::unary(context, &permit, instance, &message).await?
    };
    Ok(response::build(context, &permit, answer, form))
}

fn identify(context: &RequestContext, matched: &Match, head: &Parts) -> Result<Caller, EdgeError> {
    let query = head.uri.query();
    Ok(authenticate(&context.generation, matched, &head.headers, query, now())?)
}

fn options(allow: MethodSet) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, allow_value(allow));
    response
}

fn allow_value(allow: MethodSet) -> HeaderValue {
    HeaderValue::from_str(&allow.to_string()).unwrap_or(HeaderValue::from_static(""))
}

fn labels(matched: &Match) -> RouteLabels {
    RouteLabels {
        plugin: Label::new(&matched.mount.plugin.name),
        route: Label::new(&matched.endpoint.path),
        method: Label::new(matched.method.as_str()),
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
}

fn nanos(context: &RequestContext) -> u64 {
    u64::try_from(context.edge.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
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
                "an encoded slash makes this path name two different endpoints",
            ),
            Miss::Unavailable(code) => Self::new(code),
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
