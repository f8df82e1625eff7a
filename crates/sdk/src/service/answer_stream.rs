//! Writes the answer of one call onto its HTTP/2 stream: head, messages, status.

use std::future::poll_fn;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use tonic::Status;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const OK: HeaderValue = HeaderValue::from_static("0");

/// The head of an answer that has messages.
pub(super) fn head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    head
}

/// What follows the last message of a call that succeeded.
pub(super) fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, OK);
    trailers
}

/// What follows the last message of a call that failed.
pub(super) fn failure(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    if status.add_header(&mut trailers).is_err() {
        // A text that no header can carry; the code alone still says that it failed.
        trailers.insert(GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    trailers
}

/// Answers with a status and no message.
pub(super) fn refuse(respond: &mut SendResponse<Bytes>, status: &Status) -> Result<(), h2::Error> {
    let mut head = head();
    head.headers_mut().extend(failure(status));
    respond.send_response(head, true).map(drop)
}

/// Waits until the host takes more. A message may be larger than that; what is too much waits here.
///
/// # Errors
/// When the host has given the call up, or the connection is gone.
pub(super) async fn room(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(room) => _ = room?,
            None => return Err(Reason::CANCEL.into()),
        }
    }
    Ok(())
}
