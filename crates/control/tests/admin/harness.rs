//! An admin API on a real socket, over a real database and a data plane that only says yes. Every
//! answer is checked for what all answers promise.

#![expect(clippy::unwrap_used, reason = "a harness fails like the test it serves")]

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use sidegate_api::error::ErrorBody;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_control::{
    AdminParts, Control, ControlSettings, Coverage, Fleet, NodeProbes, Quorum, Unreached, serve,
    told_record,
};
use sidegate_model::clock::now_millis;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::explain::{Check, Explanation, ImaginedRequest, Outcome};
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::record::{InstanceEnd, InstanceRecord, LoggedLine, ProcessExit};
use sidegate_model::role::Role;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_model::token::TokenHash;
use sidegate_store::{NewAdminToken, Store};
use sidegate_wire::plugin::EndpointRegistration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const ADMIN_TOKEN: &str = "sga_correct-horse";

/// A data plane that has applied whatever was published, unless it is told to stall.
pub(crate) struct FakePlane {
    pub(crate) desired: watch::Receiver<Arc<Snapshot>>,
    pub(crate) stalls: watch::Sender<bool>,
    pub(crate) panics: AtomicBool,
    /// Whether public endpoints wait for approval.
    pub(crate) approves: AtomicBool,
}

impl FakePlane {
    fn plugins(&self) -> Vec<PluginStatus> {
        assert!(!self.panics.load(Ordering::Relaxed), "told to panic");
        let snapshot = self.desired.borrow().clone();
        snapshot.plugins.values().map(|spec| status(spec, &endpoints(spec))).collect()
    }
}

fn status(spec: &PluginSpec, endpoints: &EndpointTable) -> PluginStatus {
    let state = if spec.name == "waits" { PluginState::Backoff } else { PluginState::Ready };
    PluginStatus {
        id: spec.id,
        name: spec.name.clone(),
        slug: spec.slug.clone(),
        state,
        reason: None,
        warnings: vec!["runs as root".to_owned()],
        pid: Some(4711),
        restarts: spec.reloads,
        next_start_at: (spec.name == "waits").then(|| now_millis() + 3_600_000),
        ready_since: Some(1_700_000_000_000),
        hooks: vec!["custom_endpoint".to_owned()],
        requested_scopes: match spec.name.as_str() {
            "waits" => vec![],
            _ => ["kv.readwrite", "apps.read", "analytics.read"].map(str::to_owned).to_vec(),
        },
        config_schema: schema(&spec.name),
        endpoints: endpoints.endpoints().to_vec(),
        raised: endpoints.raised().to_vec(),
        demand: spec.options.policy.demand(),
        required: spec.options.required,
        start_duration: Some(Duration::from_millis(40)),
        in_flight: 2,
    }
}

/// What plugins offer; those that are called so offer something to everybody, and more once they were
/// reloaded.
fn endpoints(spec: &PluginSpec) -> EndpointTable {
    let endpoint = |path: &str, methods: &[&str]| EndpointRegistration {
        path: path.to_owned(),
        methods: methods.iter().map(|&method| method.to_owned()).collect(),
        ..Default::default()
    };
    let files = EndpointRegistration {
        description: "keeps files".into(),
        require_auth: true,
        metadata: [("tier".to_owned(), "gold".to_owned())].into(),
        ..endpoint("/files/*", &["POST", "GET"])
    };
    let open = match (spec.name.as_str(), spec.reloads) {
        ("open", 0) => vec![endpoint("/hello", &["GET"]), endpoint("/hooks/*", &["POST", "PUT"])],
        ("open", _) => vec![
            endpoint("/hello", &["GET"]),
            endpoint("/hooks/*", &["POST", "PUT"]),
            endpoint("/new", &["GET"]),
        ],
        _ => Vec::new(),
    };
    EndpointTable::build([files].into_iter().chain(open).collect())
}

impl Fleet for FakePlane {
    fn nodes(&self) -> Vec<NodeReport> {
        let revision = self.desired.borrow().revision;
        let public_mode = match self.approves.load(Ordering::Relaxed) {
            true => PublicMode::Approve,
            false => PublicMode::Allow,
        };
        let (id, plugins) = (NodeId::new("node-1"), self.plugins());
        vec![NodeReport { id, revision, public_mode, plugins }]
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        Box::pin(futures_util::stream::pending())
    }

