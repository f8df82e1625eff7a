//! What a message is about: the thing that a rule can name.

use crate::fields::Fields;
use crate::message::Message;

/// Kinds of things that servers offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    /// What says in an app's metadata which it may use.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Tool => "mcp_tools",
            Self::Resource => "mcp_resources",
            Self::Prompt => "mcp_prompts",
        }
    }
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A method of the protocol that names no thing.
    Nothing,
    /// This thing.
    Thing(Kind, String),
    /// It should name a thing, and does not.
    Unnamed,
    /// No method of the protocol.
    Unknown,
}

/// Methods by which clients ask, that name no thing.
const PLAIN: &[&str] = &[
    "initialize",
    "ping",
    "logging/setLevel",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/cancel",
    "tasks/update",
    "server/discover",
    "subscriptions/listen",
];

impl Subject {
    /// What a client's message is about.
    pub(crate) fn of(message: &Message) -> Self {
        let (method, params, is_request) = match message {
            Message::Request { method, params, .. } => (method.as_str(), params, true),
            Message::Notification { method, params } => (method.as_str(), params, false),
            Message::Answer { .. } => return Self::Nothing,
        };
        if !is_request {
            return if method.starts_with("notifications/") {
                Self::Nothing
            } else {
                Self::Unknown
            };
        }
        let named = |kind, key| {
            let name = params.as_ref().and_then(|params| params.text(key));
            name.map_or(Self::Unnamed, |name| Self::Thing(kind, name))
        };
        match method {
            "tools/call" => named(Kind::Tool, "name"),
            "prompts/get" => named(Kind::Prompt, "name"),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                named(Kind::Resource, "uri")
            }
            "completion/complete" => {
                let params = params.as_ref();
                params
                    .and_then(|params| params.object("ref"))
                    .map_or(Self::Unnamed, |it| completed(&it))
            }
            plain if PLAIN.contains(&plain) => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

fn completed(reference: &Fields) -> Subject {
    let (kind, name) = match reference.text("type").as_deref() {
        Some("ref/prompt") => (Kind::Prompt, reference.text("name")),
        Some("ref/resource") => (Kind::Resource, reference.text("uri")),
        _ => return Subject::Unnamed,
    };
    name.map_or(Subject::Unnamed, |name| Subject::Thing(kind, name))
}
