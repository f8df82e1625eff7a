//! A data plane that only says yes: what the admin API asks of nodes, answered without any.

#![expect(clippy::unwrap_used, reason = "a harness fails like the test it serves")]

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::plugin_log::{LogEvent, LogLine};
use sidegate_api::record::{LineAttributes, RecordAttributes};
use sidegate_control::{
    Coverage, Fleet, Inspector, LogStart, NodeProbes, PluginPages, Quorum, Unreached, told_record,
};
use sidegate_model::clock::now_millis;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::explain::{Check, Explanation, ImaginedRequest, Outcome};
use sidegate_model::inspection::{Inspection, NotInspected};
use sidegate_model::node::{ClientAddress, NodeId, NodeReport};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_page::{
    Asset, PageCall, PageFailure, PageUser, ToldBeside, ToldByPlugin,
};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::record::{InstanceEnd, InstanceRecord, LoggedLine, ProcessExit};
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_wire::plugin::EndpointRegistration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// A data plane that has applied whatever was published, unless it is told to stall.
pub(crate) struct FakePlane {
    pub(crate) desired: watch::Receiver<Arc<Snapshot>>,
    pub(crate) stalls: watch::Sender<bool>,
    pub(crate) panics: AtomicBool,
    /// Whether public endpoints wait for approval.
    pub(crate) approves: AtomicBool,
    /// Whether it tells that a request is open.
    pub(crate) is_busy: AtomicBool,
    /// Its nodes are edges.
    pub(crate) is_of_edges: AtomicBool,
    /// What plugins told beside the console.
    pub(crate) beside: ToldBeside,
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
        reload_failure: None,
        pid: Some(4711),
        restarts: spec.reloads,
        next_start_at: (spec.name == "waits").then(|| now_millis() + 3_600_000),
        ready_since: Some(1_700_000_000_000),
        is_outdated: false,
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

/// Programs are called what happens to them.
impl Inspector for FakePlane {
    fn prepare(&self, spec: PluginSpec) -> Result<BoxFuture<'static, Inspection>, NotInspected> {
        match spec.command.as_str() {
            "file:///busy" => return Err(NotInspected::Busy(2)),
            "file:///missing" => return Err(NotInspected::Command("program is missing".into())),
            _ => {}
        }
        let seen = Inspection {
            failure: (spec.command == "file:///refuses")
                .then(|| "refused its configuration".into()),
            manifest: Some(serde_json::json!({"id": "p"})),
            requested_scopes: vec!["kv.readwrite".to_owned(), "analytics.read".to_owned()],
            endpoints: endpoints(&spec).endpoints().to_vec(),
            config_schema: schema("an-inspected-schema"),
            ..Inspection::default()
        };
        Ok(Box::pin(std::future::ready(seen)))
    }
}

