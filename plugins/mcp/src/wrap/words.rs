//! Messages of one era in the words of the other.

use serde_json::json;
use serde_json::value::RawValue;

use crate::about;
use crate::era::{SESSIONS, meta};
use crate::fields::Fields;
use crate::message::{Id, Message};

/// Levels of log messages, the least of them first.
pub(super) const LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Results that say how long they may be kept.
const CACHED: [&str; 5] =
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];

/// A request that stands alone.
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Fields,
    pub(super) envelope: Fields,
}

impl Asked {
    /// The least level of messages that are wanted, if any are.
    pub(super) fn level(&self) -> Option<usize> {
        let wanted = self.envelope.text(meta::LOG_LEVEL)?;
        LEVELS.iter().position(|level| *level == wanted)
    }

    pub(super) fn progress_token(&self) -> Option<Box<RawValue>> {
        self.envelope.raw("progressToken").map(ToOwned::to_owned)
    }

    /// What it is about, but for what differs when it is asked again.
    pub(super) fn subject(&self) -> String {
        let mut params = self.params.clone();
        for key in ["_meta", "inputResponses", "requestState"] {
            params.remove(key);
        }
        format!("{} {}", self.method, params.to_raw())
    }

    /// The request as a session knows it, under a number of the session's.
    pub(super) fn in_session(&self, number: i64) -> Message {
        let (mut params, mut envelope) = (self.params.clone(), self.envelope.clone());
        for key in [meta::VERSION, meta::CLIENT, meta::CAPABILITIES, meta::LOG_LEVEL] {
            envelope.remove(key);
        }
        if envelope.raw("progressToken").is_some() {
            envelope.set("progressToken", &number);
        }
        for key in ["inputResponses", "requestState", "_meta"] {
            params.remove(key);
        }
        if !envelope.is_empty() {
            params.set("_meta", &envelope);
        }
        Message::Request {
            id: Id::Number(number),
            method: self.method.clone(),
            params: Some(params),
        }
    }
}

/// How a session begins.
pub(super) fn initialize(capabilities: &str, client: &str) -> Message {
    let mut own: Fields = serde_json::from_str(capabilities).unwrap_or_default();
    // Those of the older era are another thing.
    own.remove("tasks");
    let nobody = about::implementation();
    let mut params = Fields::default();
    params.set("protocolVersion", &SESSIONS);
    params.set("capabilities", &own);
    match serde_json::from_str::<Fields>(client) {
        Ok(client) => params.set("clientInfo", &client),
        Err(_) => params.set("clientInfo", &nobody),
    }
    Message::Request { id: Id::Number(0), method: "initialize".to_owned(), params: Some(params) }
}

/// Whether a message tells of a change, which is for those that listen.
pub(super) fn is_change(message: &Message) -> bool {
    matches!(message, Message::Notification { method, .. } if filter_of(method).is_some() || method == UPDATED)
}

pub(super) const UPDATED: &str = "notifications/resources/updated";

/// The member of a filter that asks for a notification of a list.
pub(super) fn filter_of(method: &str) -> Option<&'static str> {
    match method {
        "notifications/tools/list_changed" => Some("toolsListChanged"),
        "notifications/prompts/list_changed" => Some("promptsListChanged"),
        "notifications/resources/list_changed" => Some("resourcesListChanged"),
        _ => None,
    }
}

/// A result with what the newer era wants of it.
pub(super) fn complete(method: &str, result: &mut Fields) {
    result.set("resultType", &"complete");
    if CACHED.contains(&method) {
        result.set("ttlMs", &0);
        result.set("cacheScope", &"private");
    }
}

/// An error with the code of the newer era.
pub(super) fn renumbered(error: Fields, params: &Fields) -> Fields {
    let mut error = error;
    if error.get::<i32>("code") == Some(-32002) {
        error.set("code", &-32602);
        if let Some(uri) = params.text("uri") {
            error.set("data", &json!({"uri": uri}));
        }
    }
    error
}
