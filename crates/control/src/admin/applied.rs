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
use sidegate_model::applied::{Applied, AppliedKind, AppliedThing, check};
use sidegate_model::plugin_roles::{ADMIN_FIELDS, ADMIN_OPTIONS};
use sidegate_model::role::Role;
use sidegate_store::StoreError;

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
    if !caller.role().covers(Role::Admin) {
        let before = match state.control.view().applied(&owner).await {
            Ok(before) => before.things,
            Err(StoreError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if let Some(field) = beyond_operators(&before, &things) {
            caller
                .require(Role::Admin, &format!("naming {field} of a plugin for the first time"))?;
        }
    }
    let control = state.control.by(caller.context());
    Ok(shape(control.keep_applied(&owner, &things).await?))
}

/// A field of a plugin that only an admin sets and that files newly name: what is named once is given up when it is
/// named no more, by whoever applies files then.
fn beyond_operators<'a>(before: &[AppliedThing], after: &'a [AppliedThing]) -> Option<&'a str> {
    let plugins = after.iter().filter(|thing| thing.kind == AppliedKind::Plugin);
    let mut named = plugins.flat_map(|thing| thing.fields.iter().map(move |field| (thing, field)));
    let is_new = |(thing, field): &(&AppliedThing, &String)| {
        let same = |known: &&AppliedThing| {
            (known.kind, &known.namespace, &known.name)
                == (thing.kind, &thing.namespace, &thing.name)
        };
        is_for_admins(field)
            && !before.iter().find(same).is_some_and(|it| it.fields.contains(field))
    };
    named.find(is_new).map(|(_, field)| field.as_str())
}

fn is_for_admins(pointer: &str) -> bool {
    let field = pointer.trim_start_matches('/');
    match field.strip_prefix("options/") {
        Some(option) => ADMIN_OPTIONS.contains(&option) || option.starts_with("env"),
        None => ADMIN_FIELDS.contains(&field) || field == "options",
    }
}
