//! The router, made of the operations that the API has. Everything needs a token but the probes, and each
//! operation its role; what is no operation needs a token too.

use super::auth::{Needed, require_role, require_token};
use super::error::ApiError;
use super::extract::{MAX_BODY_BYTES, refuse_query};
use super::frame::{RequestDeadline, frame};
use super::state::AdminState;
use super::{
    admin_tokens, applied, apps, audit, edge_keys, edges, explain, history, logging, namespaces,
    openapi, plugin_public, plugin_schema, plugin_scopes, plugins, probes, records, routes, tokens,
    whoami,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, Uri};
use sidegate_api::error::ErrorCode;
use sidegate_api::operation::{self, Operation, Query};
use sidegate_api::operations::{OperationId, operations};

/// Who serves an operation.
fn handler(id: OperationId, method: MethodFilter) -> MethodRouter<AdminState> {
    match id {
        OperationId::ListPlugins => on(method, plugins::list),
        OperationId::CreatePlugin => on(method, plugins::create),
        OperationId::ShowPlugin => on(method, plugins::show),
        OperationId::ChangePlugin => on(method, plugins::change),
        OperationId::DeletePlugin => on(method, plugins::delete),
        OperationId::ReloadPlugin => on(method, plugins::reload),
        OperationId::GrantScopes => on(method, plugin_scopes::grant),
        OperationId::RevokeScopes => on(method, plugin_scopes::revoke),
        OperationId::ApproveScopes => on(method, plugin_scopes::approve),
        OperationId::ChangePublic => on(method, plugin_public::change),
        OperationId::ShowPluginStatus => on(method, plugins::status),
        OperationId::ShowConfigSchema => on(method, plugin_schema::show),
        OperationId::ListPluginRecords => on(method, records::list),
        OperationId::ListApps => on(method, apps::list),
        OperationId::CreateApp => on(method, apps::create),
        OperationId::ShowApp => on(method, apps::show),
        OperationId::ChangeApp => on(method, apps::change),
        OperationId::DeleteApp => on(method, apps::delete),
        OperationId::ListTokens => on(method, tokens::list),
        OperationId::CreateToken => on(method, tokens::create),
        OperationId::ShowToken => on(method, tokens::show),
        OperationId::RotateToken => on(method, tokens::rotate),
        OperationId::RevokeToken => on(method, tokens::revoke),
        OperationId::ListRoutes => on(method, routes::list),
        OperationId::Explain => on(method, explain::explain),
        OperationId::Whoami => on(method, whoami::show),
        OperationId::ListAdminTokens => on(method, admin_tokens::list),
        OperationId::CreateAdminToken => on(method, admin_tokens::create),
        OperationId::ShowAdminToken => on(method, admin_tokens::show),
        OperationId::RevokeAdminToken => on(method, admin_tokens::revoke),
        OperationId::ListAudit => on(method, audit::list),
        OperationId::ListEdges => on(method, edges::list),
        OperationId::CreateEdge => on(method, edges::create),
        OperationId::ShowEdge => on(method, edges::show),
        OperationId::RenewJoinToken => on(method, edges::renew_join_token),
        OperationId::RevokeEdge => on(method, edges::revoke),
        OperationId::DeleteEdge => on(method, edges::delete),
        OperationId::RotateAuthority => on(method, edge_keys::rotate_authority),
        OperationId::RaiseLineage => on(method, edge_keys::raise_lineage),
        OperationId::ShowBootstrapFile => on(method, edge_keys::bootstrap_file),
        OperationId::ShowNamespaceKey => on(method, edge_keys::namespace_key),
        OperationId::ListNamespaces => on(method, namespaces::list),
        OperationId::CreateNamespace => on(method, namespaces::create),
        OperationId::ShowNamespace => on(method, namespaces::show),
        OperationId::DeleteNamespace => on(method, namespaces::delete),
        OperationId::ListRevisions => on(method, history::list),
        OperationId::DiffRevisions => on(method, history::diff),
        OperationId::RollBack => on(method, history::roll_back),
        OperationId::ShowRevision => on(method, history::show),
        OperationId::ShowApplied => on(method, applied::show),
        OperationId::KeepApplied => on(method, applied::keep),
        OperationId::ShowLogging => on(method, logging::show),
        OperationId::ChangeLogging => on(method, logging::change),
        OperationId::ShowOpenApi => on(method, openapi::show),
        OperationId::ApiHealth | OperationId::Health => on(method, probes::health),
        OperationId::Ready => on(method, probes::ready),
        OperationId::Metrics => on(method, probes::metrics),
    }
}

fn filter(method: operation::Method) -> MethodFilter {
    match method {
        operation::Method::Get => MethodFilter::GET,
        operation::Method::Post => MethodFilter::POST,
        operation::Method::Put => MethodFilter::PUT,
        operation::Method::Patch => MethodFilter::PATCH,
        operation::Method::Delete => MethodFilter::DELETE,
    }
}

/// An operation with who serves it. Handlers read the query that theirs takes themselves.
fn served(operation: &Operation<OperationId>, state: &AdminState) -> MethodRouter<AdminState> {
    let served = handler(operation.id, filter(operation.method));
    let served = match operation.query {
        Query::Refused => served.route_layer(from_fn(refuse_query)),
        Query::Taken(_) | Query::Ignored => served,
    };
    if !operation.token {
        return served;
    }
    let (operation, role) = (operation.id, operation.role.into());
    let needed = Needed { state: state.clone(), operation, role };
    served.route_layer(from_fn_with_state(needed, require_role))
}

/// The routes of operations; another method is told the right ones.
fn routes_of(operations: &[&Operation<OperationId>], state: &AdminState) -> Router<AdminState> {
    let add = |router: Router<AdminState>, operation: &&Operation<OperationId>| {
        router.route(operation.path, served(operation, state))
    };
    operations.iter().fold(Router::new(), add).method_not_allowed_fallback(another_method)
}

/// The whole admin API as one service.
pub(crate) fn router(state: AdminState) -> Router {
    let operations = operations();
    let (protected, open): (Vec<_>, Vec<_>) = operations.iter().partition(|row| row.token);
    routes_of(&protected, &state)
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(state.clone(), require_token))
        .merge(routes_of(&open, &state))
        .layer(from_fn_with_state(RequestDeadline(state.settings.request_timeout), frame))
        .with_state(state)
}

/// For who comes without TLS to a port that speaks it: says so, whatever is asked.
pub(crate) fn without_tls(deadline: RequestDeadline) -> Router {
    Router::new().fallback(use_tls).layer(from_fn_with_state(deadline, frame))
}

async fn use_tls() -> ApiError {
    ApiError::bad_request("this port speaks HTTP over TLS: use https://")
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::not_found(format!("nothing is at {}; the API is under /api/v1", uri.path()))
}

async fn another_method(method: Method) -> ApiError {
    let detail =
        format!("this address does not take {method}; the Allow header says what it takes");
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}
