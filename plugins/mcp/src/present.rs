//! Clients with sessions, before servers whose requests stand alone. What a server wants as input is asked of the client,
//! and then the server is asked again. A server of the client's own era gets what the client says as it is.

mod call;
mod listen;
mod words;

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::caller::Caller;
use crate::era::SESSIONS;
use crate::era::words::{enveloped, introduction};
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::presented::{Presented, State};
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Reply};
use crate::server::Server;
use crate::upstream::Link;
use call::Call;

/// Longer introductions would make ids that no header takes.
const LONGEST_INTRODUCTION: usize = 4096;
/// The versions with sessions, as a client can have them here.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", SESSIONS];

/// Gives a message of a client with sessions to a server of either era.
pub(crate) async fn post(
    server: &Arc<Server>,
    link: &Link,
    caller: &Arc<Caller>,
    message: &Message,
) -> Result<Reply, Refusal> {
    if let Some(presented) = &link.presented {
        let state = server.states.of(&presented.key).ok_or_else(Refusal::no_session)?;
        let link = Link { presented: None, ..link.clone() };
        let session = Bridged {
            server: Arc::clone(server),
            link,
            caller: Arc::clone(caller),
            presented: Arc::clone(presented),
            state,
        };
        return session.post(message.clone()).await;
    }
    let begins = message.method() == Some("initialize") && message.asks().is_some();
    if !begins || link.session.is_some() {
        return server.post(link, caller, message).await;
    }
    if server.is_without_sessions() {
        return introduce(server, link, caller, message).await;
    }
    let mut reply = server.post(link, caller, message).await?;
    let (refused, content) = refused(reply.content).await;
    reply.content = content;
    let Some(code) = refused else { return Ok(reply) };
    if server.is_stateless(link).await? {
        if reply.session.is_some() {
            let begun = Link { session: reply.session.take(), ..link.clone() };
            // It may have ended by itself.
            let _ = server.end(&begun).await;
        }
        server.refused_session(code);
        return introduce(server, link, caller, message).await;
    }
    Ok(reply)
}

/// Listens for what the server says by itself.
pub(crate) async fn listen(
    server: &Arc<Server>,
    link: &Link,
    caller: &Arc<Caller>,
) -> Result<Reply, Refusal> {
    let Some(presented) = &link.presented else { return server.listen(link, caller).await };
    let state = server.states.of(&presented.key).ok_or_else(Refusal::no_session)?;
    let link = Link { presented: None, ..link.clone() };
    let session = Bridged {
        server: Arc::clone(server),
        link,
        caller: Arc::clone(caller),
        presented: Arc::clone(presented),
        state,
    };
    listen::listen(session).await
}

/// Ends the session.
pub(crate) async fn end(server: &Server, link: &Link) -> Result<Reply, Refusal> {
    match &link.presented {
        Some(presented) => {
            server.states.end(&presented.key);
            Ok(Content::Accepted.into())
        }
        None => server.end(link).await,
    }
}

/// A session that the server knows nothing of.
#[derive(Clone)]
struct Bridged {
    server: Arc<Server>,
    link: Link,
    caller: Arc<Caller>,
    presented: Arc<Presented>,
    state: Arc<State>,
}

impl Bridged {
    async fn post(self, message: Message) -> Result<Reply, Refusal> {
        let (id, method, params) = match message {
            Message::Answer { id: Some(Id::Text(id)), outcome } => {
                self.state.answered(&id, outcome);
                return Ok(Content::Accepted.into());
            }
            Message::Notification { method, params } if method == "notifications/cancelled" => {
                let id = params.and_then(|params| params.get::<Id>("requestId"));
                if let Some(id) = id {
                    self.state.cancel(&id);
                }
                return Ok(Content::Accepted.into());
            }
            Message::Request { id, method, params } => (id, method, params.unwrap_or_default()),
            _ => return Ok(Content::Accepted.into()),
        };
        let done = |id: Id| Ok(Content::One(Message::result(id, &json!({}))).into());
        match method.as_str() {
            "ping" => done(id),
            "logging/setLevel" => {
                self.state.log_at(params.text("level"));
                done(id)
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                let is_on = method == "resources/subscribe";
                let message =
                    Message::Request { id: id.clone(), method, params: Some(params.clone()) };
                self.server.permit(&self.link, &self.caller, &message)?;
                let uri = params.text("uri").unwrap_or_default();
                if !self.state.watch(uri, is_on) {
                    let text = "no more resources can be watched";
                    return Err(Refusal::new(200, -32603, text).answering(Some(&id)));
                }
                done(id)
            }
            "initialize" | "tasks/get" | "tasks/list" | "tasks/result" | "tasks/cancel" => {
                Err(Refusal::new(200, -32601, "Method not found").answering(Some(&id)))
            }
            _ => Call::new(self, id, method, params).begin().await,
        }
    }

