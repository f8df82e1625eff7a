//! A request of a client without sessions on its way through one: what the server asks back ends the answer, and what the
//! client gives when it asks again is given to the server, which still waits.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::held::{Held, own_answer};
use super::parked::{LIFE, Place};
use super::{wants_input, words};
use crate::door::Door;
use crate::era::UNSUPPORTED_VERSION;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Events, Reply};

/// By what the client calls what it gives. A server of the older era asks for one thing at a time.
pub(super) const INPUT: &str = "input";
/// How often a stream that breaks is gone on with.
const MOST_BREAKS: u32 = 10;
const LONGEST_PAUSE: u64 = 5000;
/// No call may take longer; most may take less, which is looked after elsewhere.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What a server is told beside waits no longer.
const ASIDE: Duration = Duration::from_secs(5);
/// What a client can be asked for.
const ASKED_BACK: [&str; 3] = ["sampling/createMessage", "elicitation/create", "roots/list"];

/// What a server asks back.
struct Question {
    id: Id,
    request: Fields,
}

/// A request on its way.
pub(super) struct Exchange {
    held: Arc<Held>,
    door: Door,
    place: Place<Exchange>,
    /// What it is called in the session.
    number: i64,
    subject: String,
    params: Fields,
    method: String,
    events: Events,
    aside: mpsc::Receiver<Message>,
    /// What came before anybody looked.
    came: Option<Message>,
    end: Instant,
    last_id: Option<String>,
    retry: u64,
    breaks: u32,
    is_over: bool,
    question: Option<Question>,
    /// The client's request that waits for the answer now.
    waiting: Waiting,
}

struct Waiting {
    id: Id,
    token: Option<Box<RawValue>>,
    level: Option<usize>,
}

impl Waiting {
    fn of(asked: &words::Asked) -> Self {
        Self { id: asked.id.clone(), token: asked.progress_token(), level: asked.level() }
    }
}

enum Step {
    Event(Message),
    Answer(Message),
    Asks(Question),
}

impl Exchange {
    /// Asks the server; `None` where it knows nothing of the session.
    pub(super) async fn ask(
        held: &Arc<Held>,
        door: &Door,
        asked: &words::Asked,
        place: Place<Self>,
    ) -> Result<Option<Reply>, Refusal> {
        if let Some(level) = asked.level() {
            held.log_at(door, level).await;
        }
        let number = held.number();
        let mut exchange = Self {
            held: Arc::clone(held),
            door: door.clone(),
            place,
            number,
            subject: asked.subject(),
            params: asked.params.clone(),
            method: asked.method.clone(),
            events: Box::pin(stream::empty()),
            aside: held.enter(number),
            came: None,
            end: Instant::now() + LONGEST,
            last_id: None,
            retry: 0,
            breaks: 0,
            is_over: false,
            question: None,
            waiting: Waiting::of(asked),
        };
        let (door, session) = (door.clone(), held.session.clone());
        let message = asked.in_session(number);
        let mut posting = Box::pin(async move { door.post(session.as_ref(), message).await });
        let posted = tokio::select! {
            posted = &mut posting => posted,
            // It asks back elsewhere before it says anything here.
            Some(question) = exchange.aside.recv() => {
                exchange.came = Some(question);
                exchange.events = Box::pin(stream::once(posting).flat_map(|posted| match posted {
                    Ok((reply, _)) => events_of(reply.content),
                    Err(refusal) => events_of(Content::One(refusal.message())),
                }));
                return Ok(Some(exchange.reply()));
            }
        };
        match posted {
            Ok((reply, _)) => Ok(exchange.begun(reply.content)),
            Err(refusal) => {
                exchange.is_over = true;
                Err(in_newer_words(refusal))
            }
        }
    }

