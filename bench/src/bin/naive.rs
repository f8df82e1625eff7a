//! A gateway as one writes it in an afternoon: axum in front, one tonic channel behind, hash maps
//! and vectors between. It does the same work for a request as ours: a route among 200, the SHA-256
//! of the token and its lookup, a whole `EndpointRequest`.
//!
//! `bench-naive SOCKET TOKEN` prints its address.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use sidegate_bench::naive as wire;
use sidegate_bench::payload::MOUNT;
use sidegate_bench::start::channel_to;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use wire::endpoint_response_chunk::ChunkType;
use wire::plugin_service_client::PluginServiceClient;

/// How many routes there are besides those that are called.
const ROUTES: usize = 200;
/// The largest body of a request and of an answer.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

struct Gateway {
    plugin: PluginServiceClient<Channel>,
    tokens: RwLock<HashMap<Vec<u8>, wire::App>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let socket = arguments.next().context("usage: bench-naive SOCKET TOKEN")?;
    let token = arguments.next().context("usage: bench-naive SOCKET TOKEN")?;
    let channel = channel_to(socket.into()).await?;
    let app = wire::App {
        id: 1,
        name: "bench".to_owned(),
        is_active: true,
        owner_email: "bench@example.com".to_owned(),
        ..Default::default()
    };
    let hash = Sha256::digest(token.as_bytes()).to_vec();
    let gateway = Arc::new(Gateway {
        plugin: PluginServiceClient::new(channel).max_decoding_message_size(MAX_BODY_BYTES),
        tokens: RwLock::new(HashMap::from([(hash, app)])),
    });
    let router = (0..ROUTES)
        .fold(Router::new(), |router, n| router.route(&format!("{MOUNT}/r/{n}"), any(unary)));
    let router = router
        .route(&format!("{MOUNT}/hello"), any(unary))
        .route(&format!("{MOUNT}/auth/hello"), any(unary))
        .route(&format!("{MOUNT}/echo"), any(unary))
        .route(&format!("{MOUNT}/sse"), any(stream))
        .with_state(gateway);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // Else axum makes the whole table of routes anew for each connection.
    axum::serve(listener, router.into_make_service()).await?;
    Ok(())
}

async fn unary(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request = match gateway.translate(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    match gateway.plugin.clone().handle_endpoint_request(request).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            respond(answer.status_code, answer.headers, Body::from(answer.body))
        }
        Err(status) => (StatusCode::BAD_GATEWAY, status.to_string()).into_response(),
    }
}

async fn stream(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request = match gateway.translate(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let failed = |text: String| (StatusCode::BAD_GATEWAY, text).into_response();
    let mut chunks = match gateway.plugin.clone().handle_endpoint_request_stream(request).await {
        Ok(chunks) => chunks.into_inner(),
        Err(status) => return failed(status.to_string()),
    };
    let head = match chunks.message().await {
        Ok(Some(head)) if head.r#type() == ChunkType::Headers => head,
        other => return failed(format!("{other:?}")),
    };
    let body = chunks.filter_map(async |chunk| match chunk {
        Ok(chunk) if chunk.r#type() == ChunkType::Body => Some(Ok(chunk.data)),
        Ok(_) => None,
        Err(status) => Some(Err(status)),
    });
    respond(head.status_code, head.headers, Body::from_stream(body))
}

fn respond(status: i32, headers: HashMap<String, String>, body: Body) -> Response {
    let mut response = Response::builder().status(u16::try_from(status).unwrap_or(500));
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|error| error.to_string().into_response())
}

impl Gateway {
    async fn translate(
        &self,
        request: Request,
    ) -> Result<wire::EndpointRequest, (StatusCode, &'static str)> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let relative_path = path.strip_prefix(MOUNT).unwrap_or(&path).to_owned();
        let app = self.caller(&head.headers);
        let authenticated = relative_path.starts_with("/auth");
        if authenticated && app.is_none() {
            return Err((StatusCode::UNAUTHORIZED, "a token is needed"));
        }
        let body = to_bytes(body, MAX_BODY_BYTES).await;
        let body = body.map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))?;
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Ok(wire::EndpointRequest {
            method: head.method.to_string(),
            path_segments: relative_path.split('/').skip(1).map(str::to_owned).collect(),
            path,
            relative_path,
            headers: header_map(&head.headers),
            body: body.to_vec(),
            query_string: head.uri.query().unwrap_or_default().to_owned(),
            remote_addr: "127.0.0.1".to_owned(),
            host: host.unwrap_or_default().to_owned(),
            protocol: "http".to_owned(),
            context: Some(context()),
            authenticated,
            app,
            ..Default::default()
        })
    }

    fn caller(&self, headers: &HeaderMap) -> Option<wire::App> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let hash = Sha256::digest(token.as_bytes()).to_vec();
        self.tokens.read().ok()?.get(&hash).cloned()
    }
}

fn header_map(headers: &HeaderMap) -> HashMap<String, String> {
    let text = |value: &header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let wanted = headers.iter().filter(|(name, _)| *name != header::AUTHORIZATION);
    wanted.map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn context() -> wire::PluginContext {
    let random = || getrandom::u64().unwrap_or_default();
    let facts = [("edge_id", "standalone"), ("edge_namespace", "")];
    wire::PluginContext {
        request_id: format!("{:016x}{:016x}", random(), random()),
        metadata: facts.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Default::default()
    }
}
