//! An address, as clients with sessions meet it: one server, or all of them as one.

use std::sync::Arc;

use sidegate_sdk::Request;

use crate::caller::Caller;
use crate::federation::Federation;
use crate::message::Message;
use crate::present;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::server::Server;
use crate::sessions::{Part, Session};
use crate::upstream::Link;

/// Whom an address is of.
#[derive(Clone)]
pub(crate) enum Target {
    One(Arc<Server>),
    All(Arc<[Arc<Server>]>),
}

/// An address, for one caller.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) target: Target,
    pub(crate) caller: Arc<Caller>,
    /// What goes with each message, but for the session.
    pub(crate) link: Link,
}

impl Door {
    /// The address that a request names.
    pub(crate) fn of(
        req: &Request,
        servers: &Arc<[Arc<Server>]>,
        link: Link,
    ) -> Result<Self, Refusal> {
        let found = match (req.segments(), &**servers) {
            ([name, _], all) => {
                all.iter().find(|server| server.name == *name).cloned().map(Target::One)
            }
            // Names of one server need nothing to tell them apart.
            (_, [only]) => Some(Target::One(Arc::clone(only))),
            (_, []) => None,
            _ => Some(Target::All(Arc::clone(servers))),
        };
        let none = || Refusal::new(404, -32601, "no server is configured");
        let caller = Arc::new(Caller::of(req));
        let link = Link { owner: caller.id, ..link };
        Ok(Self { target: found.ok_or_else(none)?, caller, link })
    }

    /// Gives a message to whom it is for. With the reply comes the session that began by it.
    pub(crate) async fn post(
        &self,
        session: Option<&Arc<Session>>,
        message: Message,
    ) -> Result<(Reply, Option<Session>), Refusal> {
        let server = match &self.target {
            Target::One(server) => server,
            Target::All(servers) => return self.all(servers, session).post(message).await,
        };
        let link = self.link_to(session, server)?;
        let mut reply = present::post(server, &link, &self.caller, &message).await?;
        let is_first = message.method() == Some("initialize");
        let (id, presented) = (reply.session.clone(), reply.presented.take());
        let begins = is_first && (id.is_some() || presented.is_some());
        let part =
            begins.then(|| Part { server: server.name.clone(), id, version: None, presented });
        Ok((reply, part.map(|part| Session::new(vec![part]))))
    }

    /// Listens for what is said by itself.
    pub(crate) async fn listen(&self, session: Option<&Arc<Session>>) -> Result<Reply, Refusal> {
        match &self.target {
            Target::One(server) => {
                present::listen(server, &self.link_to(session, server)?, &self.caller).await
            }
            Target::All(servers) => self.all(servers, session).listen().await,
        }
    }

    /// Ends the session.
    pub(crate) async fn end(&self, session: Option<&Arc<Session>>) -> Result<Reply, Refusal> {
        match &self.target {
            Target::One(server) => present::end(server, &self.link_to(session, server)?).await,
            Target::All(servers) => self.all(servers, session).end().await,
        }
    }

    fn all<'d>(
        &'d self,
        servers: &'d [Arc<Server>],
        session: Option<&Arc<Session>>,
    ) -> Federation<'d> {
        // Answers of many servers are put together here, whichever form the client wants them in.
        let link = Link { accept: None, ..self.link.clone() };
        Federation { servers, caller: Arc::clone(&self.caller), link, session: session.cloned() }
    }

    /// What goes to a server by itself.
    fn link_to(&self, session: Option<&Arc<Session>>, server: &Server) -> Result<Link, Refusal> {
        let mut link = self.link.clone();
        if let Some(session) = session {
            let part = session.part(&server.name).ok_or_else(Refusal::no_session)?;
            link.session.clone_from(&part.id);
            link.presented = part.presented.clone().map(Arc::new);
        }
        Ok(link)
    }
}
