//! What a node remembers of the events that a plugin published: the last few, in memory.

use crate::UnixMillis;
use serde::{Deserialize, Serialize};

/// Most events of one plugin that are remembered.
pub const KEPT_EVENTS: usize = 50;
/// Most bytes of a payload that are.
pub const KEPT_PAYLOAD_BYTES: usize = 2048;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEvent {
    /// Its id, as its publisher was told.
    pub id: String,
    /// When it was published.
    pub at: UnixMillis,
    /// Its topic.
    pub topic: String,
    /// 0 stays on its node, 1 is meant to go up, 2 down.
    pub direction: i32,
    /// How many bytes its payload has.
    pub payload_bytes: u64,
    /// How the payload begins, as a text; none where it was not asked for.
    pub payload: Option<String>,
    /// How many subscriptions got it.
    pub reached: u32,
    /// How many did not, since they read too slowly.
    pub lost: u32,
}

/// The last events of one plugin, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEvents {
    /// Those that are remembered.
    pub newest: Vec<PluginEvent>,
    /// How many it published since the node's process started.
    pub published: u64,
}
