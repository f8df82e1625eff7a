//! Frames a request: its id, its generation, its record; the only place where an error becomes an
//! answer. It cannot fail.

use super::access_log::Record;
use super::body::EdgeBody;
use super::connection::OpenRequest;
use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::guarded_io::{LINGER, LINGER_BYTES};
use super::handle::handle;
use super::{operations, request_id};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
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
    let id = request_id::of(request.headers());
    let version = request.version();
    let mut context =
        RequestContext { id, connection, version, start: Instant::now(), generation, edge };
    let (head, mut body) = request.into_parts();
    let mut record = Record::new(&context, head.method.clone(), head.uri.path());
    let is_head = head.method == Method::HEAD;

    let result = match operations::answer(&context, &head.method, head.uri.path()) {
        Some(answer) => Ok(answer),
        None => caught(handle(&mut context, head, &mut body, &mut record)).await,
    };

    let unread = !body.is_end_stream();
    let mut response = result.unwrap_or_else(|error| {
        if error.code == ErrorCode::Internal {
            tracing::error!(request_id = %context.id, "internal error: {}", error.internal);
        }
        record.error = Some((error.code.as_str(), error.internal.to_string()));
        error.into_response(&context.id)
    });
    if let Ok(value) = HeaderValue::from_str(&context.id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if is_head && let Some(length) = response.body_mut().leave_out() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    // A body that was not read may still be on its way: an HTTP/1 connection serves no other
    // request and takes the rest while it closes, an HTTP/2 stream takes it here.
    if unread && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    } else if unread {
        tokio::spawn(take_rest(body));
    }
    record.status = response.status();
    response.body_mut().owning(record, open);
    Ok(response)
}

/// A panic ends one request, never the process.
async fn caught(
    handling: impl Future<Output = Result<Response<EdgeBody>, EdgeError>>,
) -> Result<Response<EdgeBody>, EdgeError> {
    let unwound = AssertUnwindSafe(handling).catch_unwind().await;
    unwound.unwrap_or_else(|_| Err(EdgeError::new(ErrorCode::Internal).because("a panic")))
}

/// Takes what a client still sends of a refused request, within bounds, so that the answer reaches
/// clients that read only after they have sent.
async fn take_rest(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    let taking = async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len) as u64;
            left = left.saturating_sub(size);
            if left == 0 {
                break;
            }
        }
    };
    // What comes later is refused with a reset.
    let _ = tokio::time::timeout(LINGER, taking).await;
}
