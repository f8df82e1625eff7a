//! Admin tokens over HTTP: list, create, show, revoke. The text of one is in the answer to its creation and nowhere
//! else. They count at once, everywhere, for nobody keeps them but the database.

use super::auth::Caller;
use super::error::{ApiError, found};
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::state::{AdminState, created_at_once, deleted_at_once, shown};
use super::token_times;
use super::types::{PageQuery, Versioned, listing_of, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::admin_token::{AdminTokenAttributes, AdminTokenFields, AdminTokenQuery};
use sidegate_api::error::Problem;
use sidegate_api::resource::ResourceType;
use sidegate_model::admin_token::{AdminToken, AdminTokenId, check_name};
use sidegate_model::clock::now_millis;
use sidegate_model::token::NewToken;
use sidegate_store::NewAdminToken;

/// What a new admin token is to be.
fn read(fields: AdminTokenFields, secret: &NewToken) -> Result<NewAdminToken, Vec<Problem>> {
    let AdminTokenFields { name, role, expires_in, expires_at } = fields;
    let name = name.unwrap_or_default();
    let name_problem = check_name(&name).err().map(|told| Problem::at("name", told));
    let role_problem = role.is_none().then(|| Problem::at("role", "say viewer, operator or admin"));
    let end = token_times::end(expires_in.as_ref(), expires_at.as_deref(), None, now_millis());
    let (expires_at, end_problem) = match end {
        Ok(end) => (end, None),
        Err(problem) => (None, Some(problem)),
    };
    let problems: Vec<_> =
        [name_problem, role_problem, end_problem].into_iter().flatten().collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let (hash, hint, role) = (secret.hash(), secret.hint(), role.unwrap_or_default().into());
    Ok(NewAdminToken { name, hash, hint, role, expires_at })
}

fn shape(token: AdminToken, text: Option<String>) -> Versioned<AdminTokenAttributes> {
    let version = token.version();
    let attributes = AdminTokenAttributes {
        is_expired: token.is_expired(now_millis()),
        name: token.name,
        role: token.role.into(),
        hint: token.hint,
        expires_at: token.expires_at.map(time_text),
        last_used_at: token.last_used_at.map(time_text),
        created_at: time_text(token.created_at),
        token: text,
    };
    Versioned { data: resource(ResourceType::AdminToken, token.id, attributes), version }
}

/// `GET /admin-tokens`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<AdminTokenQuery>,
) -> Result<Response, ApiError> {
    let (page, name) = query.settle(|AdminTokenQuery { page, limit, page_size, name }| {
        Ok((PageQuery { page, limit, page_size }.read()?, name))
    })?;
    let store = state.control.view();
    let listing = match name {
        Some(name) => listing_of(found(store.admin_token_by_name(&name).await)?, page),
        None => store.list_admin_tokens(page).await?,
    };
    Ok(Json(page_of(listing, |token| shape(token, None))).into_response())
}

/// `POST /admin-tokens`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<AdminTokenFields>,
) -> Result<Response, ApiError> {
    let secret = NewToken::generate_admin().map_err(ApiError::internal)?;
    let new = fields.settle(|fields| read(fields, &secret))?;
    let token = state.control.by(caller.context()).create_admin_token(&new).await?;
    let text = secret.reveal().to_owned();
    Ok(created_at_once("admin-tokens", shape(token, Some(text))))
}

/// `GET /admin-tokens/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let token = state.control.view().admin_token(AdminTokenId(id)).await?;
    Ok(shown(shape(token, None)))
}

/// `DELETE /admin-tokens/{id}`
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    control.revoke_admin_token(AdminTokenId(id), &precondition).await?;
    Ok(deleted_at_once())
}
