//! A request of a client with sessions, up to its answer: as often as the server wants input, the client is asked for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::Bridged;
use super::words::{self, Said};
use crate::era::HEADER_MISMATCH;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::presented::random;
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Events, Reply};
use crate::upstream::Link;

/// How often a server may want input for one request.
const MOST_ROUNDS: u32 = 16;
/// How many pages of a list of tools are read for one of them.
const MOST_PAGES: u32 = 20;
/// Who is asked has so long.
const LIFE: Duration = Duration::from_secs(300);

/// A request on its way.
pub(super) struct Call {
    session: Bridged,
    id: Id,
    method: String,
    params: Fields,
    cancelled: Arc<Notify>,
    events: Events,
    /// What the client is told before anything else.
    to_client: VecDeque<Message>,
    /// What the client is asked for: by the server's key, what it is, and its answer.
    asked: Vec<(String, String, oneshot::Receiver<Outcome>)>,
    server_state: Option<String>,
    wants_input: bool,
    rounds: u32,
    asked_until: Instant,
}

impl Call {
    pub(super) fn new(session: Bridged, id: Id, method: String, params: Fields) -> Self {
        let cancelled = session.state.enter(&id);
        Self {
            session,
            id,
            method,
            params,
            cancelled,
            events: Box::pin(stream::empty()),
            to_client: VecDeque::new(),
            asked: Vec::new(),
            server_state: None,
            wants_input: false,
            rounds: 0,
            asked_until: Instant::now(),
        }
    }

    /// Asks the server. An answer that is there at once is one; all else is a stream.
    pub(super) async fn begin(mut self) -> Result<Reply, Refusal> {
        let params = self.params.clone();
        let cancelled = Arc::clone(&self.cancelled);
        let content = tokio::select! {
            content = self.ask(params) => content?,
            () = cancelled.notified() => return Ok(Content::Events(Box::pin(stream::empty())).into()),
        };
        match content {
            Content::One(answer) => {
                if let Some(done) = self.answer(answer) {
                    return Ok(Content::One(done).into());
                }
            }
            Content::Events(events) => self.events = events,
            Content::Refused(..) | Content::Accepted => {
                let refusal = Refusal::new(502, -32603, "the server refused the message");
                return Err(refusal.answering(Some(&self.id)));
            }
        }
        let events = stream::unfold(Some(self), |state| async move {
            let mut call = state?;
            let cancelled = Arc::clone(&call.cancelled);
            let (message, is_last) = tokio::select! {
                next = call.next() => next,
                // Who cancels gets no answer.
                () = cancelled.notified() => return None,
            };
            Some((Ok(Event::from(message)), (!is_last).then_some(call)))
        });
        Ok(Content::Events(Box::pin(events)).into())
    }

    /// The next message for the client, and whether it is the last.
    async fn next(&mut self) -> (Message, bool) {
        loop {
            if let Some(question) = self.to_client.pop_front() {
                return (question, false);
            }
            if self.wants_input
                && let Err(refusal) = self.ask_again().await
            {
                return (refusal.answering(Some(&self.id)).message(), true);
            }
            let event = match self.events.next().await {
                Some(Ok(event)) => event,
                _ => {
                    return self.fails(&Failure::Broken("it left without an answer".to_owned()));
                }
            };
            match event.message {
                Some(answer @ Message::Answer { .. }) => {
                    if let Some(done) = self.answer(answer) {
                        return (done, true);
                    }
                }
                Some(other) => {
                    if let Some(told) = words::notification(other) {
                        return (told, false);
                    }
                }
                None => {}
            }
        }
    }

    /// The end of it, or nothing where the client is asked for something.
    fn answer(&mut self, answer: Message) -> Option<Message> {
        let (wanted, state) = match words::read(answer, &self.id) {
            Said::Done(message) => {
                self.learn_from(&message);
                return Some(message);
            }
            Said::Wants(wanted, state) => (wanted, state),
        };
        self.rounds += 1;
        let Ok(random) = random() else { return Some(self.refusal("no randomness")) };
        if self.rounds > MOST_ROUNDS {
            return Some(self.refusal("the server wants input too often"));
        }
        self.server_state = state;
        self.wants_input = true;
        self.asked_until = Instant::now() + LIFE;
        for (number, (key, request)) in wanted.into_iter().enumerate() {
            let id = format!("sidegate-{random}-{number}");
            let method = request.text("method").unwrap_or_default();
            let answer = self.session.state.ask(id.clone());
            self.asked.push((key, method.clone(), answer));
            let params = request.object("params");
            self.to_client.push_back(Message::Request { id: Id::Text(id), method, params });
        }
        None
    }

