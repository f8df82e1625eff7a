//! What servers ask clients who listen, beside all calls: only so much of it is open at one time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{self, Either};
use tokio::time::Instant;

use super::{ASIDE, Server};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::reply::{Event, Events};
use crate::upstream::Link;

/// How many questions of one session may be open.
const MOST: usize = 64;
/// Who is asked has so long; a later answer reaches the server even so.
const LIFE: Duration = Duration::from_secs(300);
/// More sessions with open questions are not remembered.
const MOST_SESSIONS: usize = 4096;

/// Whose question it is: the app's, and its session's where there is one.
type Whose = (u32, Option<String>);

/// The open questions of each session.
#[derive(Default)]
pub(super) struct Questions(Mutex<HashMap<Whose, Vec<(Id, Instant)>>>);

impl Questions {
    /// Whether a client may be asked this, too.
    fn ask(&self, link: &Link, id: &Id) -> bool {
        let (mut all, now, whose) = (self.lock(), Instant::now(), whose(link));
        let is_open = |(_, at): &(Id, Instant)| now.duration_since(*at) < LIFE;
        if all.len() >= MOST_SESSIONS && !all.contains_key(&whose) {
            all.retain(|_, open| open.iter().any(is_open));
            if all.len() >= MOST_SESSIONS {
                return false;
            }
        }
        let open = all.entry(whose).or_default();
        open.retain(is_open);
        let has_room = open.len() < MOST;
        if has_room {
            open.push((id.clone(), now));
        }
        has_room
    }

    /// A question is answered, or nobody wants an answer any more.
    pub(super) fn close(&self, link: &Link, id: &Id) {
        let (mut all, whose) = (self.lock(), whose(link));
        let Some(open) = all.get_mut(&whose) else { return };
        open.retain(|(known, _)| known != id);
        if open.is_empty() {
            all.remove(&whose);
        }
    }

    /// The question that this event asks, where its client may not be asked any more. What is asked, or no longer, is noted.
    fn refused(&self, link: &Link, event: &Result<Event, Failure>) -> Option<Id> {
        let message = event.as_ref().ok()?.message.as_ref()?;
        if let Some(id) = withdrawn(message) {
            self.close(link, &id);
        }
        message.asks().filter(|id| !self.ask(link, id)).cloned()
    }

    /// The session ends.
    pub(super) fn end(&self, link: &Link) {
        self.lock().remove(&whose(link));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, Vec<(Id, Instant)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whose(link: &Link) -> Whose {
    (link.owner, link.session.clone())
}

impl Server {
    /// What a server says by itself, with as many questions as may be open. It is told of those that nobody is asked.
    pub(super) fn bounded(self: &Arc<Self>, link: &Link, events: Events) -> Events {
        let server = Arc::clone(self);
        // What is said of the stream is nothing that goes with an answer.
        let link = Arc::new(Link { last_event_id: None, accept: None, ..link.clone() });
        Box::pin(events.filter_map(move |event| {
            let Some(id) = server.questions.refused(&link, &event) else {
                return Either::Left(future::ready(Some(event)));
            };
            let (server, link) = (Arc::clone(&server), Arc::clone(&link));
            // In a box: a stream is open for hours, and who is told nothing needs no room for it.
            Either::Right(Box::pin(async move {
                let text =
                    format!("the client has not answered {MOST} questions: no more are asked");
                let refusal = Message::refusal(Some(id), -32603, &text);
                server.tell(&link, &refusal, ASIDE).await;
                None
            }))
        }))
    }
}

/// The question that a server does not ask any more.
fn withdrawn(message: &Message) -> Option<Id> {
    match message {
        Message::Notification { method, params } if method == "notifications/cancelled" => {
            params.as_ref().and_then(|params: &Fields| params.get("requestId"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_one_session_only_so_many_questions_are_open_and_an_answer_makes_room() {
        let questions = Questions::default();
        let link = |name: &str| Link { session: Some(name.to_owned()), ..Link::default() };
        let (one, other) = (link("one"), link("other"));
        let most = i64::try_from(MOST).unwrap();
        assert!((0..most).all(|number| questions.ask(&one, &Id::Number(number))));
        assert!(!questions.ask(&one, &Id::Number(most)));
        assert!(!questions.ask(&one, &Id::Number(0)), "one that has the id of an open one, too");
        assert!(questions.ask(&other, &Id::Number(0)));
        questions.close(&other, &Id::Number(0));
        questions.close(&one, &Id::Number(7));
        assert!(questions.ask(&one, &Id::Number(most)));
        assert!(!questions.ask(&one, &Id::Number(most + 1)));
        tokio::time::advance(LIFE).await;
        assert!(questions.ask(&one, &Id::Number(most + 1)));
        questions.end(&one);
        assert!(questions.lock().is_empty());
    }
}