/// A plugin that is called `page` has one; what it is asked says what happens.
impl PluginPages for FakePlane {
    fn told(&self, plugin: Arc<PluginSpec>) -> BoxFuture<'_, Result<ToldByPlugin, PageFailure>> {
        let mount = serde_json::json!({"kind": "webc", "tag": "a-page", "entry": "/ui/page.js"});
        let items = serde_json::json!([{"type": "route", "path": "/admin/page", "mount": mount}]);
        let slot = serde_json::json!({"slot": "sidebar.section", "label": "Page", "items": items});
        let manifest = serde_json::json!({"ui": {"slots": [slot]}});
        let manifest = (plugin.name == "page").then_some(manifest);
        let told = match plugin.name.as_str() {
            "away" => Err(PageFailure::NotHere("program /p is missing".to_owned())),
            "crashes" => Err(PageFailure::NotStarted {
                why: "it ended: its last words were dsn=4711".to_owned(),
                retry_after: Duration::ZERO,
            }),
            _ => Ok(ToldByPlugin {
                manifest,
                config_schema: None,
                is_schema_known: true,
                stands_in_because: None,
            }),
        };
        Box::pin(std::future::ready(told))
    }

    fn told_before(&self, plugin: PluginId) -> Option<ToldByPlugin> {
        self.beside.of(plugin).map(|(_, told)| told)
    }

    fn asset(
        &self,
        _: Arc<PluginSpec>,
        path: String,
        _: PageUser,
    ) -> BoxFuture<'_, Result<Asset, PageFailure>> {
        let asset = match path.as_str() {
            "/ui/page.html" => Ok(("<script>alert(1)</script>", "text/html")),
            "/ui/deep/page.js" => Ok(("1", "text/javascript")),
            path if path.contains("..") || path.contains('\\') => Ok(("out", "text/plain")),
            "/ui/odd" => Ok(("1", "no\ntype")),
            _ => Err(PageFailure::NoSuchAsset("asset not found".to_owned())),
        };
        let asset = asset.map(|(content, media_type)| Asset {
            content: content.into(),
            media_type: media_type.to_owned(),
        });
        Box::pin(std::future::ready(asset))
    }

    fn call(
        &self,
        _: Arc<PluginSpec>,
        call: PageCall,
    ) -> BoxFuture<'_, Result<String, PageFailure>> {
        let answer = match call.method.as_str() {
            "text" => Ok("no json".to_owned()),
            "fail" => Err(PageFailure::Said("slug is required".to_owned())),
            "pause" => Err(PageFailure::NotStarted {
                why: "it ended".to_owned(),
                retry_after: Duration::from_secs(2),
            }),
            _ => {
                Ok(serde_json::json!({"payload": call.payload, "user": call.user.name}).to_string())
            }
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Fleet for FakePlane {
    fn is_own(&self) -> bool {
        !self.is_of_edges.load(Ordering::Relaxed)
    }

    fn nodes(&self) -> Vec<NodeReport> {
        let revision = self.desired.borrow().revision;
        let public_mode = match self.approves.load(Ordering::Relaxed) {
            true => PublicMode::Approve,
            false => PublicMode::Allow,
        };
        let (id, plugins) = (NodeId::new("node-1"), self.plugins());
        let clients = ClientAddress::parse("http://0.0.0.0:8081");
        vec![NodeReport { id, revision, clients, public_mode, plugins }]
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

    fn reach(&self, node: &NodeId) -> BoxFuture<'_, Result<(), Unreached>> {
        let is_known = node.as_str() == "node-1";
        let reached = is_known.then_some(()).ok_or(Unreached("nobody there".to_owned()));
        Box::pin(std::future::ready(reached))
    }

    fn reload(&self, node: &NodeId, _: PluginId) -> BoxFuture<'_, Result<(), Unreached>> {
        self.reach(node)
    }

    /// Some lines, as many more as are read, and then silence.
    fn follow_log(
        &self,
        node: &NodeId,
        _: PluginId,
        LogStart { after, lines }: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Unreached>> {
        let process = RecordAttributes {
            node: node.to_string(),
            pid: Some(4711),
            started_at: "2030-01-31T12:00:00.000Z".to_owned(),
            running: true,
            ..RecordAttributes::default()
        };
        let begun = LogEvent::Process(process.clone());
        let lines = (after + 1..).take(lines).map(move |number| {
            let line = LineAttributes {
                number,
                stream: "stderr".to_owned(),
                level: "info".to_owned(),
                message: "x".repeat(1000),
                ..LineAttributes::default()
            };
            LogEvent::Line(LogLine::of(&process, line))
        });
        let told = std::iter::once(begun).chain(lines).map(Ok);
        Box::pin(stream::iter(told).chain(stream::pending()))
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
        "marked" => {
            serde_json::json!({"properties": {"limit": {"x-admin": true}, "dsn": {"x-secret": true}}})
        }
        "none" => return Some(Arc::new(ConfigSchema::none())),
        "unread" => return Some(Arc::new(ConfigSchema::unread())),
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
