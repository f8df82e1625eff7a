//! Apps over HTTP: list, create, show, change, delete. Knows how an app is told; the rules of an app
//! are the model's, and what happens to its tokens is the store's.

use super::auth::Caller;
use super::change::Change;
use super::error::{ApiError, of_app};
use super::extract::{Fields, Id, Query, read_fields};
use super::if_match::IfMatch;
use super::namespaces;
use super::state::{AdminState, shown};
use super::types::{PageQuery, Versioned, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sidegate_api::app::{AppAttributes, AppFields, AppQuery, MadeForClient};
use sidegate_api::error::Problem;
use sidegate_api::read::Members;
use sidegate_api::resource::ResourceType;
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::duration::{format_duration, parse_duration};
use sidegate_model::merge_patch;
use sidegate_store::AppFilter;
use std::time::Duration;

fn twice_said() -> Problem {
    Problem::at("rate_limit_rpm", "this is rate_limit: say it once")
}

/// How old knowledge may be, in milliseconds; an empty text is as old as the edge allows.
fn max_staleness(text: &str) -> Result<Option<u64>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let lasting =
        parse_duration(text).map_err(|told| Problem::at("max_staleness", told.to_string()))?;
    Ok(Some(u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX)))
}

/// `draft` with everything replaced that was said; metadata as a whole.
fn amended(fields: AppFields, draft: AppDraft) -> Result<AppDraft, Vec<Problem>> {
    let mut problems = Vec::new();
    let namespace = fields.namespace.filter(|text| !text.is_empty());
    let namespace = namespaces::said(namespace.as_deref(), &mut problems);
    let staleness = fields.max_staleness.as_deref().map(max_staleness).transpose();
    let staleness = staleness.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let is_twice = fields.rate_limit.is_some() && fields.rate_limit_rpm.is_some();
    let rate_limit = fields.rate_limit.or(fields.rate_limit_rpm);
    let draft = AppDraft {
        namespace: namespace.unwrap_or(draft.namespace),
        name: fields.name.unwrap_or(draft.name),
        description: fields.description.unwrap_or(draft.description),
        owner_email: fields.owner_email.unwrap_or(draft.owner_email),
        is_active: fields.is_active.unwrap_or(draft.is_active),
        monthly_budget: fields.monthly_budget.unwrap_or(draft.monthly_budget),
        rate_limit: rate_limit.unwrap_or(draft.rate_limit),
        metadata: fields.metadata.unwrap_or(draft.metadata),
        max_staleness: staleness.unwrap_or(draft.max_staleness),
        managed_by: fields.managed_by.unwrap_or(draft.managed_by),
    };
    problems.extend(is_twice.then(twice_said));
    problems.extend(of_app(&draft.validate().err().unwrap_or_default()));
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// `draft` after a merge patch.
fn merged(mut patch: Members, draft: &AppDraft) -> Result<AppDraft, Vec<Problem>> {
    if let Some(limit) = patch.members.remove("rate_limit_rpm")
        && patch.members.insert("rate_limit".to_owned(), limit).is_some()
    {
        patch.wrong.push(twice_said());
    }
    let mut attributes = json!({
        "name": draft.name,
        "description": draft.description,
        "owner_email": draft.owner_email,
        "is_active": draft.is_active,
        "monthly_budget": draft.monthly_budget,
        "rate_limit": draft.rate_limit,
        "metadata": draft.metadata,
        "max_staleness": staleness_text(draft.max_staleness),
        "managed_by": draft.managed_by,
    });
    merge_patch::apply(&mut attributes, &Value::Object(patch.members));
    let members = attributes.as_object().cloned().unwrap_or_default();
    // What is patched away is nothing; where it is can only be said again.
    let base = AppDraft { namespace: draft.namespace.clone(), ..AppDraft::new("", "") };
    read_fields::<AppFields>(Members { members, ..patch }).settle(|fields| amended(fields, base))
}

fn staleness_text(millis: Option<u64>) -> Option<String> {
    millis.map(|millis| format_duration(Duration::from_millis(millis)))
}

fn shape(app: App) -> Versioned<AppAttributes> {
    let version = app.version();
    let attributes = AppAttributes {
        name: app.name,
        description: app.description,
        owner_email: app.owner_email,
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        rate_limit: app.rate_limit,
        metadata: app.metadata,
        namespace: app.namespace.as_str().to_owned(),
        max_staleness: staleness_text(app.max_staleness),
        managed_by: app.managed_by,
        made_for: app
            .made_for
            .map(|it| MadeForClient { issuer: it.issuer.to_string(), client: it.client }),
        created_at: time_text(app.created_at),
        updated_at: time_text(app.updated_at),
    };
    Versioned { data: resource(ResourceType::App, app.id, attributes), version }
}

/// `GET /apps`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<AppQuery>,
) -> Result<Response, ApiError> {
    let (page, filter) = query.settle(|query| {
        let AppQuery { page, limit, page_size, name, namespace, managed_by } = query;
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        let page = PageQuery { page, limit, page_size }.read_with(problems)?;
        Ok((page, AppFilter { name, namespace, managed_by }))
    })?;
    let listing = state.control.view().list_apps(&filter, page).await?;
    Ok(Json(page_of(listing, shape)).into_response())
}

/// `POST /apps`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<AppFields>,
) -> Result<Response, ApiError> {
    let draft = fields.settle(|fields| amended(fields, AppDraft::new("", "")))?;
    let published = state.control.by(caller.context()).create_app(draft).await?;
    let app = published.value;
    Ok(state.created(published.revision, "apps", || shape(app)).await)
}

/// `GET /apps/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let app = state.control.view().app(AppId(id)).await?;
    Ok(shown(shape(app)))
}

/// `PATCH /apps/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    change: Change<AppFields>,
) -> Result<Response, ApiError> {
    let amend = |app: &App| -> Result<AppDraft, ApiError> {
        let draft = app.clone().into_draft();
        Ok(match change {
            Change::Fields(fields) => fields.settle(|fields| amended(fields, draft))?,
            Change::Merge(patch) => merged(patch, &draft)?,
        })
    };
    let control = state.control.by(caller.context());
    let published = control.update_app(AppId(id), precondition, amend).await?;
    let app = published.value;
    Ok(state.changed(published.revision, || shape(app)).await)
}

/// `DELETE /apps/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.delete_app(AppId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
