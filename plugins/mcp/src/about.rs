//! What the plugin says of itself.

use serde_json::{Value, json};

/// Its name and version, as the protocol calls for them.
pub(crate) fn implementation() -> Value {
    json!({"name": "sidegate-mcp", "version": env!("CARGO_PKG_VERSION")})
}
