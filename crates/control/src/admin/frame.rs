//! The frame around every admin request: its id, its log line, its deadline, and a panic that ends
//! one request only; and the body of a refusal, which names that id. Knows nothing else of the inside.

use super::error::ApiError;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest a request may take, body included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestDeadline(pub(crate) Duration);

/// The same for what the page of a plugin asks it: its process may have to be started, and then has its time for the answer.
const PLUGIN_DEADLINE: Duration = Duration::from_secs(90);

/// Whether a request waits for the process of a plugin.
fn asks_plugin(path: &str) -> bool {
    let Some(path) = path.strip_prefix("/api/v1/plugins/") else { return false };
    ["/rpc/", "/assets/"].iter().any(|part| path.contains(part)) || path.starts_with("assets/")
}

/// Runs a request inside its frame. The query is not logged: it is not ours to judge.
pub(crate) async fn frame(
    State(RequestDeadline(deadline)): State<RequestDeadline>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let reads = method.is_safe();
    let span =
        tracing::info_span!("admin", request_id = id.to_str().unwrap_or_default(), %method, path);
    let deadline = if asks_plugin(&path) { deadline.max(PLUGIN_DEADLINE) } else { deadline };
    let inside = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = async {
        let response = match tokio::time::timeout(deadline, inside).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => ApiError::internal("a handler panicked").into_response(),
            Err(_) => ApiError::unavailable("a request ran into its deadline").into_response(),
        };
        let (status, took) = (response.status().as_u16(), started.elapsed());
        // Who only looks, and looks often, would hide who changes something.
        if reads && status < 400 {
            tracing::debug!(status, ?took, "admin request");
        } else {
            tracing::info!(status, ?took, "admin request");
        }
        response
    };
    let mut response = response.instrument(span).await;
    if let Some(refusal) = response.extensions_mut().remove::<ApiError>() {
        refusal.write(id.to_str().unwrap_or_default(), &mut response);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The client's own id when it is one and well-formed, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_well_formed = |value: &&HeaderValue| {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._-:/+=".contains(b);
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(allowed)
    };
    let mut given = headers.get_all(REQUEST_ID).iter();
    match (given.next().filter(is_well_formed), given.next()) {
        (Some(own), None) => own.clone(),
        _ => new_request_id(),
    }
}

fn new_request_id() -> HeaderValue {
    let mut bytes = [0_u8; 16];
    // Without randomness the id is all zeros: a request is worth more than its id.
    let _ = getrandom::fill(&mut bytes);
    let text = format!("{:032x}", u128::from_ne_bytes(bytes));
    HeaderValue::from_str(&text).expect("hexadecimal digits form a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_id_is_kept_and_any_other_replaced() {
        let id_for = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(REQUEST_ID, value.parse().unwrap());
            }
            request_id(&headers)
        };
        assert_eq!(id_for(&["abc-1"]), "abc-1");
        let long = "a".repeat(129);
        for bad in [&[][..], &["a b"], &["a\"b"], &[&long], &["a", "a"]] {
            assert_eq!(id_for(bad).len(), 32, "{bad:?}");
        }
        assert_ne!(id_for(&[]), id_for(&[]));
    }
}
