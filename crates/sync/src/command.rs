//! What is asked of one edge beside what it serves by, as both ends say it. An answer is JSON, and what is in it is the
//! business of whoever asks and of whoever answers.

pub use sidegate_model::explain::HashedRequest;

use crate::message::{self, command::Body};
use prost::Message as _;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::observation::ObservationQuestion;
use sidegate_model::plugin::PluginId;
use sidegate_model::token::TokenHash;

/// Most headers of a request that is to be explained.
const MAX_HEADERS: usize = 1000;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeCommand {
    /// What would happen to a request. One answer.
    Explain(HashedRequest),
    /// What ran of a plugin, since when, and why it ended: an answer for each, the newest first.
    Records {
        /// Which plugin.
        plugin: PluginId,
        /// At most so many.
        most: u32,
        /// At most so many lines of each.
        lines: u32,
    },
    /// Lines of a plugin as it writes them, until nobody wants them any more: an answer for each.
    FollowLogs {
        /// Which plugin.
        plugin: PluginId,
        /// Only lines with a higher number.
        after: u64,
        /// At most so many of those that are there already.
        lines: u32,
    },
    /// Starts a new process of a plugin in place of the one that runs. No answer but that it is done.
    Reload(PluginId),
    /// What moves on the edge. As many answers as the question says.
    Observe(ObservationQuestion),
}

impl EdgeCommand {
    /// As bytes, for another process of the control plane.
    pub fn encode(&self) -> Vec<u8> {
        message::Command { id: 0, body: Some(self.to_body()), within_ms: 0 }.encode_to_vec()
    }

    /// From bytes; `None` for what is none, or was made by a later version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read(message::Command::decode(bytes).ok()?.body)
    }

    /// As a message.
    pub(crate) fn to_body(&self) -> Body {
        match self {
            Self::Explain(HashedRequest { request, token }) => {
                let ImaginedRequest { method, target, headers, client } = request;
                let field = |(name, value): &(String, String)| message::HeaderField {
                    name: name.clone(),
                    value: value.clone(),
                };
                Body::Explain(message::ExplainRequest {
                    method: method.clone(),
                    path: target.clone(),
                    token_hash: token.map(|hash| hash.0.to_vec()).unwrap_or_default(),
                    headers: headers.iter().map(field).collect(),
                    client: client.map(|client| client.to_string()).unwrap_or_default(),
                })
            }
            Self::Records { plugin, most, lines } => Body::FetchRecords(message::FetchRecords {
                plugin_id: plugin.0,
                max_records: *most,
                max_lines: *lines,
            }),
            Self::FollowLogs { plugin, after, lines } => Body::FollowLogs(message::FollowLogs {
                plugin_id: plugin.0,
                after_line: *after,
                max_lines: *lines,
            }),
            Self::Reload(plugin) => {
                Body::ReloadPlugin(message::ReloadPlugin { plugin_id: plugin.0 })
            }
            Self::Observe(question) => {
                // There is nothing in it that JSON cannot say.
                let question = serde_json::to_vec(question).unwrap_or_default();
                Body::Observe(message::Observe { question })
            }
        }
    }

    /// From a message; `None` for what is about another command, or was made by a later version.
    pub(crate) fn read(body: Option<Body>) -> Option<Self> {
        match body? {
            Body::Explain(explain) => {
                let headers = explain.headers.into_iter().take(MAX_HEADERS);
                let request = ImaginedRequest {
                    method: explain.method,
                    target: explain.path,
                    headers: headers.map(|field| (field.name, field.value)).collect(),
                    client: explain.client.parse().ok(),
                };
                let token = explain.token_hash.try_into().ok().map(TokenHash);
                Some(Self::Explain(HashedRequest { request, token }))
            }
            Body::FetchRecords(fetch) => Some(Self::Records {
                plugin: PluginId(fetch.plugin_id),
                most: fetch.max_records,
                lines: fetch.max_lines,
            }),
            Body::FollowLogs(follow) => Some(Self::FollowLogs {
                plugin: PluginId(follow.plugin_id),
                after: follow.after_line,
                lines: follow.max_lines,
            }),
            Body::ReloadPlugin(reload) => Some(Self::Reload(PluginId(reload.plugin_id))),
            Body::Observe(observe) => {
                serde_json::from_slice(&observe.question).ok().map(Self::Observe)
            }
            Body::Cancel(_) | Body::More(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_arrives_as_it_was_sent() {
        let plugin = PluginId(7);
        let request = ImaginedRequest {
            method: "POST".to_owned(),
            target: "/plugins/echo/x?a=1".to_owned(),
            headers: vec![("authorization".to_owned(), "Bearer secret".to_owned())],
            client: Some("2001:db8::1".parse().unwrap()),
        };
        for command in [
            EdgeCommand::Explain(HashedRequest::new(request)),
            EdgeCommand::Records { plugin, most: 3, lines: 4 },
            EdgeCommand::FollowLogs { plugin, after: 5, lines: 6 },
            EdgeCommand::Reload(plugin),
            EdgeCommand::Observe(ObservationQuestion::EndRequest(7)),
        ] {
            assert_eq!(EdgeCommand::decode(&command.encode()).as_ref(), Some(&command));
            assert_eq!(EdgeCommand::read(Some(command.to_body())), Some(command));
        }
    }
}
