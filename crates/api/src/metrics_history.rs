//! What was counted over the last hours, in columns, as the admin API tells it.

use crate::live::NodeAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HistoryWindow {
    /// One hour, in steps of 10 seconds.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// Six hours, in steps of 2 minutes.
    #[serde(rename = "6h")]
    SixHours,
    /// A day, in steps of 2 minutes.
    #[serde(rename = "24h")]
    Day,
}

/// Of what, and how far back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsHistoryQuery {
    /// Of the plugin with this number; without it of the whole gateway.
    pub plugin: Option<u32>,
    /// How far back; `1h` where nothing is said.
    pub window: Option<HistoryWindow>,
    /// Only what was counted on this node; without it all nodes together.
    pub node: Option<String>,
    /// Whether each plugin's own series are told beside those of the whole gateway.
    pub each_plugin: Option<bool>,
}

/// What was counted, in steps of equal length, the oldest first. All columns have one value for each step, which is
/// `null` where nothing is known: the gateway did not run, or there was no request whose time could be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsHistoryAttributes {
    /// The length of a step in milliseconds.
    pub step_ms: u64,
    /// When the first step begins; UTC, RFC 3339.
    pub from: String,
    /// The same in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Of what was asked for.
    pub series: MetricsSeries,
    /// Of each plugin, where that was asked for. The most recent 200 of a node have series of their own, the rest is one
    /// named `others`.
    pub plugins: Vec<PluginSeries>,
    /// Each node, and whether what it counted is in it.
    pub nodes: Vec<NodeAnswer>,
}

/// The series of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginSeries {
    /// Its number; `null` for one that is gone, and for `others`.
    pub id: Option<u32>,
    /// Its name.
    pub name: String,
    /// What was counted of it.
    pub series: MetricsSeries,
}

/// One column for each figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsSeries {
    /// Requests that ended.
    pub requests: Vec<Option<f64>>,
    /// Those of them that were answered with a status of 500 or more.
    pub errors: Vec<Option<f64>>,
    /// Half of them took no longer than this, in milliseconds; estimated from the buckets of the metrics. Of several nodes
    /// the slowest.
    pub p50_ms: Vec<Option<f64>>,
    /// Nine of ten took no longer.
    pub p90_ms: Vec<Option<f64>>,
    /// Ninety-nine of a hundred took no longer.
    pub p99_ms: Vec<Option<f64>>,
    /// Requests that were open: the most that were seen.
    pub in_flight: Vec<Option<f64>>,
    /// Resident memory of the plugin's processes and all that they started, or of the gateway's own process: the most that
    /// was seen.
    pub memory_bytes: Vec<Option<f64>>,
    /// Processor time of these, where 100 is one core.
    pub cpu_percent: Vec<Option<f64>>,
}
