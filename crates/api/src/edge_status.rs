//! How an edge is doing, as it tells on its own machine, without a token: no configuration, no secrets.

use crate::operation::{Answer, Content, Method, Operation, Shape};
use crate::operations::METRICS_TYPE;
use crate::probe::{Health, PluginReadiness};
use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that is told there. A document of its own describes it: it is another server, and a client that was made of
/// the admin API's would find nothing of that here.
pub fn edge_operations() -> Vec<Operation<&'static str>> {
    let at = |name, path, summary| Operation::new(name, Method::Get, path, summary);
    let readiness =
        |status, meaning| Answer::new(status, meaning, Content::Json(Shape::of::<EdgeReadiness>()));
    let rows = [
        at("show_edge_status", "/api/v1/status", "Say how the edge is doing.")
            .shows::<EdgeStatusAnswer>("How it is doing."),
        at("api_health", "/api/v1/health", "Say that the edge answers.")
            .shows::<Health>("It answers."),
        at("health", "/health", "Say that the edge answers.").shows::<Health>("It answers."),
        at("ready", "/ready", "Say whether the edge is ready, and why not.")
            .answer(readiness(200, "It serves: `fresh`, or `stale` with a reason."))
            .answer(readiness(503, "Something is missing.")),
        at("metrics", "/metrics", "Show everything that is counted.").answer(Answer::new(
            200,
            "Everything that is counted, in the OpenMetrics format.",
            Content::Text(METRICS_TYPE),
        )),
    ];
    rows.map(|row| row.tag("edge").open().ignores_query()).into()
}

/// Whether an edge is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeReadiness {
    /// `fresh`, `stale` or `not ready`.
    #[schemars(extend("enum" = ["fresh", "stale", "not ready"]))]
    pub status: String,
    /// Always `sidegate`.
    #[schemars(extend("const" = "sidegate"))]
    pub service: String,
    /// The newest of `positions`; 0 while there is none.
    pub revision: u64,
    /// Names of plugins that must serve and do not.
    pub missing: Vec<String>,
    /// Every plugin that is to run.
    pub plugins: Vec<PluginReadiness>,
    /// Whether the control plane is connected.
    pub connected: bool,
    /// Why it is not `fresh`.
    pub reason: Option<String>,
    /// Seconds since it was last known that nothing newer is published.
    pub staleness_seconds: u64,
    /// By what is served, for each namespace.
    pub positions: Vec<EdgePosition>,
}

/// How an edge is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeStatus {
    /// Its name, which the join token gave it.
    pub edge: String,
    /// Its namespace; empty is the global one alone.
    pub namespace: String,
    /// Its version.
    pub version: String,
    /// `fresh`, `stale` or `not ready`.
    pub status: String,
    /// Why it is not `fresh`.
    pub reason: Option<String>,
    /// Whether the control plane is connected.
    pub connected: bool,
    /// Why not, where it is not.
    pub contact: Option<String>,
    /// Where the control plane is.
    pub control_url: Option<String>,
    /// Seconds since it was last known that nothing newer is published.
    pub staleness_seconds: u64,
    /// By what is served, for each namespace.
    pub positions: Vec<EdgePosition>,
    /// What is not served by as it was published.
    pub rejected: Vec<RejectedObject>,
    /// Every plugin that is to run.
    pub plugins: Vec<EdgePlugin>,
    /// When the certificate for the control plane ends.
    pub certificate_expires_at: Option<String>,
    /// What looks wrong with how it was started, in words.
    pub warnings: Vec<String>,
}

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeStatusAnswer {
    /// How the edge is doing.
    pub data: EdgeStatus,
}

/// By which revision of a namespace is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgePosition {
    /// The namespace; empty is the global one.
    pub namespace: String,
    /// Raised when the control plane's database was restored.
    pub lineage: u64,
    /// The revision.
    pub revision: u64,
}

/// An object of a snapshot that is not served by as it was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedObject {
    /// The namespace; empty is the global one.
    pub namespace: String,
    /// Which one.
    pub object: String,
    /// Why.
    pub reason: String,
    /// Whether its version before is served by.
    pub keeps_last_good: bool,
}

/// How a plugin is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgePlugin {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: State,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// Whether the edge is ready only while it serves.
    pub required: bool,
}
