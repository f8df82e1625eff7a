//! By which keys edges know their control plane, over HTTP: another authority, another lineage, and what a new edge
//! starts from without its control plane.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Query};
use super::namespaces::said_or_global;
use super::state::AdminState;
use super::types::{resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sidegate_api::edge::{
    AuthorityAttributes, BootstrapFileAttributes, BootstrapFileQuery, LineageAttributes,
    NamespaceKeyAttributes, NamespaceKeyFields,
};
use sidegate_api::resource::{ResourceType, Shown};

/// `POST /authorities/rotate`
pub(crate) async fn rotate_authority(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let announced = state.edges()?.rotate_authority(caller.context()).await?;
    let issues_from = time_text(announced.issues_from);
    let attributes = AuthorityAttributes { key: announced.key, issues_from };
    Ok(Json(Shown { data: resource(ResourceType::Authority, 1, attributes) }).into_response())
}

/// `POST /lineage/raise`
pub(crate) async fn raise_lineage(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    let store = state.control.store().by(caller.context());
    let lineage = store.next_lineage("an administrator asked for it").await?;
    edges.changed().await?;
    let attributes = LineageAttributes { lineage };
    Ok(Json(Shown { data: resource(ResourceType::Lineage, 1, attributes) }).into_response())
}

/// `GET /bootstrap-file`
pub(crate) async fn bootstrap_file(
    State(state): State<AdminState>,
    Query(query): Query<BootstrapFileQuery>,
) -> Result<Response, ApiError> {
    let namespace = query.settle(|query| said_or_global(query.namespace.as_deref()))?;
    let edges = state.edges()?;
    let file = edges.bootstrap_file(&namespace).await?;
    let attributes = BootstrapFileAttributes {
        namespace: namespace.as_str().to_owned(),
        signer: edges.signer().to_string(),
        content: STANDARD.encode(file),
    };
    Ok(Json(Shown { data: resource(ResourceType::BootstrapFile, 1, attributes) }).into_response())
}

/// `POST /namespace-keys`
pub(crate) async fn namespace_key(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<NamespaceKeyFields>,
) -> Result<Response, ApiError> {
    let namespace = fields.settle(|fields| said_or_global(fields.namespace.as_deref()))?;
    let edges = state.edges()?;
    let attributes = NamespaceKeyAttributes {
        key_file: edges.key_file(&namespace, caller.context()).await?,
        namespace: namespace.as_str().to_owned(),
        signer: edges.signer().to_string(),
    };
    Ok(Json(Shown { data: resource(ResourceType::NamespaceKey, 1, attributes) }).into_response())
}
