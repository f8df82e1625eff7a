//! How the plugin itself says no: a status of HTTP and an error of JSON-RPC.

use std::time::Duration;

use serde_json::{Value, json};
use sidegate_sdk::{HostError, Response, tracing};

use crate::caller::Caller;
use crate::failure::Failure;
use crate::message::{Id, Malformed, Message};

/// A no of the plugin's own.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i32,
    pub(crate) text: String,
    /// The question that it answers.
    pub(crate) id: Option<Id>,
    /// What a client has to show to be let in.
    pub(crate) challenge: Option<String>,
    /// What programs can read of it.
    pub(crate) data: Option<Box<Value>>,
    /// After how many seconds it is of use to ask again.
    pub(crate) retry_after: Option<u64>,
    /// What the log calls it.
    pub(crate) outcome: &'static str,
}

/// A code of the range that servers choose for themselves; SDKs use it for what takes too long.
pub(crate) const TIMED_OUT: i32 = -32001;
/// Of the same range; others who count calls use it for the same.
const LIMITED: i32 = -32005;
const INVALID_REQUEST: i32 = -32600;
const INTERNAL: i32 = -32603;

impl Refusal {
    pub(crate) fn new(status: u16, code: i32, text: impl Into<String>) -> Self {
        let (text, id, challenge, data, retry_after) = (text.into(), None, None, None, None);
        Self { status, code, text, id, challenge, data, retry_after, outcome: "denied" }
    }

    /// 415, as the SDKs' servers say it.
    pub(crate) fn no_json() -> Self {
        Self::new(415, -32000, "Unsupported Media Type: Content-Type must be application/json")
    }

    /// 404, by which clients know that they have to begin anew.
    pub(crate) fn no_session() -> Self {
        Self::new(404, TIMED_OUT, "Session not found")
    }

    pub(crate) fn needs_session() -> Self {
        Self::new(400, INVALID_REQUEST, "Bad Request: Mcp-Session-Id header is required")
    }

    /// 403 that says which scope is missing, so that a client can ask its user for it. Beside those that the caller has:
    /// clients ask for what is named here and for nothing else, and would lose the others. Where to get it is added by the
    /// gateway, which knows by which address it is reached.
    pub(crate) fn needs_scope(scope: &str, caller: &Caller) -> Self {
        let had = caller.scopes.iter().map(String::as_str).filter(|one| is_scope_token(one));
        let scopes = had.chain([scope]).collect::<Vec<_>>().join(" ");
        let challenge = Some(format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\""));
        let refusal = Self::new(403, -32003, format!("this needs the scope {scope}"));
        Self { challenge, outcome: "scope_missing", ..refusal }
    }

    /// The app has used up what it may use of a tool. Not by a status of HTTP: there are clients that take one for the end
    /// of their session, and this is about one call.
    pub(crate) fn limited(tool: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let text = format!("Too many calls of {tool}: try again in {seconds} s");
        let (data, retry_after) = (Some(Box::new(json!({"retry_after": seconds}))), Some(seconds));
        Self { data, retry_after, outcome: "limited", ..Self::new(200, LIMITED, text) }
    }

    pub(crate) fn answering(mut self, id: Option<&Id>) -> Self {
        self.id = id.cloned();
        self
    }

    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    pub(crate) fn message(&self) -> Message {
        let mut error = json!({"code": self.code, "message": self.text});
        if let Some(data) = &self.data {
            error["data"].clone_from(&**data);
        }
        Message::error(self.id.clone(), &error)
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = whole(self.status, &self.message());
        if let Some(challenge) = &self.challenge {
            response = response.header("WWW-Authenticate", challenge);
        }
        if let Some(seconds) = self.retry_after {
            response = response.header("Retry-After", seconds.to_string());
        }
        response
    }
}

/// Whether this can be within quotes of a header (RFC 6749, 3.3).
fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// A message as a whole answer.
pub(crate) fn whole(status: u16, message: &Message) -> Response {
    Response::new(status).header("Content-Type", "application/json").with_body(message.to_json())
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::new(400, malformed.code, malformed.text)
    }
}

/// Clients learn who failed and not how, which is in the log.
impl From<&Failure> for Refusal {
    fn from(failure: &Failure) -> Self {
        let refusal = match failure {
            Failure::Away(_) => Self::new(502, INTERNAL, "the server is not reached"),
            Failure::Slow => Self::new(504, TIMED_OUT, "the server did not answer in time"),
            Failure::TooLarge(_) => Self::new(502, INTERNAL, "the server sent too large a message"),
            Failure::Broken(_) | Failure::Ended => {
                Self::new(502, INTERNAL, "the server broke the protocol")
            }
            Failure::Busy(_) => Self::new(503, INTERNAL, "the server has no place left now"),
            Failure::Unauthorized(_) => {
                Self::new(502, INTERNAL, "the server does not let the gateway in")
            }
        };
        Self { outcome: failure.outcome(), ..refusal }
    }
}

/// Sessions cannot be made or read: the client did nothing wrong.
impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        tracing::error!(%error, "sessions need the scope kv.readwrite and a host that seals");
        Self::new(503, INTERNAL, "sessions are not available now")
    }
}
