//! Issuers of JWTs over HTTP: list, create, show, change, delete. Knows how an issuer is told; its rules are the model's.

use super::auth::Caller;
use super::change::Change;
use super::error::ApiError;
use super::extract::{Fields, Id, Query, read_fields};
use super::if_match::IfMatch;
use super::namespaces;
use super::state::{AdminState, shown};
use super::types::{PageQuery, Versioned, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sidegate_api::error::Problem;
use sidegate_api::issuer::{IssuerAttributes, IssuerFields, IssuerKeysAttributes, IssuerQuery};
use sidegate_api::read::Members;
use sidegate_api::resource::ResourceType;
use sidegate_model::duration::{format_duration, parse_duration};
use sidegate_model::issuer::newcomers::{Newcomers, RATE_LIMIT};
use sidegate_model::issuer::{Algorithm, Issuer, IssuerDraft, IssuerId};
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_model::merge_patch;
use sidegate_store::IssuerFilter;
use std::time::Duration;

/// A duration in milliseconds, where one was sent.
fn millis(field: &str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<u64> {
    match parse_duration(text?) {
        Ok(lasting) => Some(u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX)),
        Err(told) => {
            problems.push(Problem::at(field, told.to_string()));
            None
        }
    }
}

fn algorithms(names: Option<Vec<String>>, problems: &mut Vec<Problem>) -> Option<Vec<Algorithm>> {
    let mut read = Vec::new();
    for name in names? {
        match Algorithm::parse(&name) {
            Some(algorithm) => read.push(algorithm),
            None => {
                let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
                let told = format!("{name:?} is not taken: use some of {known}");
                problems.push(Problem::at("algorithms", told));
            }
        }
    }
    Some(read)
}

/// What is said of apps that are made on first sight; with none of them the rest has no meaning.
fn newcomers(fields: &IssuerFields, before: Option<Newcomers>) -> Option<Newcomers> {
    let none = Newcomers { max: 0, owner_email: String::new(), rate_limit: RATE_LIMIT };
    let before = before.unwrap_or(none);
    let owner = fields.create_apps_owner.clone();
    Some(Newcomers {
        max: fields.create_apps.unwrap_or(before.max),
        owner_email: owner.unwrap_or(before.owner_email),
        rate_limit: fields.create_apps_rate_limit.unwrap_or(before.rate_limit),
    })
    .filter(|said| said.max > 0)
}

/// `draft` with everything replaced that was said; clients as a whole.
fn amended(fields: IssuerFields, draft: IssuerDraft) -> Result<IssuerDraft, Vec<Problem>> {
    let mut problems = Vec::new();
    let newcomers = newcomers(&fields, draft.newcomers);
    let namespace = fields.namespace.filter(|text| !text.is_empty());
    let namespace = namespaces::said(namespace.as_deref(), &mut problems);
    let leeway = millis("leeway", fields.leeway.as_deref(), &mut problems);
    let keys_max_age = millis("keys_max_age", fields.keys_max_age.as_deref(), &mut problems);
    let algorithms = algorithms(fields.algorithms, &mut problems);
    let is_unread = !problems.is_empty();
    let jwks_uri = fields.jwks_uri.map(|uri| Some(uri).filter(|uri| !uri.is_empty()));
    let draft = IssuerDraft {
        namespace: namespace.unwrap_or(draft.namespace),
        name: fields.name.unwrap_or(draft.name),
        url: fields.url.unwrap_or(draft.url),
        jwks_uri: jwks_uri.unwrap_or(draft.jwks_uri),
        audiences: fields.audiences.unwrap_or(draft.audiences),
        algorithms: algorithms.filter(|_| !is_unread).unwrap_or(draft.algorithms),
        client_claims: fields.client_claims.unwrap_or(draft.client_claims),
        token_types: fields.token_types.unwrap_or(draft.token_types),
        scopes: fields.scopes.unwrap_or(draft.scopes),
        clients: fields.clients.unwrap_or(draft.clients),
        newcomers,
        is_active: fields.is_active.unwrap_or(draft.is_active),
        allow_private: fields.allow_private.unwrap_or(draft.allow_private),
        leeway: leeway.unwrap_or(draft.leeway),
        keys_max_age: keys_max_age.unwrap_or(draft.keys_max_age),
        managed_by: fields.managed_by.unwrap_or(draft.managed_by),
    };
    let wrong = draft.validate().err().unwrap_or_default();
    problems.extend(wrong.iter().map(|it| Problem::at(it.field, &it.problem)));
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// The draft, where all that it says can be done here.
fn possible(draft: IssuerDraft, has_edges: bool) -> Result<IssuerDraft, Vec<Problem>> {
    if !(has_edges && draft.newcomers.is_some()) {
        return Ok(draft);
    }
    // What an edge sees on its own would be written past those who look after desired state.
    let told = "apps are made on first sight only where the gateway and the admin API are one process \
                (`sidegate serve` without a role): edges never change desired state. Leave it out, and bind clients to apps";
    Err(vec![Problem::at("create_apps", told)])
}

/// `draft` after a merge patch.
fn merged(patch: Members, draft: &IssuerDraft) -> Result<IssuerDraft, Vec<Problem>> {
    let base = IssuerDraft { namespace: draft.namespace.clone(), ..IssuerDraft::new("", "") };
    let mut attributes = json!({
        "name": draft.name,
        "url": draft.url,
        "jwks_uri": draft.jwks_uri,
        "audiences": draft.audiences,
        "algorithms": draft.algorithms,
        "client_claims": draft.client_claims,
        "token_types": draft.token_types,
        "scopes": draft.scopes,
        "clients": draft.clients,
        "create_apps": draft.newcomers.as_ref().map(|said| said.max),
        "create_apps_owner": draft.newcomers.as_ref().map(|said| &said.owner_email),
        "create_apps_rate_limit": draft.newcomers.as_ref().map(|said| said.rate_limit),
        "is_active": draft.is_active,
        "allow_private": draft.allow_private,
        "leeway": text(draft.leeway),
        "keys_max_age": text(draft.keys_max_age),
        "managed_by": draft.managed_by,
    });
    merge_patch::apply(&mut attributes, &Value::Object(patch.members));
    let members = attributes.as_object().cloned().unwrap_or_default();
    // What is patched away is nothing, or as it is where nothing is said; where it is can only be said again.
    read_fields::<IssuerFields>(Members { members, ..patch }).settle(|fields| amended(fields, base))
}

fn text(millis: u64) -> String {
    format_duration(Duration::from_millis(millis))
}

fn shape(issuer: Issuer) -> Versioned<IssuerAttributes> {
    let version = issuer.version();
    let Issuer { id, draft, created_at, updated_at } = issuer;
    let newcomers = draft.newcomers;
    let said = newcomers.as_ref();
    let attributes = IssuerAttributes {
        name: draft.name,
        url: draft.url,
        jwks_uri: draft.jwks_uri.unwrap_or_default(),
        audiences: draft.audiences,
        algorithms: draft.algorithms.iter().map(|it| it.as_str().to_owned()).collect(),
        client_claims: draft.client_claims,
        token_types: draft.token_types,
        scopes: draft.scopes,
        clients: draft.clients,
        create_apps: said.map_or(0, |said| said.max),
        create_apps_owner: said.map(|said| said.owner_email.clone()).unwrap_or_default(),
        create_apps_rate_limit: said.map_or(RATE_LIMIT, |said| said.rate_limit),
        is_active: draft.is_active,
        allow_private: draft.allow_private,
        leeway: text(draft.leeway),
        keys_max_age: text(draft.keys_max_age),
        namespace: draft.namespace.as_str().to_owned(),
        managed_by: draft.managed_by,
        keys: None,
        created_at: time_text(created_at),
        updated_at: time_text(updated_at),
    };
    Versioned { data: resource(ResourceType::Issuer, id, attributes), version }
}

/// The same with what the nodes know of its keys.
fn shape_with(issuer: Issuer, reports: &[IssuerKeysReport]) -> Versioned<IssuerAttributes> {
    let id = issuer.id;
    let mut shaped = shape(issuer);
    let report = reports.iter().find(|report| report.issuer == Some(id));
    shaped.data.attributes.keys = report.map(|report| IssuerKeysAttributes {
        count: report.keys as u64,
        are_good: report.are_good,
        asked_at: report.asked_at.map(time_text),
        fetched_at: report.fetched_at.map(time_text),
        error: report.error.clone(),
    });
    shaped
}

/// `GET /issuers`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<IssuerQuery>,
) -> Result<Response, ApiError> {
    let (page, filter) = query.settle(|query| {
        let IssuerQuery { page, limit, page_size, name, namespace, managed_by } = query;
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        let page = PageQuery { page, limit, page_size }.read_with(problems)?;
        Ok((page, IssuerFilter { name, namespace, managed_by }))
    })?;
    let listing = state.control.view().list_issuers(&filter, page).await?;
    let reports = state.fleet.issuer_keys().unwrap_or_default();
    Ok(Json(page_of(listing, |issuer| shape_with(issuer, &reports))).into_response())
}

/// `POST /issuers`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<IssuerFields>,
) -> Result<Response, ApiError> {
    let has_edges = state.edges.is_some();
    let draft =
        fields.settle(|fields| possible(amended(fields, IssuerDraft::new("", ""))?, has_edges))?;
    let published = state.control.by(caller.context()).create_issuer(draft).await?;
    let issuer = published.value;
    Ok(state.created(published.revision, "issuers", || shape(issuer)).await)
}

/// `GET /issuers/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let issuer = state.control.view().issuer(IssuerId(id)).await?;
    let reports = state.fleet.issuer_keys().unwrap_or_default();
    Ok(shown(shape_with(issuer, &reports)))
}

/// `PATCH /issuers/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    change: Change<IssuerFields>,
) -> Result<Response, ApiError> {
    let has_edges = state.edges.is_some();
    let amend = move |issuer: &Issuer| -> Result<IssuerDraft, ApiError> {
        let draft = issuer.draft.clone();
        let draft = match change {
            Change::Fields(fields) => fields.settle(|fields| amended(fields, draft))?,
            Change::Merge(patch) => merged(patch, &draft)?,
        };
        Ok(possible(draft, has_edges)?)
    };
    let control = state.control.by(caller.context());
    let published = control.update_issuer(IssuerId(id), precondition, amend).await?;
    let issuer = published.value;
    Ok(state.changed(published.revision, || shape(issuer)).await)
}

/// `DELETE /issuers/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.delete_issuer(IssuerId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
