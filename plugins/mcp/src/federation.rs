//! Several servers as one: what a client sends goes to whom it is for, and what they say comes back under names of its
//! own. Each server keeps its rules; nothing is decided here.

mod called;
mod gather;
mod names;

use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::caller::Caller;
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::policy::Subject;
use crate::present;
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Events, Reply};
use crate::server::Server;
use crate::sessions::{Part, Session};
use crate::unknown;
use crate::upstream::Link;
use called::Called;

/// Servers under one address, as one client meets them.
pub(crate) struct Federation<'a> {
    pub(crate) servers: &'a [Arc<Server>],
    pub(crate) caller: Arc<Caller>,
    /// What goes with each message, but for the session of each server.
    pub(crate) link: Link,
    pub(crate) session: Option<Arc<Session>>,
}

impl Federation<'_> {
    /// Gives a message to whom it is for. With the reply comes the session that began by it.
    pub(crate) async fn post(&self, message: Message) -> Result<(Reply, Option<Session>), Refusal> {
        if message.method() == Some("initialize") && message.asks().is_some() {
            let (answer, session) = self.begin(&message).await?;
            return Ok((Content::One(answer).into(), Some(session)));
        }
        let parts = self.parts()?;
        let content = match message {
            Message::Request { ref id, ref method, .. } => match method.as_str() {
                "ping" => Content::One(Message::result(id.clone(), &json!({}))),
                "logging/setLevel" => {
                    Content::One(gather::told(&message, &self.all(&parts, &message).await))
                }
                method if gather::member(method).is_some() => {
                    Content::One(self.list(&parts, &message).await?)
                }
                _ => return self.one(&parts, message).await.map(|reply| (reply, None)),
            },
            Message::Notification { .. } => self.tell(&parts, &message).await?,
            Message::Answer { .. } => {
                return self.one(&parts, message).await.map(|reply| (reply, None));
            }
        };
        Ok((content.into(), None))
    }

    /// Listens to all servers of the session, or to the one whose stream goes on.
    pub(crate) async fn listen(&self) -> Result<Reply, Refusal> {
        let parts = self.parts()?;
        let resumed = match &self.link.last_event_id {
            Some(id) => Some(names::split_event(id).ok_or_else(Refusal::no_session)?),
            None => None,
        };
        let listened = parts
            .iter()
            .filter(|(server, _)| resumed.as_ref().is_none_or(|(name, _)| *name == server.name));
        let listened = listened.map(|(server, link)| {
            let mut link = link.clone();
            link.last_event_id = resumed.as_ref().map(|(_, id)| (*id).to_owned());
            async move { (Arc::clone(server), present::listen(server, &link, &self.caller).await) }
        });
        let mut all = Vec::new();
        for (server, reply) in join_all(listened).await {
            match reply.map(|reply| reply.content) {
                Ok(Content::Events(events)) => all.push(outward(&server, events)),
                // The one that was asked says why its stream does not go on.
                Ok(content @ Content::Refused(..)) if resumed.is_some() => {
                    return Ok(content.into());
                }
                _ => {}
            }
        }
        if all.is_empty() {
            return Err(Refusal::new(405, -32000, "no server says anything by itself"));
        }
        let events: Events = Box::pin(stream::select_all(all));
        Ok(Content::Events(events).into())
    }

    /// Ends the session at every server.
    pub(crate) async fn end(&self) -> Result<Reply, Refusal> {
        let parts = self.parts()?;
        join_all(parts.iter().map(|(server, link)| present::end(server, link))).await;
        Ok(Content::Accepted.into())
    }

    /// Begins a session at every server that the app may use. One that fails is left out of it.
    async fn begin(&self, message: &Message) -> Result<(Message, Session), Refusal> {
        let id = message.asks().cloned().unwrap_or(Id::Number(0));
        let servers: Vec<_> =
            self.servers.iter().filter(|server| server.admit(&self.caller).is_ok()).collect();
        let asked = servers.iter().map(|server| async move {
            let reply = present::post(server, &self.link, &self.caller, message).await.ok()?;
            let session = reply.session.clone();
            let presented = reply.presented.clone();
            let result = Fields::of(&gather::result(reply.content).await?)?;
            let version = result.text("protocolVersion");
            let part = Part { server: server.name.clone(), id: session, version, presented };
            Some((part, result))
        });
        let begun: Vec<(Part, Fields)> = join_all(asked).await.into_iter().flatten().collect();
        if begun.is_empty() {
            let refusal = Refusal::new(502, -32603, "no server could be reached");
            return Err(refusal.answering(Some(&id)));
        }
        let answer = Message::result(id, &gather::introduction(&begun));
        Ok((answer, Session::new(begun.into_iter().map(|(part, _)| part).collect())))
    }

    /// The servers of the session, each with what goes to it.
    fn parts(&self) -> Result<Vec<(&Arc<Server>, Link)>, Refusal> {
        let session = self.session.as_ref().ok_or_else(Refusal::needs_session)?;
        let found = self.servers.iter().filter_map(|server| {
            let part = session.part(&server.name)?;
            let mut link = self.link.clone();
            link.session.clone_from(&part.id);
            link.version = part.version.clone().or(link.version);
            link.presented = part.presented.clone().map(Arc::new);
            Some((server, link))
        });
        Ok(found.collect())
    }

    /// What each server answers to the same message.
    async fn all(&self, parts: &[(&Arc<Server>, Link)], message: &Message) -> Vec<Option<Message>> {
        let asked = parts.iter().map(|(server, link)| async move {
            let reply = present::post(server, link, &self.caller, message).await.ok()?;
            reply.content.answer().await
        });
        join_all(asked).await
    }

    /// Tells all servers. What none of them takes is refused as the first one refuses it.
    async fn tell(
        &self,
        parts: &[(&Arc<Server>, Link)],
        message: &Message,
    ) -> Result<Content, Refusal> {
        let told =
            parts.iter().map(|(server, link)| present::post(server, link, &self.caller, message));
        let mut refused = None;
        for told in join_all(told).await {
            match told {
                Ok(_) => return Ok(Content::Accepted),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        refused.map_or(Ok(Content::Accepted), Err)
    }

    /// A list of what all servers have.
    async fn list(
        &self,
        parts: &[(&Arc<Server>, Link)],
        message: &Message,
    ) -> Result<Message, Refusal> {
        let pages = gather::pages(parts.iter().map(|(server, _)| server.name.as_str()), message)?;
        let asked = parts.iter().filter_map(|(server, link)| {
            let page = pages.iter().find(|(name, _)| *name == server.name)?;
            Some(async move {
                let reply = present::post(server, link, &self.caller, &page.1).await.ok()?;
                Some((server.name.clone(), reply.content.answer().await?))
            })
        });
        let answers = join_all(asked).await.into_iter().flatten().collect();
        Ok(gather::list(message, answers))
    }

    /// What the one server says that a message is for.
    async fn one(
        &self,
        parts: &[(&Arc<Server>, Link)],
        message: Message,
    ) -> Result<Reply, Refusal> {
        let id = message.asks().cloned();
        let is_named = message.method().is_some_and(|method| names::NAMED.contains(&method));
        let about = Subject::of(&message);
        let inward = names::inward(message);
        let found = inward.and_then(|(name, message)| {
            let (server, link) = parts.iter().find(|(server, _)| server.name == name)?;
            Some((*server, link, message))
        });
        let Some((server, link, message)) = found else {
            let refusal = match about {
                // As what is held back, and not as what is of a server that this session is without.
                Subject::Thing(kind, name) => unknown::refusal(kind, &name, false),
                _ if is_named => Refusal::new(200, -32602, "Invalid params: nothing is named"),
                _ => Refusal::new(200, -32601, "Method not found"),
            };
            return Err(refusal.answering(id.as_ref()));
        };
        let called = Called::of(about, &message);
        let posted = present::post(server, link, &self.caller, &message).await;
        let mut reply = posted.map_err(|refusal| match &called {
            Some(called) => called.refusal(refusal),
            None => refusal,
        })?;
        let as_called = move |message: Message| match &called {
            Some(called) => called.message(message),
            None => message,
        };
        reply.content = match reply.content {
            Content::Events(events) => {
                let events = events.map(move |event| {
                    event.map(|event| Event { message: event.message.map(&as_called), ..event })
                });
                Content::Events(outward(server, Box::pin(events)))
            }
            Content::One(message) => Content::One(names::outward(&server.name, as_called(message))),
            Content::Refused(status, answer) => Content::Refused(status, answer.map(as_called)),
            Content::Accepted => Content::Accepted,
        };
        Ok(reply)
    }
}

/// Events of one server under the names that the client knows.
fn outward(server: &Arc<Server>, events: Events) -> Events {
    let server = Arc::clone(server);
    Box::pin(events.map(move |event| {
        event.map(|event| Event {
            id: event.id.map(|id| names::join_event(&server.name, &id)),
            message: event.message.map(|message| names::outward(&server.name, message)),
            ..event
        })
    }))
}
