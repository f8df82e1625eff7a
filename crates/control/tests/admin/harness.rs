//! An admin API on a real socket, over a real database and a data plane that only says yes. Every
//! answer is checked for what all answers promise.

#![expect(clippy::unwrap_used, reason = "a harness fails like the test it serves")]

use crate::fake_plane::FakePlane;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use sidegate_api::error::ErrorBody;
use sidegate_api::event_stream::EVENT_STREAM_TYPE;
use sidegate_control::{AdminParts, Control, ControlSettings, serve};
use sidegate_model::plugin_page::ToldBeside;
use sidegate_model::role::Role;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::TokenHash;
use sidegate_store::{NewAdminToken, Store};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const ADMIN_TOKEN: &str = "sga_correct-horse";

pub(crate) struct Admin {
    pub(crate) plane: Arc<FakePlane>,
    pub(crate) control: Control,
    pub(crate) store: Store,
    pub(crate) server: JoinHandle<()>,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) shutdown: Option<oneshot::Sender<()>>,
    client: reqwest::Client,
    _folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    /// The answer, which must have this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}", self.json);
        self
    }

    pub(crate) fn attributes(&self) -> &Value {
        &self.json["data"]["attributes"]
    }

    pub(crate) fn id(&self) -> u32 {
        self.json["data"]["id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn details(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().unwrap();
        errors.iter().map(|error| error["detail"].as_str().unwrap()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

impl Admin {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut ControlSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap();
        let (control, desired) = Control::start(store.clone()).await.unwrap();
        let stalls = watch::Sender::new(false);
        let [panics, approves, is_busy, is_of_edges] = [(); 4].map(|()| AtomicBool::new(false));
        let plane = Arc::new(FakePlane {
            desired,
            stalls,
            panics,
            approves,
            is_busy,
            is_of_edges,
            beside: ToldBeside::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, ended) = oneshot::channel::<()>();
        let mut settings = ControlSettings::new(TokenHash::of(ADMIN_TOKEN));
        adjust(&mut settings);
        let until = async {
            let _ = ended.await;
        };
        let parts = AdminParts {
            control: control.clone(),
            fleet: plane.clone(),
            probes: plane.clone(),
            edges: None,
            inspector: plane.clone(),
            pages: plane.clone(),
            certificates: Arc::new(()),
        };
        let serving = serve(listener, settings, parts, until);
        let server = tokio::spawn(serving);
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let shutdown = Some(shutdown);
        Self { plane, control, store, server, address, shutdown, client, _folder: folder }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.plane.desired.borrow().clone()
    }

    /// A request without token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path).bearer_auth(ADMIN_TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        send(request).await
    }

    /// Makes an admin token of this name; gives its text.
    pub(crate) async fn admin_token(&self, name: &str, role: Role) -> String {
        self.admin_token_until(name, role, None).await
    }

    pub(crate) async fn admin_token_until(
        &self,
        name: &str,
        role: Role,
        expires_at: Option<i64>,
    ) -> String {
        let text = format!("sga_of-{name}-0123456789");
        let hash = TokenHash::of(&text);
        let (name, hint) = (name.to_owned(), "sga_of-".to_owned());
        let new = NewAdminToken { name, hash, hint, role, expires_at };
        self.store.create_admin_token(&new).await.unwrap();
        text
    }

    /// Asks with another token; a body for PATCH is a merge patch.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let merges = method == Method::PATCH;
        let mut request = self.request(method, path).bearer_auth(token);
        if let Some(body) = body {
            let kind = if merges { "application/merge-patch+json" } else { "application/json" };
            request = request.header("content-type", kind).body(body.to_string());
        }
        send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    pub(crate) async fn post_text(&self, path: &str, content_type: &str, body: String) -> Answer {
        let request = self.request(Method::POST, path).bearer_auth(ADMIN_TOKEN);
        send(request.header("content-type", content_type).body(body)).await
    }
}

/// Sends and checks what every answer promises.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    // What goes on for as long as somebody reads has no end to wait for.
    let goes_on = headers.get("content-type").is_some_and(|kind| kind == EVENT_STREAM_TYPE);
    let body = if goes_on { Bytes::new() } else { response.bytes().await.unwrap() };
    assert!(headers.contains_key("x-request-id"), "{status}");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("access-control-allow-origin"));
    let json = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    if status.is_client_error() || status.is_server_error() {
        let body: ErrorBody = serde_json::from_value(json.clone()).expect("the body of an error");
        assert_eq!(serde_json::to_value(&body).unwrap(), json, "nothing more is in it");
        assert_eq!(body.code.status(), status.as_u16());
        assert_eq!(headers["x-request-id"], body.request_id);
        assert!(!body.errors.is_empty() && !body.error.is_empty());
        for error in &body.errors {
            assert_eq!(error.code, body.code);
            assert!(!error.title.is_empty() && !error.detail.is_empty());
        }
    }
    Answer { status, headers, json }
}
