//! One line of the log for each call: who, what, how it ended, how long it took.

use std::time::Instant;

use serde_json::value::RawValue;
use sidegate_sdk::tracing;

use crate::caller::Caller;
use crate::fields::Fields;
use crate::message::{Message, Outcome};
use crate::policy::Subject;
use crate::quota::Place;

/// Longer arguments are cut.
const ARGUMENT_BYTES: usize = 2048;

/// A call that is going on. Its line is written when it ends, also when nobody waits for that.
pub(crate) struct Account {
    app: String,
    server: String,
    method: String,
    name: String,
    arguments: String,
    begun: Instant,
    outcome: &'static str,
    /// Among the calls that may go on at once.
    place: Option<Place>,
}

impl Account {
    /// Of calls that name a thing; other messages are none.
    pub(crate) fn open(
        server: &str,
        caller: &Caller,
        message: &Message,
        with_arguments: bool,
    ) -> Option<Self> {
        let Message::Request { method, params, .. } = message else { return None };
        let Subject::Thing(_, name) = Subject::of(message) else { return None };
        let arguments = params.as_ref().filter(|_| with_arguments).map(arguments);
        Some(Self {
            app: caller.app.clone(),
            server: server.to_owned(),
            method: method.clone(),
            name,
            arguments: arguments.unwrap_or_default(),
            begun: Instant::now(),
            outcome: "abandoned",
            place: None,
        })
    }

    /// What is given back when the call ends.
    pub(crate) fn keeps(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// How it ends.
    pub(crate) fn ends(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    /// How it ends, by the server's answer.
    pub(crate) fn answered(&mut self, answer: &Message) {
        self.outcome = match answer {
            Message::Answer { outcome: Outcome::Error(_), .. } => "error",
            Message::Answer { outcome: Outcome::Result(result), .. } => {
                let is_error = Fields::of(result).and_then(|result| result.get("isError"));
                if is_error == Some(true) { "tool_error" } else { "ok" }
            }
            _ => return,
        };
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        drop(self.place.take());
        let Self { app, server, method, name, arguments, outcome, .. } = self;
        if arguments.is_empty() {
            tracing::info!(app, server, method, name, outcome, millis, "mcp call");
        } else {
            tracing::info!(app, server, method, name, outcome, millis, arguments, "mcp call");
        }
    }
}

fn arguments(params: &Fields) -> String {
    let text = params.raw("arguments").map(RawValue::get).unwrap_or_default();
    let mut end = text.len().min(ARGUMENT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
