//! What moves, as the admin API tells it in event streams: that something changed, and requests as they end.

use crate::operation::Shape;
use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The events of `GET /api/v1/live`.
pub const LIVE_EVENTS: &[(&str, Shape)] = &[
    ("hello", Shape::of::<LiveHello>()),
    ("revision", Shape::of::<LiveRevision>()),
    ("plugin", Shape::of::<LivePlugin>()),
    ("edge", Shape::of::<LiveEdge>()),
];

/// The events of `GET /api/v1/traffic`.
pub const TRAFFIC_EVENTS: &[(&str, Shape)] = &[
    ("hello", Shape::of::<TrafficHello>()),
    ("request", Shape::of::<EndedRequest>()),
    ("dropped", Shape::of::<DroppedRequests>()),
];

/// Whether a node could be asked, beside what was asked of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeAnswer {
    /// Which node.
    pub name: String,
    /// Whether what is told has its part in it.
    pub answered: bool,
    /// Why not.
    pub why: Option<String>,
}

/// How things are when a stream begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveHello {
    /// The version of the gateway that answers.
    pub version: String,
    /// The revision of what is stored.
    pub revision: u64,
}

/// What is stored was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveRevision {
    /// The newest revision; some between may not have been told.
    pub revision: u64,
}

/// A plugin changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LivePlugin {
    /// Which one.
    pub id: u32,
    /// Its state, where it is worst off; `null` once there is no such plugin and no node knows it any more.
    pub state: Option<State>,
}

/// An edge changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveEdge {
    /// Its number.
    pub id: u32,
    /// Whether it is connected now.
    pub connected: bool,
}

/// Which requests are told as they end. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficQuery {
    /// Only those for the plugin with this number.
    pub plugin: Option<u32>,
    /// Only those of the app with this number.
    pub app: Option<u32>,
    /// Only those with this status, as in `404`, or of this class, as in `5xx`.
    pub status: Option<String>,
    /// Only those whose path begins so.
    pub path_prefix: Option<String>,
    /// Only those that took so long at least, in milliseconds.
    pub min_duration_ms: Option<u64>,
}

/// Whose requests are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficHello {
    /// Each node, and whether its requests are told.
    pub nodes: Vec<NodeAnswer>,
}

/// A request that has ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndedRequest {
    /// When its last byte was gone; UTC, RFC 3339.
    pub at: String,
    /// The node that served it.
    pub node: String,
    /// Its id, as its client was told.
    pub request_id: String,
    /// The client's address.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, without its query, which may hold secrets; a long one is cut.
    pub path: String,
    /// The endpoint's path, as the plugin registered it; `null` where none was found.
    pub route: Option<String>,
    /// The name of the plugin; `null` where none was found.
    pub plugin: Option<String>,
    /// The number of the app that called; `null` for anybody else.
    pub app: Option<u32>,
    /// The status of the answer; 499 where the client had gone before there was one.
    pub status: u16,
    /// The code of the error, if it was one.
    pub error_code: Option<String>,
    /// Why the answer was cut, if it was.
    pub aborted: Option<String>,
    /// From its head to the answer's last byte, in milliseconds.
    pub duration_ms: f64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// Requests that are not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedRequests {
    /// How many since this was last told.
    pub count: u64,
}
