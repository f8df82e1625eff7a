//! How much is logged, over HTTP: shown, and changed while the gateway runs. Nothing is stored.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::Fields;
use super::state::AdminState;
use super::types::resource;
use crate::logs::LogLevels;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::logging::{LoggingAttributes, LoggingFields};
use sidegate_api::resource::{ResourceType, Shown};
use std::sync::Arc;

fn logs(state: &AdminState) -> Result<&Arc<dyn LogLevels>, ApiError> {
    let logs = state.settings.logs.as_ref();
    logs.ok_or_else(|| ApiError::not_found("this process has no log that could be changed"))
}

fn shown(logs: &Arc<dyn LogLevels>) -> Response {
    let attributes = LoggingAttributes { level: logs.levels() };
    Json(Shown { data: resource(ResourceType::Logging, 1, attributes) }).into_response()
}

/// `GET /logging`
pub(crate) async fn show(State(state): State<AdminState>) -> Result<Response, ApiError> {
    logs(&state).map(shown)
}

/// `PATCH /logging`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<LoggingFields>,
) -> Result<Response, ApiError> {
    let logs = logs(&state)?;
    if let Some(level) = fields.settle(Ok)?.level {
        logs.set_levels(&level)
            .map_err(|problem| ApiError::bad_request(format!("level: {problem}")))?;
        let by = caller.who().name();
        tracing::info!(log_level = logs.levels(), by, "the log levels were changed");
    }
    Ok(shown(logs))
}
