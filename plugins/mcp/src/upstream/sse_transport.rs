//! A server that speaks "HTTP with SSE", the transport of 2024-11-05: all that it says comes on one stream (GET), whose first event
//! tells the endpoint to which messages are posted. Each session has a stream of its own.

mod endpoint;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sidegate_sdk::Result;
use url::Url;

use super::Link;
use super::kept::Kept;
use super::web::Web;
use crate::failure::Failure;
use crate::message::Message;
use crate::reply::{Content, Reply};
use session::Session;

/// A stream may be silent for long; so its other end is known to be there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// So many sessions of the plugin's own there may be beside those of clients.
const OWN: usize = 4;

/// Where a server is, and within which bounds it is asked.
pub(crate) struct Address {
    /// The server's name, for the log.
    pub(crate) server: String,
    pub(crate) url: Url,
    /// What the server is shown with each request.
    pub(crate) headers: BTreeMap<String, String>,
    /// How many streams there may be at one time.
    pub(crate) most_streams: usize,
    /// The longest message that is read, in bytes.
    pub(crate) most_bytes: usize,
    /// How long the server may take to take a message.
    pub(crate) longest: Duration,
}

/// A server, with a stream for each session.
pub(crate) struct SseServer {
    address: Arc<Address>,
    web: Web,
    streams: Kept<Session>,
}

impl SseServer {
    pub(crate) fn new(address: Address) -> Result<Self> {
        let web = Web::new(&address.headers, KEEP_ALIVE)?;
        let streams = Kept::new(address.most_streams);
        Ok(Self { address: Arc::new(address), web, streams })
    }

    /// Posts a message; the first one of a session opens its stream.
    pub(crate) async fn post(&self, link: &Link, message: &Message) -> Result<Reply, Failure> {
        if link.stateless {
            // Servers of this transport are older than messages that stand alone.
            return Ok(Content::Refused(400, None).into());
        }
        let start = |forget| Ok(Session::start(&self.address, &self.web, forget));
        self.streams.post(link, message, start).await
    }

    /// Begins a session of the plugin's own, of which there are at most so many beside those of clients.
    pub(crate) async fn begin_own(&self, message: &Message) -> Result<Reply, Failure> {
        let start = |forget| Ok(Session::start(&self.address, &self.web, forget));
        self.streams.begin_own(message, OWN, start).await
    }

    /// Listens for what the server says beside answers. Who listens last is told.
    pub(crate) fn listen(&self, link: &Link) -> Reply {
        self.streams.listen(link)
    }

    /// Closes the stream, by which the server's session ends.
    pub(crate) fn end(&self, link: &Link) -> Reply {
        self.streams.end(link)
    }
}
