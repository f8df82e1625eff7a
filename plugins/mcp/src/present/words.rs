//! Messages of the newer era in the words of the older one, and back.

use crate::era::meta;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};

/// What an answer says.
pub(super) enum Said {
    /// This is the end of it.
    Done(Message),
    /// The client has to give these, each by its key, and what the server wants to see again.
    Wants(Vec<(String, Fields)>, Option<String>),
}

/// Reads an answer.
pub(super) fn read(answer: Message, id: &Id) -> Said {
    let id = Some(id.clone());
    let Message::Answer { outcome, .. } = answer else { return Said::Done(answer) };
    let result = match outcome {
        Outcome::Result(result) => result,
        outcome @ Outcome::Error(_) => return Said::Done(Message::Answer { id, outcome }),
    };
    let broken = |id| Said::Done(Message::refusal(id, -32603, "the server broke the protocol"));
    let Some(mut result) = Fields::of(&result) else { return broken(id) };
    match result.text("resultType").as_deref() {
        None | Some("complete") => {}
        Some("input_required") => {
            let wanted = result.object("inputRequests").unwrap_or_default();
            let state = result.text("requestState");
            let all: Vec<_> = wanted
                .names()
                .filter_map(|key| Some((key.to_owned(), wanted.object(key)?)))
                .collect();
            if all.is_empty() && state.is_none() {
                return broken(id);
            }
            return Said::Wants(all, state);
        }
        Some(_) => return broken(id),
    }
    for key in ["resultType", "ttlMs", "cacheScope"] {
        result.remove(key);
    }
    if let Some(mut own) = result.object("_meta") {
        own.remove(meta::SERVER);
        if own.is_empty() { result.remove("_meta") } else { result.set("_meta", &own) }
    }
    Said::Done(Message::Answer { id, outcome: Outcome::Result(result.to_raw()) })
}

/// A notification without what only the newer era knows; `None` where nothing is left.
pub(super) fn notification(message: Message) -> Option<Message> {
    let Message::Notification { method, params } = message else { return None };
    if method.starts_with("notifications/subscriptions/") {
        return None;
    }
    let params = params.map(|mut params| {
        if let Some(mut own) = params.object("_meta") {
            own.remove(meta::SUBSCRIPTION);
            if own.is_empty() { params.remove("_meta") } else { params.set("_meta", &own) }
        }
        params
    });
    Some(Message::Notification { method, params })
}
