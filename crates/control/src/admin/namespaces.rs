//! Namespaces over HTTP: list, create, show, delete; and how a parameter or field names one. What is in one is told by
//! the lists of plugins and apps.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::state::{AdminState, shown};
use super::types::{PageQuery, Versioned, listing_of, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::Problem;
use sidegate_api::namespace::{NamespaceAttributes, NamespaceFields, NamespaceQuery};
use sidegate_api::resource::ResourceType;
use sidegate_model::namespace::{KnownNamespace, Namespace, NamespaceId};
use sidegate_model::snapshot::Revision;
use std::collections::BTreeMap;

/// The namespace that a field or parameter names, where it was sent.
pub(super) fn said(text: Option<&str>, problems: &mut Vec<Problem>) -> Option<Namespace> {
    let read = Namespace::parse(text?);
    read.map_err(|problem| problems.push(Problem::at("namespace", problem.to_string()))).ok()
}

/// The namespace that a field or parameter names; the global one where nothing was sent.
pub(super) fn said_or_global(text: Option<&str>) -> Result<Namespace, Vec<Problem>> {
    let mut problems = Vec::new();
    let namespace = said(text, &mut problems);
    if problems.is_empty() {
        Ok(namespace.unwrap_or_else(Namespace::global))
    } else {
        Err(problems)
    }
}

/// Those of which the newest revision is asked for only where one is shown.
type Heads = BTreeMap<Namespace, Revision>;

fn shape(namespace: KnownNamespace, heads: &Heads) -> Versioned<NamespaceAttributes> {
    let version = namespace.version();
    let attributes = NamespaceAttributes {
        head: heads.get(&namespace.name).copied(),
        name: namespace.name.as_str().to_owned(),
        description: namespace.description,
        created_at: time_text(namespace.created_at),
    };
    Versioned { data: resource(ResourceType::Namespace, namespace.id, attributes), version }
}

/// `GET /namespaces`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<NamespaceQuery>,
) -> Result<Response, ApiError> {
    let (page, name) = query.settle(|NamespaceQuery { page, limit, page_size, name }| {
        Ok((PageQuery { page, limit, page_size }.read()?, name))
    })?;
    let store = state.control.view();
    let mut all = store.list_namespaces().await?;
    all.retain(|namespace| name.as_ref().is_none_or(|name| namespace.name.as_str() == name));
    let heads = store.heads().await?;
    let listing = listing_of(all, page);
    Ok(Json(page_of(listing, |namespace| shape(namespace, &heads))).into_response())
}

/// `POST /namespaces`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<NamespaceFields>,
) -> Result<Response, ApiError> {
    let (name, description) = fields.settle(|NamespaceFields { name, description }| {
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
            vec![Problem::at("name", "give a name; the global namespace is always there")]
        })?;
        let name = Namespace::parse(&name)
            .map_err(|problem| vec![Problem::at("name", problem.to_string())])?;
        Ok((name, description.unwrap_or_default()))
    })?;
    let control = state.control.by(caller.context());
    let published = control.create_namespace(name, description).await?;
    let heads = Heads::from([(published.value.name.clone(), published.revision)]);
    let shape = || shape(published.value, &heads);
    Ok(state.created(published.revision, "namespaces", shape).await)
}

/// `GET /namespaces/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let store = state.control.view();
    let namespace = store.namespace(NamespaceId(id)).await?;
    let heads = store.heads().await?;
    Ok(shown(shape(namespace, &heads)))
}

/// `DELETE /namespaces/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.delete_namespace(NamespaceId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
