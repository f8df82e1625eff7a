//! What the files of owners named, over HTTP: shown, and replaced as a whole. What follows from it is decided by who
//! applies files.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Owner};
use super::state::AdminState;
use super::types::{resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::applied::{AppliedAttributes, AppliedFields};
use sidegate_api::error::Problem;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::applied::{Applied, check};

fn shape(applied: Applied) -> Response {
    let attributes = AppliedAttributes {
        things: applied.things.into_iter().map(Into::into).collect(),
        updated_at: time_text(applied.updated_at),
    };
    let data = resource(ResourceType::AppliedRecord, applied.owner, attributes);
    Json(Shown { data }).into_response()
}

/// `GET /applied/{owner}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Owner(owner): Owner,
) -> Result<Response, ApiError> {
    Ok(shape(state.control.view().applied(&owner).await?))
}

/// `PUT /applied/{owner}`
pub(crate) async fn keep(
    State(state): State<AdminState>,
    caller: Caller,
    Owner(owner): Owner,
    Fields(fields): Fields<AppliedFields>,
) -> Result<Response, ApiError> {
    let things = fields.settle(|fields: AppliedFields| {
        let things: Vec<_> = fields.things.into_iter().map(Into::into).collect();
        let told = |problems: Vec<String>| problems.into_iter().map(Problem::from).collect();
        check(&things).map_err(told).map(|()| things)
    })?;
    let control = state.control.by(caller.context());
    Ok(shape(control.keep_applied(&owner, &things).await?))
}
