//! The gateway's probes on the admin port, without a token like those for clients: whether it is
//! ready, and what is counted.

use super::state::AdminState;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use sidegate_api::probe::Health;

/// `GET /health`
pub(crate) async fn health() -> Response {
    Json(Health { status: "ok".to_owned() }).into_response()
}

/// `GET /ready`
pub(crate) async fn ready(State(state): State<AdminState>) -> Response {
    let (is_ready, told) = state.probes.readiness();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(told)).into_response()
}

/// `GET /metrics`
pub(crate) async fn metrics(State(state): State<AdminState>) -> Response {
    let (media_type, text) = state.probes.metrics();
    ([(CONTENT_TYPE, media_type)], text).into_response()
}