    /// What goes with a message to the server.
    fn link(&self) -> Link {
        Link {
            traceparent: self.link.traceparent.clone(),
            owner: self.link.owner,
            ..Link::stateless()
        }
    }

    /// The parameters with what a request that stands alone says of its client.
    fn enveloped(&self, params: &Fields) -> Fields {
        enveloped(params, &self.presented.capabilities, &self.presented.client, &self.state.level())
    }
}

/// The code of an answer that says no, or 0 where it has none. What was read of it is in front of the rest.
async fn refused(content: Content) -> (Option<i32>, Content) {
    match content {
        Content::Refused(_, ref answer) => {
            let code = answer.as_ref().and_then(Message::error_code);
            (Some(code.unwrap_or(0)), content)
        }
        Content::One(answer) => (answer.error_code(), Content::One(answer)),
        Content::Events(mut events) => {
            let (mut read, mut refused) = (Vec::new(), None);
            while let Some(event) = events.next().await {
                let message = event.as_ref().ok().and_then(|event: &Event| event.message.as_ref());
                refused = message.and_then(Message::error_code);
                let is_last = message.is_some() || event.is_err();
                read.push(event);
                if is_last {
                    break;
                }
            }
            (refused, Content::Events(Box::pin(stream::iter(read).chain(events))))
        }
        Content::Accepted => (None, content),
    }
}

/// Answers `initialize` in the server's place.
async fn introduce(
    server: &Arc<Server>,
    link: &Link,
    caller: &Arc<Caller>,
    message: &Message,
) -> Result<Reply, Refusal> {
    let Message::Request { id, params, .. } = message else { return Ok(Content::Accepted.into()) };
    let answering = |refusal: Refusal| refusal.answering(Some(id));
    let params = params.clone().unwrap_or_default();
    let text = |key| params.raw(key).map(|raw| raw.get().to_owned()).unwrap_or_default();
    let (capabilities, mut client) = (text("capabilities"), text("clientInfo"));
    if client.len() > LONGEST_INTRODUCTION {
        client = String::new();
    }
    if capabilities.len() > LONGEST_INTRODUCTION {
        return Err(answering(Refusal::new(400, -32602, "Invalid params: too many capabilities")));
    }
    let asked = enveloped(&Fields::default(), &capabilities, &client, "");
    let question = Message::Request {
        id: id.clone(),
        method: "server/discover".to_owned(),
        params: Some(asked),
    };
    let to_server =
        Link { traceparent: link.traceparent.clone(), owner: link.owner, ..Link::stateless() };
    let reply = server.post(&to_server, caller, &question).await.map_err(answering)?;
    let failed = || answering(Refusal::new(502, -32603, "the server does not tell what it has"));
    let Some(Message::Answer { outcome: Outcome::Result(result), .. }) =
        reply.content.answer().await
    else {
        return Err(failed());
    };
    let found = Fields::of(&result).ok_or_else(failed)?;
    let wanted = params.text("protocolVersion").unwrap_or_default();
    let version = VERSIONS.iter().find(|known| **known == wanted).unwrap_or(&SESSIONS);
    let answer = Message::result(id.clone(), &introduction(&found, version));
    let key = server.states.begin().map_err(answering)?;
    let presented = Some(Presented { key, capabilities, client });
    Ok(Reply { session: None, presented, content: Content::One(answer) })
}
