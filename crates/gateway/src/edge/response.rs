//! From a plugin's answer to the client's.

use super::body::EdgeBody;
use super::context::RequestContext;
use super::dispatch::{Answer, Content};
use super::stream::{StreamBody, let_finish};
use crate::identity::admit::Permit;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use sidegate_model::quota::QuotaState;

/// What of the request decides about the form of its answer.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The protocol version.
    pub version: Version,
    /// Whether the client asked for headers only.
    pub is_head: bool,
    /// Whether the plugin's stream may end without DONE.
    pub lenient_done: bool,
}

/// Whether answers with this status have no content, whatever they are given.
pub fn has_no_content(status: StatusCode) -> bool {
    let without = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    without.contains(&status)
}

/// Makes the client's answer.
pub fn build(
    context: &RequestContext,
    permit: &Permit,
    answer: Answer,
    form: Form,
) -> Response<EdgeBody> {
    let Answer { status, mut headers, content } = answer;
    let promised = take_length(&mut headers);
    let body = match content {
        // Dropping a stream here cancels the plugin's call.
        _ if has_no_content(status) => EdgeBody::empty(),
        Content::Stream(..) | Content::Nothing if form.is_head => {
            insert_length(&mut headers, promised);
            EdgeBody::empty()
        }
        Content::Whole(bytes) if form.is_head => {
            let length = bytes.len() as u64;
            insert_length(&mut headers, Some(length).filter(|n| *n > 0).or(promised));
            EdgeBody::empty()
        }
        Content::Whole(bytes) => {
            // The length of others is told by the HTTP library, which knows it from the body.
            if bytes.is_empty() {
                insert_length(&mut headers, Some(0));
            }
            EdgeBody::full(bytes)
        }
        Content::Nothing => EdgeBody::empty(),
        Content::Stream(chunks, None, _) if promised == Some(0) => {
            let_finish(chunks);
            insert_length(&mut headers, promised);
            EdgeBody::empty()
        }
        Content::Stream(chunks, first, limits) => {
            let mut stream = StreamBody::new(chunks, first, &limits, form.lenient_done);
            if let Some(length) = promised {
                stream.promise(length);
                insert_length(&mut headers, promised);
            } else if form.version == Version::HTTP_10 {
                stream.ends_with(context.connection.clone());
            }
            EdgeBody::stream(stream)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(quota) = permit.quota() {
        for (name, value) in quota_headers(quota) {
            headers.insert(name, value);
        }
    }
    *response.headers_mut() = headers;
    response
}

/// The headers that tell what remains of a quota.
pub fn quota_headers(quota: QuotaState) -> [(HeaderName, HeaderValue); 3] {
    const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
    const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
    const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
    [
        (LIMIT, quota.limit.into()),
        (REMAINING, quota.remaining.into()),
        (RESET, quota.reset_seconds.into()),
    ]
}

/// Takes the plugin's Content-Length out; it is put back where it can be kept.
fn take_length(headers: &mut HeaderMap) -> Option<u64> {
    let length = headers.remove(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn insert_length(headers: &mut HeaderMap, length: Option<u64>) {
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}
