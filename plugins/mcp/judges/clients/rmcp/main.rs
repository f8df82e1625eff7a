//! A client of the Rust SDK (rmcp), which does what a test tells it by stdin: a line of JSON for each order, and for each thing
//! that comes of one on stdout. Its argument is how it begins: `initialize`, or `auto` for the newer protocol where there is one.

#![expect(deprecated, reason = "sampling goes, and servers ask for it")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, CreateMessageRequestParams,
    CreateMessageResult, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, Implementation, ProgressNotificationParam, ProtocolVersion,
    SamplingCapability, SamplingMessage,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Outcome = Result<String, String>;

/// What the client says when a server asks it back.
#[derive(Clone, Default)]
struct Answering {
    /// The order whose call runs in this session.
    call: Arc<AtomicU64>,
}

impl ClientHandler for Answering {
    fn get_info(&self) -> ClientConfig {
        let mut can = ClientCapabilities::default();
        can.sampling = Some(SamplingCapability::default());
        can.elicitation = Some(ElicitationCapability::default());
        ClientConfig::new(can, Implementation::new("rmcp", "1.0.0"))
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("42"), "m".to_owned()))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"response": "yes"})))
    }

    async fn on_progress(&self, it: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        say(&json!({"id": self.call.load(Ordering::Relaxed), "progress": it.progress}));
    }
}

type Session = Arc<RunningService<RoleClient, Answering>>;

fn say(what: &Value) {
    println!("{what}");
}

fn tell(id: u64, outcome: Outcome) {
    match outcome {
        Ok(text) => say(&json!({"id": id, "result": text})),
        Err(text) => say(&json!({"id": id, "error": text})),
    }
}

async fn open(order: &Value) -> Result<Session, String> {
    let text = |key: &str| order[key].as_str().unwrap_or_default().to_owned();
    let config =
        StreamableHttpClientTransportConfig::with_uri(text("url")).auth_header(text("token"));
    let lifecycle = match std::env::args().nth(1).as_deref() {
        Some("auto") => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        },
        _ => ClientLifecycleMode::Initialize,
    };
    let transport = StreamableHttpClientTransport::from_config(config);
    let session = Answering::default().serve_with_lifecycle(transport, lifecycle).await;
    session.map(Arc::new).map_err(|error| error.to_string())
}

async fn call(session: Session, id: u64, order: Value) -> Outcome {
    session.service().call.store(id, Ordering::Relaxed);
    let arguments = order["arguments"].as_object().cloned().unwrap_or_default();
    let tool = order["tool"].as_str().unwrap_or_default().to_owned();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = session.call_tool(params).await.map_err(|error| error.to_string())?;
    let text = result.content.first().and_then(|content| content.as_text());
    Ok(text.map(|text| text.text.clone()).unwrap_or_default())
}

/// A call that runs.
struct Call {
    session: u64,
    task: JoinHandle<()>,
}

/// Stops waiting for the answer of a call, of which the server is told.
async fn cancel(id: u64, call: Call) {
    call.task.abort();
    if call.task.await.is_err_and(|error| error.is_cancelled()) {
        tell(id, Err("cancelled".to_owned()));
    }
}

/// Ends a session, in which nothing is waited for any more.
async fn close(session: Session) -> Outcome {
    let session = Arc::into_inner(session).ok_or("calls of it still run")?;
    session.cancel().await.map(|_| "closed".to_owned()).map_err(|error| error.to_string())
}

/// What a test says, as it says it.
fn orders() -> mpsc::Receiver<String> {
    let (heard, orders) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if heard.blocking_send(line).is_err() {
                return;
            }
        }
    });
    orders
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut orders = orders();
    let mut opening: HashMap<u64, JoinHandle<Option<Session>>> = HashMap::new();
    let mut sessions: HashMap<u64, Session> = HashMap::new();
    let mut calls: HashMap<u64, Call> = HashMap::new();
    while let Some(line) = orders.recv().await {
        let Ok(order) = serde_json::from_str::<Value>(&line) else { continue };
        let id = order["id"].as_u64().unwrap_or_default();
        let of = order["session"].as_u64().unwrap_or_default();
        // Tests use a session once they were told that it is open.
        if let Some(task) = opening.remove(&of)
            && let Ok(Some(session)) = task.await
        {
            sessions.insert(of, session);
        }
        match (order["do"].as_str(), sessions.get(&of)) {
            (Some("open"), _) => {
                let task = async move {
                    let opened = open(&order).await;
                    tell(id, opened.as_ref().map(|_| "open".to_owned()).map_err(String::clone));
                    opened.ok()
                };
                opening.insert(id, tokio::spawn(task));
            }
            (Some("call"), Some(session)) => {
                let session = Arc::clone(session);
                let task = async move { tell(id, call(session, id, order).await) };
                calls.insert(id, Call { session: of, task: tokio::spawn(task) });
            }
            (Some("cancel"), _) => {
                if let Some(call) = calls.remove(&id) {
                    cancel(id, call).await;
                }
            }
            (Some("close"), _) => {
                // A call whose server was lost may run until it notices.
                for (id, call) in calls.extract_if(|_, call| call.session == of) {
                    cancel(id, call).await;
                }
                match sessions.remove(&of) {
                    Some(session) => tell(id, close(session).await),
                    None => tell(id, Err("there is no such session".to_owned())),
                }
            }
            _ => tell(id, Err("this is no order".to_owned())),
        }
    }
}
