//! Requests that are open now, as the admin API tells them.

use crate::live::NodeAnswer;
use crate::resource::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which open requests are told. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRequestQuery {
    /// Only those for the plugin with this number.
    pub plugin: Option<u32>,
    /// Only those that have been open so long at least, in milliseconds.
    pub min_duration_ms: Option<u64>,
    /// At most so many, 1 to 1000; 200 where nothing is said. The oldest come first.
    pub limit: Option<u32>,
}

/// A request that is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRequestAttributes {
    /// The node that serves it.
    pub node: String,
    /// Its id, as its client is told.
    pub request_id: String,
    /// The client's address.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, without its query, which may hold secrets; a long one is cut.
    pub path: String,
    /// The endpoint's path, as the plugin registered it; `null` while none is found.
    pub route: Option<String>,
    /// The name of the plugin; `null` while none is found.
    pub plugin: Option<String>,
    /// The number of the app that calls; `null` for anybody else.
    pub app: Option<u32>,
    /// When its head was complete; UTC, RFC 3339.
    pub started_at: String,
    /// How long ago that was.
    pub duration_ms: u64,
    /// The status of its answer, once that has begun.
    pub status: Option<u16>,
    /// Whether its answer is a stream.
    pub stream: bool,
}

/// Requests that are open, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRequestList {
    /// Some of them.
    pub data: Vec<Resource<OpenRequestAttributes>>,
    /// Of all of them.
    pub meta: OpenRequestsMeta,
}

/// What else there is to know of a list of open requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRequestsMeta {
    /// How many there are on the nodes that answered, whether they are listed or not.
    pub total_count: u64,
    /// Each node, and whether its requests are told.
    pub nodes: Vec<NodeAnswer>,
}
