//! One message of MCP, which is JSON-RPC: read so strictly that nobody behind can read it differently, and written
//! anew, so that nothing passes that was not read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::fields::Fields;

/// How deep objects and lists may be in each other.
const DEEPEST: usize = 64;

/// What says which answer belongs to which question.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(i64),
    Text(String),
}

/// A message in either direction.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Somebody asks, and waits.
    Request { id: Id, method: String, params: Option<Fields> },
    /// Somebody tells.
    Notification { method: String, params: Option<Fields> },
    /// The end of a question.
    Answer { id: Option<Id>, outcome: Outcome },
}

/// How a question ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Result(Box<RawValue>),
    Error(Box<RawValue>),
}

/// Why something is no message: a code of JSON-RPC and words for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) code: i32,
    pub(crate) text: &'static str,
}

impl Malformed {
    const NO_JSON: Self = Self { code: -32700, text: "Parse error: the message is not JSON" };
    const BATCH: Self = Self { code: -32600, text: "Invalid Request: batches are not taken" };
    const TOO_DEEP: Self = Self { code: -32600, text: "Invalid Request: the message is too deep" };
    const NO_MESSAGE: Self = Self { code: -32600, text: "Invalid Request: this is no message" };
}

#[derive(Deserialize)]
struct Envelope {
    jsonrpc: String,
    #[serde(default, deserialize_with = "present")]
    id: Option<Box<RawValue>>,
    method: Option<String>,
    params: Option<Fields>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    error: Option<Box<RawValue>>,
}

/// `null` is something, too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

impl Message {
    /// Reads one message.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if is_too_deep(bytes) {
            return Err(Malformed::TOO_DEEP);
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'[') {
            return Err(Malformed::BATCH);
        }
        let read: Envelope = serde_json::from_slice(bytes).map_err(|error| {
            if error.is_data() { Malformed::NO_MESSAGE } else { Malformed::NO_JSON }
        })?;
        if read.jsonrpc != "2.0" {
            return Err(Malformed::NO_MESSAGE);
        }
        let id = match read.id.as_deref().map(RawValue::get) {
            None => None,
            Some("null") => Some(None),
            Some(text) => {
                Some(Some(serde_json::from_str(text).map_err(|_| Malformed::NO_MESSAGE)?))
            }
        };
        match (read.method, id, read.result, read.error) {
            (Some(method), Some(Some(id)), None, None) => {
                Ok(Self::Request { id, method, params: read.params })
            }
            (Some(method), None, None, None) => {
                Ok(Self::Notification { method, params: read.params })
            }
            (None, Some(Some(id)), Some(result), None) => {
                Ok(Self::Answer { id: Some(id), outcome: Outcome::Result(result) })
            }
            (None, id, None, Some(error)) => {
                Ok(Self::Answer { id: id.flatten(), outcome: Outcome::Error(error) })
            }
            _ => Err(Malformed::NO_MESSAGE),
        }
    }

    /// The message as it goes on: one line, since between values JSON may have line breaks and within texts it has none.
    pub(crate) fn to_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text }
    }

    /// An answer that says no.
    pub(crate) fn refusal(id: Option<Id>, code: i32, text: &str) -> Self {
        Self::error(id, &serde_json::json!({"code": code, "message": text}))
    }

    /// An answer with this error.
    pub(crate) fn error(id: Option<Id>, error: &impl Serialize) -> Self {
        let error = serde_json::value::to_raw_value(error).unwrap_or_default();
        Self::Answer { id, outcome: Outcome::Error(error) }
    }

    /// An answer with this result.
    pub(crate) fn result(id: Id, result: &impl Serialize) -> Self {
        let result = serde_json::value::to_raw_value(result).unwrap_or_default();
        Self::Answer { id: Some(id), outcome: Outcome::Result(result) }
    }

    /// A notification with these parameters.
    pub(crate) fn notification(method: &str, params: Option<Fields>) -> Self {
        Self::Notification { method: method.to_owned(), params }
    }

    pub(crate) fn method(&self) -> Option<&str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => Some(method),
            Self::Answer { .. } => None,
        }
    }

    /// The id of a question that waits for an answer.
    pub(crate) fn asks(&self) -> Option<&Id> {
        match self {
            Self::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The code of an error that this is.
    pub(crate) fn error_code(&self) -> Option<i32> {
        match self {
            Self::Answer { outcome: Outcome::Error(error), .. } => Fields::of(error)?.get("code"),
            _ => None,
        }
    }

    pub(crate) fn answers(&self, question: &Id) -> bool {
        matches!(self, Self::Answer { id: Some(id), .. } if id == question)
    }
}

impl Serialize for Message {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", "2.0")?;
        match self {
            Self::Request { id, .. } | Self::Answer { id: Some(id), .. } => {
                map.serialize_entry("id", id)?;
            }
            Self::Answer { id: None, .. } => map.serialize_entry("id", &())?,
            Self::Notification { .. } => {}
        }
        match self {
            Self::Request { method, params, .. } | Self::Notification { method, params } => {
                map.serialize_entry("method", method)?;
                if let Some(params) = params {
                    map.serialize_entry("params", params)?;
                }
            }
            Self::Answer { outcome: Outcome::Result(result), .. } => {
                map.serialize_entry("result", result)?;
            }
            Self::Answer { outcome: Outcome::Error(error), .. } => {
                map.serialize_entry("error", error)?;
            }
        }
        map.end()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Looks at brackets outside of texts only; whether it is JSON at all is told later.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > DEEPEST {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
