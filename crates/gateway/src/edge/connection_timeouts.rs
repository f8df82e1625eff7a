//! How long the edge waits for a client. Values only.

use std::time::Duration;

/// How long a connection may keep the gateway waiting.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionTimeouts {
    /// From the first byte of a request head to its last; also from the connection to the first.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For a client that takes nothing of an answer.
    pub stalled_write: Duration,
}
