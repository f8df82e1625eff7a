//! The table of the admin API's routes, and the router made of it. Everything needs the admin
//! token but the probes; what is not in the table needs it too.

use super::auth::require_admin;
use super::error::ApiError;
use super::extract::MAX_BODY_BYTES;
use super::frame::frame;
use super::state::AdminState;
use super::{
    apps, logging, plugin_schema, plugin_scopes, plugins, probes, records, routes, tokens,
};
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Json, Router};
use http::{Method, StatusCode, Uri};
use serde_json::json;

const HEALTH: &str = "/api/v1/health";

type Route = (Method, &'static str, MethodRouter<AdminState>);

fn table() -> Vec<Route> {
    vec![
        (Method::GET, "/api/v1/plugins", get(plugins::list)),
        (Method::POST, "/api/v1/plugins", post(plugins::create)),
        (Method::GET, "/api/v1/plugins/{id}", get(plugins::show)),
        (Method::PATCH, "/api/v1/plugins/{id}", patch(plugins::change)),
        (Method::DELETE, "/api/v1/plugins/{id}", delete(plugins::delete)),
        (Method::POST, "/api/v1/plugins/{id}/reload", post(plugins::reload)),
        (Method::POST, "/api/v1/plugins/{id}/grant", post(plugin_scopes::grant)),
        (Method::POST, "/api/v1/plugins/{id}/revoke", post(plugin_scopes::revoke)),
        (Method::POST, "/api/v1/plugins/{id}/approve-scopes", post(plugin_scopes::approve)),
        (Method::GET, "/api/v1/plugins/{id}/status", get(plugins::status)),
        (Method::GET, "/api/v1/plugins/{id}/config-schema", get(plugin_schema::show)),
        (Method::GET, "/api/v1/plugins/{id}/records", get(records::list)),
        (Method::GET, "/api/v1/apps", get(apps::list)),
        (Method::POST, "/api/v1/apps", post(apps::create)),
        (Method::GET, "/api/v1/apps/{id}", get(apps::show)),
        (Method::PATCH, "/api/v1/apps/{id}", patch(apps::change)),
        (Method::DELETE, "/api/v1/apps/{id}", delete(apps::delete)),
        (Method::GET, "/api/v1/tokens", get(tokens::list)),
        (Method::POST, "/api/v1/tokens", post(tokens::create)),
        (Method::GET, "/api/v1/tokens/{id}", get(tokens::show)),
        (Method::DELETE, "/api/v1/tokens/{id}", delete(tokens::revoke)),
        (Method::GET, "/api/v1/routes", get(routes::list)),
        (Method::GET, "/api/v1/logging", get(logging::show)),
        (Method::PATCH, "/api/v1/logging", patch(logging::change)),
    ]
}

/// Every route that needs the admin token: method and path, with `{id}` for a number.
pub fn protected_routes() -> Vec<(Method, &'static str)> {
    table().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// The whole admin API as one service.
pub(crate) fn router(state: AdminState) -> Router {
    let protected = table()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler));
    protected
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(state.clone(), require_admin))
        .route(HEALTH, get(health))
        .route("/health", get(health))
        .route("/ready", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .layer(from_fn_with_state(state.clone(), frame))
        .with_state(state)
}

/// For who comes without TLS to a port that speaks it: says so, whatever is asked.
pub(crate) fn without_tls(state: AdminState) -> Router {
    Router::new()
        .fallback(use_tls)
        .layer(from_fn_with_state(state.clone(), frame))
        .with_state(state)
}

async fn use_tls() -> ApiError {
    ApiError::bad_request("this port speaks HTTP over TLS: use https://")
}

async fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::not_found(format!("nothing is at {}; the API is under /api/v1", uri.path()))
}

async fn another_method(method: Method) -> ApiError {
    let detail =
        format!("this address does not take {method}; the Allow header says what it takes");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
