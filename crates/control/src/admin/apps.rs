//! Apps over HTTP: list, create, show, change, delete. Knows shapes; the rules of an app are the
//! model's, and what happens to its tokens is the store's.

use super::change::Change;
use super::error::{ApiError, found};
use super::extract::{Attributes, Id, Named, Query, read_fields};
use super::if_match::IfMatch;
use super::state::{AdminState, shown};
use super::types::{Resource, listing_of, page_document, read_page, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::merge_patch;

/// What a client may say about an app. Absent and `null` both mean: nothing said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppFields {
    name: Option<String>,
    description: Option<String>,
    owner_email: Option<String>,
    is_active: Option<bool>,
    monthly_budget: Option<f64>,
    #[serde(alias = "rate_limit_rpm")]
    rate_limit: Option<u32>,
    metadata: Option<Map<String, Value>>,
}

impl Named for AppFields {
    const TYPE: &'static str = "app";
}

impl AppFields {
    /// The app a client wants to create.
    fn into_draft(self) -> Result<AppDraft, ApiError> {
        self.amend(AppDraft::new("", ""))
    }

    /// `draft` with everything replaced that was said; metadata as a whole.
    fn amend(self, draft: AppDraft) -> Result<AppDraft, ApiError> {
        let draft = AppDraft {
            name: self.name.unwrap_or(draft.name),
            description: self.description.unwrap_or(draft.description),
            owner_email: self.owner_email.unwrap_or(draft.owner_email),
            is_active: self.is_active.unwrap_or(draft.is_active),
            monthly_budget: self.monthly_budget.unwrap_or(draft.monthly_budget),
            rate_limit: self.rate_limit.unwrap_or(draft.rate_limit),
            metadata: self.metadata.unwrap_or(draft.metadata),
        };
        draft.validate()?;
        Ok(draft)
    }
}

/// `draft` after a merge patch.
fn merged(mut patch: Map<String, Value>, draft: &AppDraft) -> Result<AppDraft, ApiError> {
    if let Some(limit) = patch.remove("rate_limit_rpm")
        && patch.insert("rate_limit".to_owned(), limit).is_some()
    {
        return Err(ApiError::bad_request("rate_limit_rpm: this is rate_limit: say it once"));
    }
    let mut attributes = json!({
        "name": draft.name,
        "description": draft.description,
        "owner_email": draft.owner_email,
        "is_active": draft.is_active,
        "monthly_budget": draft.monthly_budget,
        "rate_limit": draft.rate_limit,
        "metadata": draft.metadata,
    });
    merge_patch::apply(&mut attributes, &Value::Object(patch));
    let attributes = attributes.as_object().cloned().unwrap_or_default();
    read_fields::<AppFields>(attributes, "")?.into_draft()
}

#[derive(Debug, Serialize)]
struct AppAttributes {
    name: String,
    description: String,
    owner_email: String,
    is_active: bool,
    monthly_budget: f64,
    rate_limit: u32,
    metadata: Map<String, Value>,
    created_at: String,
    updated_at: String,
}

fn shape(app: App) -> Resource<AppAttributes> {
    let version = app.version();
    let attributes = AppAttributes {
        name: app.name,
        description: app.description,
        owner_email: app.owner_email,
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        rate_limit: app.rate_limit,
        metadata: app.metadata,
        created_at: time_text(app.created_at),
        updated_at: time_text(app.updated_at),
    };
    Resource::new("app", app.id, attributes).with_version(version)
}

/// How to narrow a list of apps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppQuery {
    page: Option<u32>,
    #[serde(alias = "page_size")]
    limit: Option<u32>,
    name: Option<String>,
}

/// `GET /apps`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<AppQuery>,
) -> Result<Response, ApiError> {
    let page = read_page(query.page, query.limit)?;
    let store = state.control.store();
    let listing = match query.name {
        Some(name) => listing_of(found(store.app_by_name(&name).await)?, page),
        None => store.list_apps(page).await?,
    };
    Ok(Json(page_document(listing, shape)).into_response())
}

/// `POST /apps`
pub(crate) async fn create(
    State(state): State<AdminState>,
    Attributes(fields): Attributes<AppFields>,
) -> Result<Response, ApiError> {
    let published = state.control.create_app(fields.into_draft()?).await?;
    let app = published.value;
    Ok(state.created(published.revision, "apps", || shape(app)).await)
}

/// `GET /apps/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let app = state.control.store().app(AppId(id)).await?;
    Ok(shown(shape(app)))
}

/// `PATCH /apps/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    change: Change<AppFields>,
) -> Result<Response, ApiError> {
    let amend = |app: &App| {
        let draft = app.clone().into_draft();
        match change {
            Change::Fields(fields) => fields.amend(draft),
            Change::Merge(patch) => merged(patch, &draft),
        }
    };
    let published = state.control.update_app(AppId(id), precondition, amend).await?;
    let app = published.value;
    Ok(state.changed(published.revision, || shape(app)).await)
}

/// `DELETE /apps/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let published = state.control.delete_app(AppId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
