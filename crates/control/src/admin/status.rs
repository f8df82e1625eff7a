//! What an edge answers on its admin address: probes and how it is doing, to read only and without a token. What rules it
//! is its control plane's, so everything else is not here.

use super::error::ApiError;
use super::frame::{RequestDeadline, frame};
use super::serve::{Limits, serve_router};
use super::tls::AdminTls;
use crate::fleet::NodeProbes;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};
use sidegate_api::edge_status::{EdgeStatus, EdgeStatusAnswer};
use sidegate_api::error::ErrorCode;
use sidegate_api::probe::Health;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_CONNECTIONS: usize = 64;

/// How an edge is doing, as it knows itself.
pub trait EdgeProbes: NodeProbes {
    /// All of it, without configuration and secrets.
    fn status(&self) -> EdgeStatus;
}

/// Serves the status of an edge until `shutdown` resolves.
pub async fn serve_status(
    listener: TcpListener,
    tls: Option<AdminTls>,
    probes: Arc<dyn EdgeProbes>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let limits = Limits {
        request_timeout: REQUEST_TIMEOUT,
        max_connections: MAX_CONNECTIONS,
        shutdown_timeout: SHUTDOWN_TIMEOUT,
        tls,
    };
    serve_router(listener, router(probes), limits, shutdown).await;
}

type Probes = State<Arc<dyn EdgeProbes>>;

fn router(probes: Arc<dyn EdgeProbes>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/api/v1/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .method_not_allowed_fallback(only_get)
        .fallback(elsewhere)
        .layer(from_fn_with_state(RequestDeadline(REQUEST_TIMEOUT), frame))
        .with_state(probes)
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

async fn ready(State(probes): Probes) -> Response {
    let (is_ready, told) = probes.readiness();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(told)).into_response()
}

async fn metrics(State(probes): Probes) -> Response {
    let (media_type, text) = probes.metrics();
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

async fn status(State(probes): Probes) -> Json<EdgeStatusAnswer> {
    Json(EdgeStatusAnswer { data: probes.status() })
}

async fn only_get(method: Method) -> ApiError {
    let detail = format!("this address does not take {method}: an edge tells, and takes no orders");
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}

async fn elsewhere(uri: Uri) -> ApiError {
    ApiError::not_found(format!(
        "nothing is at {}: this is an edge, which tells how it is doing at /api/v1/status; the admin API is at its \
         control plane",
        uri.path()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    struct Edge;

    impl NodeProbes for Edge {
        fn readiness(&self) -> (bool, Value) {
            (false, json!({"status": "not ready"}))
        }

        fn metrics(&self) -> (&'static str, String) {
            ("text/plain", "figures".to_owned())
        }
    }

    impl EdgeProbes for Edge {
        fn status(&self) -> EdgeStatus {
            EdgeStatus { edge: "berlin-1".to_owned(), ..EdgeStatus::default() }
        }
    }

    async fn asked(method: Method, path: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router(Arc::new(Edge)).oneshot(request).await.unwrap();
        let status = response.status();
        assert!(response.headers().contains_key("x-request-id"));
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn everything_that_is_documented_is_there_without_a_token() {
        for operation in sidegate_api::edge_status::edge_operations() {
            let (status, _) = asked(Method::GET, operation.path).await;
            let statuses: Vec<_> = operation.answers.iter().map(|answer| answer.status).collect();
            assert!(statuses.contains(&status.as_u16()), "{}: {status}", operation.path);
            assert!(!operation.token && operation.method.as_str() == "GET");
        }
    }

    #[tokio::test]
    async fn an_edge_tells_how_it_is_doing_and_nothing_else() {
        assert_eq!(asked(Method::GET, "/health").await.0, StatusCode::OK);
        assert_eq!(asked(Method::GET, "/metrics").await.0, StatusCode::OK);
        assert_eq!(asked(Method::GET, "/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
        let (status, told) = asked(Method::GET, "/api/v1/status").await;
        assert_eq!((status, &told["data"]["edge"]), (StatusCode::OK, &json!("berlin-1")));
        for path in ["/", "/api/v1/plugins", "/api/v1/whoami", "/api/v1/openapi.json"] {
            let (status, refused) = asked(Method::GET, path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            let told = refused.to_string();
            assert!(told.contains("not_found") && told.contains("control plane"), "{told}");
        }
        let (status, _) = asked(Method::POST, "/api/v1/status").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
