//! The last events that a plugin published, as the admin API tells them.

use crate::live::NodeAnswer;
use crate::resource::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event that a plugin published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginEventAttributes {
    /// On which node.
    pub node: String,
    /// When; UTC, RFC 3339.
    pub at: String,
    /// Its topic.
    pub topic: String,
    /// Where it is meant to go.
    pub direction: EventDirection,
    /// How many bytes its payload has.
    pub payload_bytes: u64,
    /// How its payload begins, at most 2 KiB of it as a text; `null` for whoever is no admin.
    pub payload: Option<String>,
    /// How many subscriptions got it.
    pub reached: u32,
    /// How many lost it, since they read too slowly.
    pub lost: u32,
}

/// Where an event is meant to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventDirection {
    /// It stays on its node.
    #[default]
    Local,
    /// From an edge to its hub.
    Up,
    /// From the hub to edges.
    Down,
}

impl EventDirection {
    /// As plugins say it.
    pub fn of(number: i32) -> Self {
        match number {
            1 => Self::Up,
            2 => Self::Down,
            _ => Self::Local,
        }
    }
}

/// The last events of a plugin, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginEventList {
    /// Those that are remembered.
    pub data: Vec<Resource<PluginEventAttributes>>,
    /// What else there is to know of them.
    pub meta: PluginEventsMeta,
}

/// What else there is to know of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginEventsMeta {
    /// How many it published since its nodes started.
    pub total_published: u64,
    /// How many are remembered of each plugin, on each node.
    pub most_kept: u64,
    /// Each node, and whether its events are told.
    pub nodes: Vec<NodeAnswer>,
}