    fn begun(mut self, content: Content) -> Option<Reply> {
        match content {
            Content::Refused(404, _) if self.held.session.is_some() => {
                self.is_over = true;
                None
            }
            Content::Refused(_, Some(answer))
                if answer.error_code() == Some(UNSUPPORTED_VERSION) =>
            {
                // It is of the newer era by now.
                self.is_over = true;
                None
            }
            Content::One(answer) | Content::Refused(_, Some(answer)) => {
                let answer = self.answer(answer);
                let is_unknown = answer.error_code() == Some(-32601);
                let content = if is_unknown {
                    Content::Refused(404, Some(answer))
                } else {
                    Content::One(answer)
                };
                Some(content.into())
            }
            Content::Refused(..) | Content::Accepted => {
                self.is_over = true;
                Some(Content::Refused(502, None).into())
            }
            Content::Events(events) => {
                self.events = events;
                Some(self.reply())
            }
        }
    }

    /// Whether a request is this one, asked again.
    pub(super) fn is_about(&self, asked: &words::Asked) -> bool {
        self.subject == asked.subject()
    }

    /// Goes on with what the client gives.
    pub(super) async fn go_on(
        mut self,
        door: &Door,
        asked: &words::Asked,
    ) -> Result<Reply, Refusal> {
        self.waiting = Waiting::of(asked);
        let given = asked.params.object("inputResponses").and_then(|all| all.object(INPUT));
        let Some(question) = self.question.take() else {
            return Err(Refusal::new(200, -32603, "nothing was asked"));
        };
        let Some(given) = given else {
            return Ok(Content::One(self.park(question).await).into());
        };
        self.door = self.held.door_for(door);
        let answer = Message::result(question.id, &given);
        self.held.tell(&self.door, answer).await?;
        Ok(self.reply())
    }

    /// What comes of it, up to the answer.
    fn reply(self) -> Reply {
        let events = stream::unfold(Some(self), |state| async move {
            let mut exchange = state?;
            let (message, rest) = match exchange.next().await {
                Step::Event(message) => (message, Some(exchange)),
                Step::Answer(message) => (message, None),
                Step::Asks(question) => (exchange.park(question).await, None),
            };
            Some((Ok(Event::from(message)), rest))
        });
        Content::Events(Box::pin(events)).into()
    }

    /// Waits for the client to ask again; gives what it is told until then.
    async fn park(mut self, question: Question) -> Message {
        let (id, held, place) =
            (self.waiting.id.clone(), Arc::clone(&self.held), self.place.clone());
        let request = question.request.clone();
        self.question = Some(question);
        match place.put(self).await {
            Ok(state) => wants_input(&id, &held, &request, &state),
            Err(refusal) => refusal.answering(Some(&id)).message(),
        }
    }

    async fn next(&mut self) -> Step {
        loop {
            let message = match self.came.take() {
                Some(message) => message,
                None => tokio::select! {
                    event = timeout_at(self.end, self.events.next()) => match event {
                        Ok(Some(Ok(event))) => {
                            self.last_id = event.id.or(self.last_id.take());
                            self.retry = event.retry.unwrap_or(self.retry);
                            let Some(message) = event.message else { continue };
                            message
                        }
                        Ok(_) if self.resumed().await => continue,
                        Ok(_) => return self.fails(&Failure::Broken("it left without an answer".to_owned())),
                        Err(_) => return self.fails(&Failure::Slow),
                    },
                    Some(message) = self.aside.recv() => message,
                },
            };
            match message {
                answer @ Message::Answer { .. } => return Step::Answer(self.answer(answer)),
                Message::Request { id, method, params }
                    if ASKED_BACK.contains(&method.as_str()) =>
                {
                    let mut request = Fields::default();
                    request.set("method", &method);
                    request.set("params", &params.unwrap_or_default());
                    return Step::Asks(Question { id, request });
                }
                question @ Message::Request { .. } => {
                    if let Some(answer) = own_answer(question)
                        && self.held.tell(&self.door, answer).await.is_err()
                    {
                        return self.fails(&Failure::Broken("it takes no answer".to_owned()));
                    }
                }
                notification => {
                    if let Some(message) = self.outward(notification) {
                        return Step::Event(message);
                    }
                }
            }
        }
    }

