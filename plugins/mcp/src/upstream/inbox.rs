//! What a server says in a session that has one way for all of it: whom each message is for.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::stream;
use sidegate_sdk::tracing;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::lock;
use crate::failure::Failure;
use crate::message::{Id, Message};
use crate::reply::{Event, Events};

/// Messages that wait for a slow reader; more of them are left out, but for answers.
pub(super) const WAITING: usize = 64;
/// How long an answer waits for a slow client, and a message for a server that does not take it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Some servers greet where messages belong; one that says more than this that are no messages, in a row, is none.
const MOST_ODD: u32 = 100;

type Told = mpsc::Sender<Message>;

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    asked: HashMap<Id, Told>,
    /// The question that was asked last, to which belongs what is said beside answers.
    last: Option<Id>,
    listener: Option<Told>,
    /// How many texts in a row were no messages.
    odd: u32,
}

impl Waiting {
    /// The question that was asked last and is still open, or who listens.
    fn last_open(&self) -> Option<Told> {
        let last = self.last.as_ref().and_then(|id| self.asked.get(id));
        let open = last.or_else(|| self.asked.values().next());
        open.filter(|told| !told.is_closed()).or(self.listener.as_ref()).cloned()
    }
}

/// Where the messages of a session's server arrive.
pub(super) struct Inbox {
    /// The server's name, for the log.
    server: String,
    waiting: Mutex<Waiting>,
    closed: watch::Sender<bool>,
}

impl Inbox {
    pub(super) fn new(server: &str) -> Self {
        let (waiting, closed) = (Mutex::default(), watch::Sender::new(false));
        Self { server: server.to_owned(), waiting, closed }
    }

    /// What comes up to the answer of a question that is going to be asked.
    pub(super) fn expect(&self, question: &Id) -> Result<Events, Failure> {
        let (told, events) = mpsc::channel(WAITING);
        let mut waiting = lock(&self.waiting);
        if self.is_closed() {
            return Err(Failure::Away("its session has ended".to_owned()));
        }
        waiting.asked.retain(|_, told| !told.is_closed());
        waiting.asked.insert(question.clone(), told);
        waiting.last = Some(question.clone());
        Ok(received(events))
    }

    /// What the server says by itself. Who listens last is told.
    pub(super) fn listen(&self) -> Events {
        let (told, events) = mpsc::channel(WAITING);
        let mut waiting = lock(&self.waiting);
        if !self.is_closed() {
            waiting.listener = Some(told);
        }
        received(events)
    }

    /// Takes what should be a message; `false` where the server has said too much that was none.
    pub(super) async fn take(&self, text: &[u8]) -> bool {
        match Message::parse(text) {
            Ok(message) => {
                lock(&self.waiting).odd = 0;
                self.pass_on(message).await;
                true
            }
            Err(why) => {
                tracing::warn!(server = self.server, why = why.text, "no message; left out");
                let mut waiting = lock(&self.waiting);
                waiting.odd += 1;
                waiting.odd <= MOST_ODD
            }
        }
    }

    /// Answers go to who asked, and all else to the question that was asked last, or to who listens.
    async fn pass_on(&self, message: Message) {
        let is_answer = matches!(message, Message::Answer { .. });
        let told = {
            let mut waiting = lock(&self.waiting);
            match &message {
                Message::Answer { id, .. } => id.as_ref().and_then(|id| waiting.asked.remove(id)),
                _ => waiting.last_open(),
            }
        };
        let Some(told) = told else {
            tracing::debug!(server = self.server, "nobody waits for a message; left out");
            return;
        };
        let is_taken = if is_answer {
            timeout(PATIENCE, told.send(message)).await.is_ok()
        } else {
            told.try_send(message).is_ok()
        };
        if !is_taken {
            tracing::warn!(server = self.server, "a client is too slow; a message is left out");
        }
    }

    /// Whoever still waits learns that nothing comes.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        *lock(&self.waiting) = Waiting::default();
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        // The sender is here, so this is no error.
        let _ = self.closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }
}

fn received(events: mpsc::Receiver<Message>) -> Events {
    Box::pin(stream::unfold(events, |mut events| async move {
        let message = events.recv().await?;
        Some((Ok(Event::from(message)), events))
    }))
}
