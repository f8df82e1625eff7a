//! The two eras of the protocol: with sessions up to 2025-11-25, and since 2026-07-28 with requests that stand alone.

pub(crate) mod claim;
pub(crate) mod headers;
pub(crate) mod words;

use serde::Deserialize;

/// The revision whose requests stand alone.
pub(crate) const STATELESS: &str = "2026-07-28";
/// The newest revision with sessions.
pub(crate) const SESSIONS: &str = "2025-11-25";

/// What requests that stand alone say in their `_meta`.
pub(crate) mod meta {
    pub(crate) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    pub(crate) const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
    pub(crate) const SERVER: &str = "io.modelcontextprotocol/serverInfo";
    pub(crate) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    pub(crate) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    pub(crate) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
}

/// Errors that this era has.
pub(crate) const HEADER_MISMATCH: i32 = -32020;
pub(crate) const MISSING_CAPABILITY: i32 = -32021;
pub(crate) const UNSUPPORTED_VERSION: i32 = -32022;

/// What an operator says of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Pinned {
    /// The server is asked.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "2025")]
    Sessions,
    #[serde(rename = "2026")]
    Stateless,
}

/// Whether a version is of the newer era. Versions are dates.
pub(crate) fn is_stateless(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit()) && version >= STATELESS
}

/// Methods that the newer era has no more.
pub(crate) fn is_removed(method: &str) -> bool {
    let removed = [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
    ];
    removed.contains(&method)
}
