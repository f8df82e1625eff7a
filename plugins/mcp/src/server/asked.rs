//! A question that a server was asked, up to its answer.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use sidegate_sdk::tracing;
use tokio::time::{Instant, timeout_at};

use super::{ASIDE, Server};
use crate::audit::Account;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::policy::Subject;
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Events};
use crate::settings::Limits;
use crate::unknown;
use crate::upstream::Link;

/// A server that asks back more often than this within one call will not end.
const MOST_QUESTIONS: u32 = 100;

/// A question whose answer is on its way.
pub(super) struct Asked {
    pub(super) server: Arc<Server>,
    pub(super) caller: Arc<Caller>,
    pub(super) link: Link,
    pub(super) question: Id,
    pub(super) method: String,
    pub(super) about: Subject,
    pub(super) limits: Limits,
    pub(super) account: Option<Account>,
}

impl Asked {
    /// What the caller gets of a reply.
    pub(super) fn content(mut self, content: Content) -> Result<Content, Refusal> {
        match content {
            Content::Events(events) => Ok(Content::Events(self.watch(events))),
            Content::One(answer) if answer.answers(&self.question) => {
                Ok(Content::One(self.passed(answer)))
            }
            Content::One(_) | Content::Accepted => {
                Err(self.failed(&Failure::Broken("it did not answer the question".to_owned())))
            }
            Content::Refused(status, answer) => {
                self.ends("refused");
                let unknown = answer.as_ref().and_then(|answer| self.unknown(answer));
                Ok(unknown.map_or(Content::Refused(status, answer), Content::One))
            }
        }
    }

    /// The events up to the answer, which comes in time or is an error.
    fn watch(self, events: Events) -> Events {
        let end = Instant::now() + self.limits.longest;
        let progress = Progress {
            asked: self,
            events,
            end,
            asks_back: false,
            questions: 0,
            resumable: false,
            over: false,
        };
        Box::pin(stream::try_unfold(progress, |mut progress| async move {
            Ok(progress.next().await?.map(|event| (event, progress)))
        }))
    }

    /// The answer, as the caller may see it.
    fn passed(&mut self, answer: Message) -> Message {
        if let Some(account) = &mut self.account {
            account.answered(&answer);
        }
        if let Some(unknown) = self.unknown(&answer) {
            return unknown;
        }
        let passed = self.server.screen(&self.caller, Some(&self.method), answer);
        passed.unwrap_or_else(|| Message::refusal(Some(self.question.clone()), -32603, "no answer"))
    }

    /// The answer in the words that what is held back has, where the server says that there is nothing.
    fn unknown(&self, answer: &Message) -> Option<Message> {
        unknown::in_our_words(&self.about, answer, self.link.stateless)
    }

    fn failed(&mut self, failure: &Failure) -> Refusal {
        self.ends(failure.outcome());
        self.server.failed(failure, Some(&self.question))
    }

    fn ends(&mut self, outcome: &'static str) {
        if let Some(account) = &mut self.account {
            account.ends(outcome);
        }
    }

    /// Tells the server that nobody waits any more.
    async fn cancel(&self) {
        // Its stream ends with this, which says the same.
        if self.link.stateless {
            return;
        }
        let mut params = Fields::default();
        params.set("requestId", &self.question);
        params.set("reason", &"it takes too long");
        let message = Message::notification("notifications/cancelled", Some(params));
        self.server.tell(&self.link, &message, ASIDE).await;
    }
}

/// How far the answer is.
struct Progress {
    asked: Asked,
    events: Events,
    /// When it is too late in any case.
    end: Instant,
    /// Whether somebody is asked back: then the server waits, and not we.
    asks_back: bool,
    /// How often somebody was asked back.
    questions: u32,
    /// Whether the client can go on elsewhere, by the id of an event.
    resumable: bool,
    over: bool,
}

impl Progress {
    async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if self.over {
                return Ok(None);
            }
            let idle = Instant::now() + self.asked.limits.timeout;
            let until = if self.asks_back { self.end } else { self.end.min(idle) };
            let event = match timeout_at(until, self.events.next()).await {
                Ok(Some(Ok(event))) => event,
                // The client asks again elsewhere, as the server wants it.
                Ok(None) if self.resumable => {
                    self.asked.ends("goes_on");
                    return Ok(None);
                }
                Ok(Some(Err(failure))) if self.resumable && failure != Failure::Ended => {
                    self.asked.ends(failure.outcome());
                    return Err(failure);
                }
                Ok(None) => {
                    let failure = Failure::Broken("it left without an answer".to_owned());
                    return Ok(self.fail(&failure));
                }
                Ok(Some(Err(failure))) => return Ok(self.fail(&failure)),
                Err(_) => {
                    self.asked.cancel().await;
                    return Ok(self.fail(&Failure::Slow));
                }
            };
            let passed = self.passed(event);
            if self.questions > MOST_QUESTIONS {
                self.asked.cancel().await;
                let failure = Failure::Broken("it asks back without end".to_owned());
                return Ok(self.fail(&failure));
            }
            if passed.is_some() {
                return Ok(passed);
            }
        }
    }

    /// An event as the caller may see it, if at all.
    fn passed(&mut self, mut event: Event) -> Option<Event> {
        self.resumable |= event.id.is_some();
        let Some(message) = event.message.take() else { return Some(event) };
        let message = match message {
            answer if answer.answers(&self.asked.question) => {
                self.over = true;
                self.asked.passed(answer)
            }
            Message::Answer { .. } => {
                let server = &self.asked.server.name;
                tracing::warn!(server, "a server answered what it was not asked; left out");
                return None;
            }
            other => {
                self.asks_back = other.asks().is_some();
                self.questions += u32::from(self.asks_back);
                self.asked.server.screen(&self.asked.caller, None, other)?
            }
        };
        Some(Event { message: Some(message), ..event })
    }

    fn fail(&mut self, failure: &Failure) -> Option<Event> {
        self.over = true;
        Some(self.asked.failed(failure).message().into())
    }
}
