//! The servers, by whatever they are reached.

mod beginning;
pub(crate) mod http;
mod inbox;
mod kept;
mod lifetime;
mod quiet;
mod reaching;
pub(crate) mod sse_transport;
pub(crate) mod stdio;
mod web;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::era::STATELESS;
use crate::failure::Failure;
use crate::message::Message;
use crate::presented::Presented;
use crate::reply::Reply;
use http::HttpServer;
use sse_transport::SseServer;
use stdio::StdioServer;

/// A server, by whatever it is reached.
pub(crate) enum Upstream {
    Http(HttpServer),
    Sse(SseServer),
    Stdio(StdioServer),
}

impl Upstream {
    /// Gives a message to the server.
    pub(crate) async fn post(&self, link: &Link, message: &Message) -> Result<Reply, Failure> {
        match self {
            Self::Http(server) => server.post(link, message).await,
            Self::Sse(server) => server.post(link, message).await,
            Self::Stdio(server) => server.post(link, message).await,
        }
    }

    /// Begins a session of the plugin's own, which takes no client's place.
    pub(crate) async fn begin_own(&self, message: &Message) -> Result<Reply, Failure> {
        match self {
            Self::Http(server) => server.post(&Link::default(), message).await,
            Self::Sse(server) => server.begin_own(message).await,
            Self::Stdio(server) => server.begin_own(message).await,
        }
    }

    /// What goes with the plugin's own messages that stand alone, of which a program hears in a process for them.
    pub(crate) fn own_link(&self) -> Result<Link, Failure> {
        let session = match self {
            Self::Http(_) | Self::Sse(_) => None,
            Self::Stdio(_) => Some(stdio::name()?),
        };
        Ok(Link { session, ..Link::stateless() })
    }

    /// Listens for what the server has to say by itself.
    pub(crate) async fn listen(&self, link: &Link) -> Result<Reply, Failure> {
        match self {
            Self::Http(server) => server.listen(link).await,
            Self::Sse(server) => Ok(server.listen(link)),
            Self::Stdio(server) => Ok(server.listen(link)),
        }
    }

    /// The server is not of the newer era: what was begun to ask it is not needed any more.
    pub(crate) fn give_up(&self, link: &Link) {
        if let Self::Stdio(server) = self {
            server.give_up(link);
        }
    }

    /// Where it is a program: how many processes of it run, and how many may.
    pub(crate) fn processes(&self) -> Option<(usize, usize)> {
        match self {
            Self::Http(_) | Self::Sse(_) => None,
            Self::Stdio(server) => Some(server.count()),
        }
    }

    /// Ends the session.
    pub(crate) async fn end(&self, link: &Link) -> Result<Reply, Failure> {
        match self {
            Self::Http(server) => server.end(link).await,
            Self::Sse(server) => Ok(server.end(link)),
            Self::Stdio(server) => Ok(server.end(link)),
        }
    }
}

/// What goes with a message to a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// The session, in the server's own words. Beside `stateless`: the process of the plugin's own.
    pub(crate) session: Option<String>,
    /// The version of the protocol that the client names.
    pub(crate) version: Option<String>,
    /// Which kinds of answers the client takes.
    pub(crate) accept: Option<String>,
    pub(crate) traceparent: Option<String>,
    /// Where the client wants to go on.
    pub(crate) last_event_id: Option<String>,
    /// Whether the message stands alone, and belongs to no session.
    pub(crate) stateless: bool,
    /// Headers by which a client repeats arguments of a call.
    pub(crate) repeated: Vec<(String, String)>,
    /// The app's number: programs are not shared between apps.
    pub(crate) owner: u32,
    /// The client of a session that the server knows nothing of.
    pub(crate) presented: Option<Arc<Presented>>,
}

impl Link {
    /// What goes with a message that stands alone.
    pub(crate) fn stateless() -> Self {
        let version = Some(STATELESS.to_owned());
        Self { stateless: true, version, ..Self::default() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
