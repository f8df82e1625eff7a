//! Sessions of an app that share a process. It is introduced once, by the first of them, and knows nothing of the others.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;

use super::alone;
use super::guests::Guests;
use super::process::Process;
use crate::about;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Message, Outcome};
use crate::reply::{Content, Reply};
use crate::upstream::beginning::Beginning;

/// Why a session does not begin.
enum Unready {
    Failed(Failure),
    /// The process says no.
    Refused(Message),
}

impl From<Failure> for Unready {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Begins a session.
pub(super) async fn receive(process: &Arc<Process>, message: &Message) -> Result<Reply, Failure> {
    let Some(question) = message.asks() else { return Ok(Content::Refused(400, None).into()) };
    let introduction = &process.guests.introduction;
    match introduction.get_or_try_init(|| introduce(process, message)).await {
        Ok(introduction) => {
            let content = Content::One(Message::result(question.clone(), introduction));
            Ok(Reply { session: Some(process.guests.enter()?), presented: None, content })
        }
        Err(Unready::Refused(answer)) => Ok(Content::One(answer).into()),
        Err(Unready::Failed(failure)) => Err(failure),
    }
}

/// Introduces all clients at once: as one that can be asked nothing, for whom would be asked is not known.
async fn introduce(process: &Arc<Process>, message: &Message) -> Result<Box<RawValue>, Unready> {
    let Message::Request { id, method, params } = message else {
        return Err(Failure::Ended.into());
    };
    // It may not be introduced a second time: it ends where this fails.
    let beginning = Beginning::or_end(|| process.end());
    let mut params = params.clone().unwrap_or_default();
    params.set("capabilities", &json!({}));
    params.set("clientInfo", &about::implementation());
    let (id, method, params) = (id.clone(), method.clone(), Some(params));
    let question = Message::Request { id, method, params };
    let events = alone::ask(Arc::clone(process), None, &question).await?;
    let answer = match events {
        Some(events) => Content::Events(events).answer().await,
        None => None,
    };
    let introduction = match answer {
        Some(Message::Answer { outcome: Outcome::Result(result), .. }) => result,
        Some(refusal) => return Err(Unready::Refused(refusal)),
        None => return Err(Failure::Ended.into()),
    };
    process.tell(&Message::notification("notifications/initialized", None)).await?;
    beginning.become_known();
    Ok(introduction)
}

/// Gives a message of a session to the process.
pub(super) async fn give(
    process: &Arc<Process>,
    session: &str,
    message: &Message,
) -> Result<Content, Failure> {
    match message {
        Message::Request { id, method, .. } if method == "initialize" => {
            let text = "Invalid Request: the session has begun";
            return Ok(Content::One(Message::refusal(Some(id.clone()), -32600, text)));
        }
        Message::Request { .. } => {
            let events = alone::ask(Arc::clone(process), Some(session), message).await?;
            return Ok(events.map_or(Content::Accepted, Content::Events));
        }
        Message::Notification { method, params } => match method.as_str() {
            "notifications/cancelled" => {
                if let Some(told) = cancelled(&process.guests, session, params.as_ref()) {
                    process.tell(&told).await?;
                }
            }
            // What was said for all of them is not said again for one.
            "notifications/initialized" | "notifications/roots/list_changed" => {}
            _ => process.tell(message).await?,
        },
        // Nobody was asked.
        Message::Answer { .. } => {}
    }
    Ok(Content::Accepted)
}

/// The same in the words of the process, where the question is known there.
fn cancelled(guests: &Guests, session: &str, params: Option<&Fields>) -> Option<Message> {
    let mut params = params?.clone();
    let number = guests.number_of(session, params.get("requestId")?)?;
    params.set("requestId", &number);
    Some(Message::notification("notifications/cancelled", Some(params)))
}