    fn explain(
        &self,
        node: &NodeId,
        request: ImaginedRequest,
    ) -> BoxFuture<'_, Result<ExplanationAttributes, Unreached>> {
        let told = Explanation {
            outcome: Outcome::Refused {
                status: 404,
                code: "not_found",
                message: "Nothing is served at this address.".to_owned(),
            },
            route: None,
            rivals: Vec::new(),
            checks: vec![Check {
                name: "route",
                passed: false,
                detail: format!("{} {} {:?}", request.method, request.target, request.headers),
            }],
            limits: Vec::new(),
        };
        let told = (node.as_str() == "node-1").then_some(told);
        let told = told.map(|told| ExplanationAttributes::of("node-1", told));
        Box::pin(std::future::ready(told.ok_or(Unreached("nobody there".to_owned()))))
    }

    fn records(
        &self,
        node: &NodeId,
        _: PluginId,
        lines: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordAttributes>, Unreached>> {
        let line = |number: usize| LoggedLine {
            number: number as u64,
            at: 1_700_000_000_000,
            stream: "stderr",
            level: "error",
            message: format!("line {number} \u{1b}[31m"),
            fields: Some(r#"{"n":1}"#.to_owned()),
            ..LoggedLine::default()
        };
        let running = InstanceRecord {
            started_at: 1_700_000_001_000,
            pid: Some(4711),
            sha256: Some("ab".repeat(32)),
            ready_at: Some(1_700_000_001_040),
            ..InstanceRecord::default()
        };
        let end = InstanceEnd {
            at: 1_700_000_000_500,
            exit: Some(ProcessExit::Signal(9)),
            in_flight: 3,
            reason: "the process was ended by signal 9 (SIGKILL)".to_owned(),
            ..InstanceEnd::default()
        };
        let ended = InstanceRecord {
            started_at: 1_700_000_000_000,
            pid: Some(4710),
            end: Some(end),
            lines: (200 - lines..200).map(line).collect(),
            ..InstanceRecord::default()
        };
        let told = |record| told_record(&(node.clone(), record));
        Box::pin(std::future::ready(Ok([running, ended].map(told).to_vec())))
    }

    fn applied(&self, revision: Revision, _: Quorum) -> BoxFuture<'_, ()> {
        let (mut desired, mut stalls) = (self.desired.clone(), self.stalls.subscribe());
        Box::pin(async move {
            let _ = stalls.wait_for(|stalls| !stalls).await;
            let _ = desired.wait_for(|snapshot| snapshot.revision >= revision).await;
        })
    }

    fn coverage(&self, revision: Revision) -> Coverage {
        let applied = self.desired.borrow().revision >= revision;
        Coverage { applied: usize::from(applied), connected: 1, ..Coverage::default() }
    }
}

impl NodeProbes for FakePlane {
    fn readiness(&self) -> (bool, Value) {
        let stalls = *self.stalls.borrow();
        (!stalls, serde_json::json!({"status": if stalls { "not ready" } else { "ready" }}))
    }

    fn metrics(&self) -> (&'static str, String) {
        ("text/plain", "counted 1\n".to_owned())
    }
}

/// What plugins say of their configuration, where their names end so.
fn schema(name: &str) -> Option<Arc<ConfigSchema>> {
    let json = match name.rsplit_once('-')?.1 {
        "schema" => serde_json::json!({
            "additionalProperties": false, "required": ["url"], "properties": {
                "url": {"type": "string"}, "port": {"type": "integer", "maximum": 65535},
                "api_secret": {"type": "string", "minLength": 8},
            },
        }),
        // It is looked at for as long as anything is.
        "endless" => {
            let next = |n| serde_json::json!({"$ref": format!("#/parts/{}", n + 1)});
            let parts: Vec<_> =
                (0..60).map(|n| serde_json::json!({"allOf": [next(n), next(n)]})).collect();
            serde_json::json!({"$ref": "#/parts/0", "parts": parts})
        }
        _ => return None,
    };
    ConfigSchema::parse(&json.to_string()).unwrap().map(Arc::new)
}

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
        let [panics, approves] = [(); 2].map(|()| AtomicBool::new(false));
        let plane = Arc::new(FakePlane { desired, stalls, panics, approves });
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
    let body = response.bytes().await.unwrap();
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
