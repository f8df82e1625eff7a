//! Frames a request: its id, its generation, its record; the only place where an error becomes an
//! answer. It cannot fail.

use super::access_log::Record;
use super::body::EdgeBody;
use super::connection::OpenRequest;
use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::handle::handle;
use super::{operations, request_id};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Request, Response, Version, header};
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
    let context = RequestContext {
        id,
        connection,
        start: Instant::now(),
        generation,
        edge,
    };
    let mut record = Record::new(&context, request.method().clone(), request.uri().path());
    let version = request.version();
    let has_body = !request.body().is_end_stream();

    let result = match operations::answer(&context, request.method(), request.uri().path()) {
        Some(answer) => Ok(answer),
        None => caught(handle(&context, request, &mut record)).await,
    };

    let failed = result.is_err();
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
    // A body that was refused unread may still be on its way: this connection serves no other.
    if failed && has_body && version < Version::HTTP_2 {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
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
