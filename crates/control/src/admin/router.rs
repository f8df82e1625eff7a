//! The router, made of the operations that the API has. Everything needs a token but the probes, and each
//! operation its role; what is no operation needs a token too.

use super::auth::{Needed, require_role, require_token};
use super::error::ApiError;
use super::extract::{MAX_BODY_BYTES, refuse_query};
use super::frame::{RequestDeadline, frame};
use super::state::AdminState;
use super::{
    admin_tokens, applied, apps, audit, console_files, edge_keys, edges, explain, history, issuers,
    live, logging, metrics_history, namespaces, needs, open_requests, openapi, plugin_events,
    plugin_inspect, plugin_log, plugin_pages, plugin_public, plugin_rpc, plugin_schema,
    plugin_scopes, plugin_storage, plugin_trial, plugins, probes, records, routes, sessions,
    sign_in, sign_in_oidc, tokens, traffic, users, whoami,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, Uri};
use sidegate_api::error::ErrorCode;
use sidegate_api::operation::{self, Operation, Query};
use sidegate_api::operations::{OperationId, operations};
use sidegate_model::plugin_page::MAX_CALL_BYTES;

/// Largest body of whoever signs in, in bytes.
const MAX_SIGN_IN_BYTES: usize = 8 * 1024;

/// Makes the one function that says who serves an operation of a table with a row for each.
macro_rules! handlers {
    ($($operation:ident => $handler:path;)+) => {
        /// Who serves an operation.
        fn handler(id: OperationId, method: MethodFilter) -> MethodRouter<AdminState> {
            match id {
                $(OperationId::$operation => on(method, $handler),)+
            }
        }
    };
}

handlers! {
    ListPlugins => plugins::list;
    CreatePlugin => plugins::create;
    ShowPlugin => plugins::show;
    ChangePlugin => plugins::change;
    DeletePlugin => plugins::delete;
    ReloadPlugin => plugins::reload;
    GrantScopes => plugin_scopes::grant;
    RevokeScopes => plugin_scopes::revoke;
    ApproveScopes => plugin_scopes::approve;
    ChangePublic => plugin_public::change;
    ShowPluginStatus => plugins::status;
    ShowConfigSchema => plugin_schema::show;
    ListPluginRecords => records::list;
    ListApps => apps::list;
    CreateApp => apps::create;
    ShowApp => apps::show;
    ChangeApp => apps::change;
    DeleteApp => apps::delete;
    ListIssuers => issuers::list;
    CreateIssuer => issuers::create;
    ShowIssuer => issuers::show;
    ChangeIssuer => issuers::change;
    DeleteIssuer => issuers::delete;
    ListTokens => tokens::list;
    CreateToken => tokens::create;
    ShowToken => tokens::show;
    RotateToken => tokens::rotate;
    RevokeToken => tokens::revoke;
    ListRoutes => routes::list;
    ListNodes => routes::nodes;
    Explain => explain::explain;
    Whoami => whoami::show;
    ListAdminTokens => admin_tokens::list;
    CreateAdminToken => admin_tokens::create;
    ShowAdminToken => admin_tokens::show;
    RevokeAdminToken => admin_tokens::revoke;
    ListUsers => users::list;
    CreateUser => users::create;
    ShowUser => users::show;
    ChangeUser => users::change;
    DeleteUser => users::delete;
    SetPassword => users::set_password;
    SignIn => sign_in::sign_in;
    ShowSignInWays => sign_in_oidc::ways;
    BeginSignIn => sign_in_oidc::begin;
    ShowSession => sessions::show;
    SignOut => sessions::sign_out;
    ListSessions => sessions::list;
    EndSession => sessions::end;
    CreateConsoleLink => sessions::create_link;
    ListAudit => audit::list;
    ListEdges => edges::list;
    CreateEdge => edges::create;
    ShowEdge => edges::show;
    RenewJoinToken => edges::renew_join_token;
    RevokeEdge => edges::revoke;
    DeleteEdge => edges::delete;
    RotateAuthority => edge_keys::rotate_authority;
    RaiseLineage => edge_keys::raise_lineage;
    ShowBootstrapFile => edge_keys::bootstrap_file;
    ShowNamespaceKey => edge_keys::namespace_key;
    ListNamespaces => namespaces::list;
    CreateNamespace => namespaces::create;
    ShowNamespace => namespaces::show;
    DeleteNamespace => namespaces::delete;
    ListRevisions => history::list;
    DiffRevisions => history::diff;
    RollBack => history::roll_back;
    ShowRevision => history::show;
    ShowApplied => applied::show;
    KeepApplied => applied::keep;
    ShowLogging => logging::show;
    ChangeLogging => logging::change;
    ShowOpenApi => openapi::show;
    ApiHealth => probes::health;
    Health => probes::health;
    Ready => probes::ready;
    Metrics => probes::metrics;
    InspectPlugin => plugin_inspect::inspect;
    TryPlugin => plugin_trial::attempt;
    ListPluginEvents => plugin_events::list;
    ListPluginStorage => plugin_storage::list;
    ShowPluginStorage => plugin_storage::show;
    DeletePluginStorage => plugin_storage::delete;
    ListNeeds => needs::list;
    FollowPluginLog => plugin_log::follow;
    ListPluginPages => plugin_pages::list;
    ShowPluginAsset => plugin_rpc::asset;
    ShowAssetOfPlugin => plugin_rpc::asset;
    CallPlugin => plugin_rpc::call;
    ListUiRegistry => plugin_pages::registry;
    ShowSidebarMenu => plugin_pages::menu;
    ValidateAndLoad => plugin_pages::validate;
    WatchChanges => live::watch;
    WatchTraffic => traffic::watch;
    ListOpenRequests => open_requests::list;
    EndOpenRequest => open_requests::end;
    ShowMetricsHistory => metrics_history::show;
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
    // Whoever signs in has proved nothing yet.
    let served = match operation.id {
        OperationId::SignIn | OperationId::BeginSignIn => {
            served.layer(DefaultBodyLimit::max(MAX_SIGN_IN_BYTES))
        }
        OperationId::CallPlugin => served.layer(DefaultBodyLimit::max(MAX_CALL_BYTES)),
        _ => served,
    };
    if !operation.token {
        return served;
    }
    let (role, reads) = (operation.role.into(), reads(operation));
    let needed = Needed { state: state.clone(), operation: operation.id, role, reads };
    served.route_layer(from_fn_with_state(needed, require_role))
}

/// Whether it changes nothing, or only that its own session goes on.
fn reads(operation: &Operation<OperationId>) -> bool {
    let is_get = operation.method == operation::Method::Get;
    is_get || [OperationId::Explain, OperationId::SignOut].contains(&operation.id)
}

/// The routes of operations; another method is told the right ones.
fn routes_of(operations: &[&Operation<OperationId>], state: &AdminState) -> Router<AdminState> {
    let add = |router: Router<AdminState>, operation: &&Operation<OperationId>| {
        // There it may have slashes in it.
        let path = operation.path.replace("{path}", "{*path}");
        router.route(&path, served(operation, state))
    };
    operations.iter().fold(Router::new(), add).method_not_allowed_fallback(another_method)
}

/// The whole admin API as one service.
pub(crate) fn router(state: AdminState) -> Router {
    let operations = operations();
    // Whoever signs in has a token or session only afterwards; its address has operations that need one.
    let (protected, open): (Vec<_>, Vec<_>) =
        operations.iter().partition(|row| row.tag != "probes");
    routes_of(&protected, &state)
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(state.clone(), require_token))
        .merge(routes_of(&open, &state))
        .merge(console_files::router())
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
