//! What a server says to one message, whatever it is reached by.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};

use crate::failure::Failure;
use crate::message::Message;
use crate::presented::Presented;

/// What comes while a server answers, in its order.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<Event, Failure>> + Send>>;

/// One thing that comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    /// From here a client goes on, when it asks again.
    pub(crate) id: Option<String>,
    /// How many milliseconds the client waits before it does.
    pub(crate) retry: Option<u64>,
    /// None where only the other two are told.
    pub(crate) message: Option<Message>,
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        Self { message: Some(message), ..Self::default() }
    }
}

/// What a server says to one message.
pub(crate) struct Reply {
    /// The session that the server began by it, in the server's own words.
    pub(crate) session: Option<String>,
    /// The session that began without the server.
    pub(crate) presented: Option<Presented>,
    pub(crate) content: Content,
}

/// The kinds of replies.
pub(crate) enum Content {
    /// Taken, and nothing to say.
    Accepted,
    /// The answer at once.
    One(Message),
    /// The answer at the end of what comes before it.
    Events(Events),
    /// A status of HTTP that says no, with what the server says of it.
    Refused(u16, Option<Message>),
}

impl Content {
    /// The answer at the end.
    pub(crate) async fn answer(self) -> Option<Message> {
        match self {
            Self::One(message) => Some(message),
            Self::Events(mut events) => {
                while let Some(event) = events.next().await {
                    if let Some(answer @ Message::Answer { .. }) = event.ok()?.message {
                        return Some(answer);
                    }
                }
                None
            }
            Self::Accepted | Self::Refused(..) => None,
        }
    }
}

impl From<Content> for Reply {
    fn from(content: Content) -> Self {
        Self { session: None, presented: None, content }
    }
}