    /// Waits for what the client gives, and asks the server again with it.
    async fn ask_again(&mut self) -> Result<(), Refusal> {
        self.wants_input = false;
        let mut given = Map::new();
        for (key, method, answer) in std::mem::take(&mut self.asked) {
            let late = || Refusal::new(200, -32001, "the client did not answer in time");
            let outcome = timeout_at(self.asked_until, answer)
                .await
                .map_err(|_| late())?
                .map_err(|_| late())?;
            let value = match outcome {
                Outcome::Result(result) => serde_json::from_str(result.get()).unwrap_or_default(),
                // The newer era has words for this no with one of them only.
                Outcome::Error(_) if method == "elicitation/create" => json!({"action": "cancel"}),
                Outcome::Error(_) => {
                    return Err(Refusal::new(200, -32603, format!("the client refused {method}")));
                }
            };
            given.insert(key, value);
        }
        let mut params = self.params.clone();
        if !given.is_empty() {
            params.set("inputResponses", &Value::Object(given));
        }
        if let Some(state) = self.server_state.take() {
            params.set("requestState", &state);
        }
        self.events = match self.ask(params).await? {
            Content::Events(events) => events,
            Content::One(answer) => Box::pin(stream::iter([Ok(Event::from(answer))])),
            Content::Refused(..) | Content::Accepted => {
                return Err(Refusal::new(200, -32603, "the server refused the message"));
            }
        };
        Ok(())
    }

    /// Asks the server once; or twice, where a tool wants other arguments repeated than was known.
    async fn ask(&mut self, params: Fields) -> Result<Content, Refusal> {
        let name = params.text("name").filter(|_| self.method == "tools/call");
        let arguments: Value = params.get("arguments").unwrap_or_default();
        let message = Message::Request {
            id: self.id.clone(),
            method: self.method.clone(),
            params: Some(self.session.enveloped(&params)),
        };
        if let Some(name) = &name
            && !self.session.server.states.tools.knows(name)
        {
            self.learn(name).await;
        }
        let server = Arc::clone(&self.session.server);
        let tools = &server.states.tools;
        let repeated =
            name.as_deref().map(|name| tools.headers(name, &arguments)).unwrap_or_default();
        let content = self.post(repeated, &message).await?;
        let (Some(name), Content::One(answer)) = (name, &content) else { return Ok(content) };
        if answer.error_code() != Some(HEADER_MISMATCH) {
            return Ok(content);
        }
        tools.forget(&name);
        self.learn(&name).await;
        self.post(tools.headers(&name, &arguments), &message).await
    }

    async fn post(
        &mut self,
        repeated: Vec<(String, String)>,
        message: &Message,
    ) -> Result<Content, Refusal> {
        let session = self.session.clone();
        let link = Link { repeated, ..session.link() };
        let content = session.server.post(&link, &session.caller, message).await?.content;
        // To a client with a session 404 says that there is none.
        Ok(match content {
            Content::Refused(_, Some(answer)) => Content::One(answer),
            other => other,
        })
    }

    fn learn_from(&self, answer: &Message) {
        if self.method == "tools/list"
            && let Message::Answer { outcome: Outcome::Result(result), .. } = answer
            && let Some(list) = Fields::of(result)
        {
            self.session.server.states.tools.learn_list(&list);
        }
    }

    /// Learns from the server's list what a tool wants.
    async fn learn(&mut self, name: &str) {
        let (mut cursor, id) = (None::<String>, Id::Text("sidegate-tools".to_owned()));
        for _ in 0..MOST_PAGES {
            let mut params = Fields::default();
            if let Some(cursor) = &cursor {
                params.set("cursor", cursor);
            }
            let params = Some(self.session.enveloped(&params));
            let question =
                Message::Request { id: id.clone(), method: "tools/list".to_owned(), params };
            let Ok(content) = self.post(Vec::new(), &question).await else { return };
            let Some(Message::Answer { outcome: Outcome::Result(result), .. }) =
                content.answer().await
            else {
                return;
            };
            let Some(page) = Fields::of(&result) else { return };
            let tools = &self.session.server.states.tools;
            tools.learn_list(&page);
            if tools.knows(name) {
                return;
            }
            cursor = page.text("nextCursor");
            if cursor.is_none() {
                return;
            }
        }
    }

    fn fails(&self, failure: &Failure) -> (Message, bool) {
        (Refusal::from(failure).answering(Some(&self.id)).message(), true)
    }

    fn refusal(&self, text: &str) -> Message {
        Message::refusal(Some(self.id.clone()), -32603, text)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.session.state.leave(&self.id, &self.cancelled);
    }
}
