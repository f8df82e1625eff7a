//! Frames a request: its id, its generation, its record; the only place where an error becomes an
//! answer. It cannot fail.

use super::access_log::Record;
use super::body::EdgeBody;
use super::connection::OpenRequest;
use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::handle::handle;
use super::request_id::RequestId;
use super::upload::Upload;
use super::{operations, sanity};
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use sidegate_wire::ErrorCode;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one request, which has been open on its connection since its head was read.
///
/// # Errors
/// Never.
pub async fn respond(
    edge: Arc<Edge>,
    open: OpenRequest,
    request: Request<Incoming>,
) -> Result<Response<EdgeBody>, Infallible> {
    let connection = open.connection().clone();
    let generation = edge.current.load();
    let id = RequestId::of(request.headers());
    let version = request.version();
    let mut context =
        RequestContext { id, connection, version, start: Instant::now(), generation, edge };
    let (head, body) = request.into_parts();
    let mut body = Upload::new(body);
    let mut record = Record::new(&context, open, &head);
    let is_head = head.method == Method::HEAD;

    let result = caught(answer(&mut context, head, &mut body, &mut record)).await;

    let unread = !body.has_ended();
    let mut response = result.unwrap_or_else(|error| {
        if error.code == ErrorCode::Internal {
            tracing::error!(request_id = %context.id, "internal error: {}", error.internal);
        }
        record.error = Some((error.code, error.internal.to_string()));
        error.into_response(context.id.as_str())
    });
    response.headers_mut().insert(REQUEST_ID, context.id.to_header());
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.body_mut().leave_out();
    } else if is_head && let Some(length) = response.body_mut().leave_out() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    // A body that was not read may still be on its way: an HTTP/1 connection serves no other
    // request and takes the rest while it closes, an HTTP/2 stream takes it here.
    if unread && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    } else if unread {
        tokio::spawn(body.take_rest());
    }
    record.status = response.status();
    let patience = context.edge.limits.answer_patience();
    response.body_mut().owning(record, version, patience);
    Ok(response)
}

/// Answers what is soundly asked: about the gateway itself, or of a plugin.
async fn answer(
    context: &mut RequestContext,
    head: Parts,
    body: &mut Upload,
    record: &mut Record,
) -> Result<Response<EdgeBody>, EdgeError> {
    sanity::check(&head, &context.edge.limits.head())?;
    match operations::answer(context, &head.method, head.uri.path()) {
        Some(answer) => Ok(answer),
        None => handle(context, head, body, record).await,
    }
}

/// A panic ends one request, never the process. Not an async function, which would hold what it is
/// given twice.
fn caught(
    handling: impl Future<Output = Result<Response<EdgeBody>, EdgeError>>,
) -> impl Future<Output = Result<Response<EdgeBody>, EdgeError>> {
    let panicked = |_| Err(EdgeError::new(ErrorCode::Internal).because("a panic"));
    AssertUnwindSafe(handling).catch_unwind().map(move |unwound| unwound.unwrap_or_else(panicked))
}
