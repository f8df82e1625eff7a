//! What requests that stand alone say of their client, and what a server without sessions says of itself.

use super::{STATELESS, meta};
use crate::about;
use crate::fields::Fields;

/// Parameters with what a request that stands alone says of its client.
pub(crate) fn enveloped(params: &Fields, capabilities: &str, client: &str, level: &str) -> Fields {
    let mut params = params.clone();
    let mut envelope = params.object("_meta").unwrap_or_default();
    let mut own: Fields = serde_json::from_str(capabilities).unwrap_or_default();
    // Those of the older era are another thing.
    own.remove("tasks");
    envelope.set(meta::VERSION, &STATELESS);
    envelope.set(meta::CAPABILITIES, &own);
    if let Ok(client) = serde_json::from_str::<Fields>(client) {
        envelope.set(meta::CLIENT, &client);
    }
    if !level.is_empty() {
        envelope.set(meta::LOG_LEVEL, &level);
    }
    params.set("_meta", &envelope);
    params
}

/// What a server says of itself, as an answer to `initialize`.
pub(crate) fn introduction(found: &Fields, version: &str) -> Fields {
    let mut result = Fields::default();
    result.set("protocolVersion", &version);
    let mut capabilities = found.object("capabilities").unwrap_or_default();
    capabilities.remove("extensions");
    result.set("capabilities", &capabilities);
    let nobody = about::implementation();
    match found.object("_meta").and_then(|meta| meta.object(super::meta::SERVER)) {
        Some(server) => result.set("serverInfo", &server),
        None => result.set("serverInfo", &nobody),
    }
    if let Some(text) = found.text("instructions") {
        result.set("instructions", &text);
    }
    result
}
