//! What answers that are streams of events share: their media type and how they end. What an event tells is said with
//! the operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The media type of server-sent events.
pub const EVENT_STREAM_TYPE: &str = "text/event-stream";

/// What an event without a name is called, as in browsers.
pub const MESSAGE_EVENT: &str = "message";

/// The name of the last event of a stream that the server ends; its data is a [`StreamEnd`].
pub const END_EVENT: &str = "end";

/// Why a stream ends, as its last event tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamEnd {
    /// In words for people.
    pub reason: String,
}