    /// Goes on with a stream that broke, as a client of the older era does.
    async fn resumed(&mut self) -> bool {
        let Some(id) = self.last_id.clone() else { return false };
        self.breaks += 1;
        if self.breaks > MOST_BREAKS {
            return false;
        }
        sleep(Duration::from_millis(self.retry.min(LONGEST_PAUSE))).await;
        let mut door = self.door.clone();
        door.link.last_event_id = Some(id);
        match door.listen(self.held.session.as_ref()).await.map(|reply| reply.content) {
            Ok(Content::Events(events)) => {
                self.events = events;
                self.end = Instant::now() + LIFE;
                true
            }
            _ => false,
        }
    }

    fn fails(&mut self, failure: &Failure) -> Step {
        let refusal = Refusal::from(failure).answering(Some(&self.waiting.id));
        Step::Answer(refusal.message())
    }

    /// The answer, as the client knows answers.
    fn answer(&mut self, answer: Message) -> Message {
        self.is_over = true;
        let id = Some(self.waiting.id.clone());
        let Message::Answer { outcome, .. } = answer else { return answer };
        match outcome {
            Outcome::Result(result) => {
                let Some(mut result) = Fields::of(&result) else {
                    return Message::refusal(id, -32603, "the server broke the protocol");
                };
                words::complete(&self.method, &mut result);
                self.held.sign(&mut result);
                Message::Answer { id, outcome: Outcome::Result(result.to_raw()) }
            }
            Outcome::Error(error) => {
                let error = Fields::of(&error).unwrap_or_default();
                Message::error(id, &words::renumbered(error, &self.params))
            }
        }
    }

    /// A notification, as far as it is about this request and wanted.
    fn outward(&mut self, message: Message) -> Option<Message> {
        if words::is_change(&message) {
            // Nobody may be listening.
            let _ = self.held.said.send(Some(message));
            return None;
        }
        let Message::Notification { method, params } = message else { return None };
        let mut params = params.unwrap_or_default();
        match method.as_str() {
            "notifications/progress" => {
                let is_own = params.get::<i64>("progressToken") == Some(self.number);
                params.set("progressToken", self.waiting.token.as_ref().filter(|_| is_own)?);
            }
            "notifications/message" => {
                let said = params.text("level")?;
                let level = words::LEVELS.iter().position(|level| *level == said)?;
                self.waiting.level.filter(|wanted| *wanted <= level)?;
            }
            "notifications/cancelled" => return None,
            _ => {}
        }
        Some(Message::Notification { method, params: Some(params) })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.held.leave(self.number);
        if self.is_over {
            return;
        }
        // To the older era a connection that closes says nothing.
        let (held, door, number) = (Arc::clone(&self.held), self.door.clone(), self.number);
        tokio::spawn(async move {
            let mut params = Fields::default();
            params.set("requestId", &number);
            let message = Message::notification("notifications/cancelled", Some(params));
            let _ = timeout(ASIDE, held.tell(&door, message)).await;
        });
    }
}

fn events_of(content: Content) -> Events {
    let broken = |why: &str| Err(Failure::Broken(why.to_owned()));
    match content {
        Content::Events(events) => events,
        Content::One(message) | Content::Refused(_, Some(message)) => {
            Box::pin(stream::iter([Ok(Event::from(message))]))
        }
        Content::Accepted => Box::pin(stream::iter([broken("it did not answer")])),
        Content::Refused(..) => Box::pin(stream::iter([broken("it refused the message")])),
    }
}

/// What the plugin itself refuses, with the codes of the newer era.
fn in_newer_words(mut refusal: Refusal) -> Refusal {
    match refusal.code {
        -32002 => refusal.code = -32602,
        -32601 => refusal.status = 404,
        _ => {}
    }
    refusal
}
