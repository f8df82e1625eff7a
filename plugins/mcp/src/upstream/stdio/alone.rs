//! Questions of several clients that share a process: each has a number of its own there, whatever its client calls it.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::process::Process;
use crate::era::meta;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::reply::{Event, Events};

/// A question in a process, which hears of it when nobody waits any more.
struct Asked {
    process: Arc<Process>,
    number: i64,
    id: Id,
    token: Option<Box<serde_json::value::RawValue>>,
    /// Its session, where it has one.
    session: Option<String>,
    is_over: bool,
}

/// Asks, and gives what comes up to the answer. `session` is that of the client, who may call the question off by its name.
pub(super) async fn ask(
    process: Arc<Process>,
    session: Option<&str>,
    message: &Message,
) -> Result<Option<Events>, Failure> {
    let Message::Request { id, method, params } = message else { return Ok(None) };
    let number = process.number();
    let mut params = params.clone().unwrap_or_default();
    let mut envelope = params.object("_meta").unwrap_or_default();
    let token = envelope.raw("progressToken").map(ToOwned::to_owned);
    if token.is_some() {
        envelope.set("progressToken", &number);
    }
    params.set("_meta", &envelope);
    let own = Id::Number(number);
    let question =
        Message::Request { id: own.clone(), method: method.clone(), params: Some(params) };
    if let Some(session) = session {
        process.guests.asks(session, id, number);
    }
    let asked = Asked {
        process: Arc::clone(&process),
        number,
        id: id.clone(),
        token,
        session: session.map(str::to_owned),
        is_over: false,
    };
    let events = process.ask(&own, &question, false).await?;
    Ok(Some(Box::pin(stream::unfold((asked, events), |(mut asked, mut events)| async move {
        if asked.is_over {
            return None;
        }
        loop {
            let event = events.next().await;
            let Some(Ok(event)) = event else {
                // The process has ended, and there is nobody to be told.
                asked.is_over = true;
                return event.map(|event| (event, (asked, events)));
            };
            let Some(message) = event.message.and_then(|message| asked.outward(message)) else {
                continue;
            };
            return Some((Ok(Event::from(message)), (asked, events)));
        }
    }))))
}

impl Asked {
    /// A message of the process as the client of the question knows it.
    fn outward(&mut self, message: Message) -> Option<Message> {
        match message {
            Message::Answer { outcome, .. } => {
                self.is_over = true;
                Some(Message::Answer { id: Some(self.id.clone()), outcome })
            }
            Message::Notification { method, params } => {
                let params = params.map(|params| self.renamed(params));
                Some(Message::Notification { method, params })
            }
            // It was answered for all of them.
            Message::Request { .. } => None,
        }
    }

    fn renamed(&self, mut params: Fields) -> Fields {
        if let Some(token) = &self.token
            && params.get::<i64>("progressToken") == Some(self.number)
        {
            params.set("progressToken", token);
        }
        if let Some(mut own) = params.object("_meta")
            && own.raw(meta::SUBSCRIPTION).is_some()
        {
            own.set(meta::SUBSCRIPTION, &self.id);
            params.set("_meta", &own);
        }
        params
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            self.process.guests.is_answered(session, &self.id);
        }
        if !self.is_over {
            let mut params = Fields::default();
            params.set("requestId", &self.number);
            self.process.tell_soon(&Message::notification("notifications/cancelled", Some(params)));
        }
    }
}
