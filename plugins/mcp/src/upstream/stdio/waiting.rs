//! Who waits for what a process says.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::history::{History, LISTENER};
use crate::era::meta;
use crate::failure::Failure;
use crate::message::{Id, Message};
use crate::reply::Event;

/// Questions whose clients went away are forgotten when there are more than so many.
const MOST_ASKED: usize = 100;

pub(super) type Told = mpsc::Sender<Result<Event, Failure>>;

/// A question that is not answered yet.
pub(super) struct Open {
    /// The number of its stream, where that is kept.
    pub(super) stream: u64,
    pub(super) told: Told,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) asked: HashMap<Id, Open>,
    /// The question that was asked last, to which belongs what is said beside answers.
    pub(super) last: Option<Id>,
    /// Who listens for all else: one, but for clients that share the process.
    pub(super) listeners: Vec<Told>,
    /// What its client may still ask for; none where questions of several clients share the process, and tell by their
    /// numbers what is theirs.
    pub(super) history: Option<History>,
}

impl Waiting {
    /// Whether somebody still waits for an answer.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.values().any(|open| !open.told.is_closed())
    }

    /// Whom a message is for, by the number of a question that it names; what names none is for all who listen, or for the
    /// only question.
    fn meant(&self, message: &Message) -> Vec<Told> {
        let Message::Notification { params, .. } = message else { return Vec::new() };
        let params = params.as_ref();
        let token = params.and_then(|params| params.get::<Id>("progressToken"));
        let envelope = params.and_then(|params| params.object("_meta"));
        let number = token.or_else(|| envelope.and_then(|own| own.get::<Id>(meta::SUBSCRIPTION)));
        let open = |told: &&Told| !told.is_closed();
        let told: Vec<_> = match &number {
            Some(number) => self.asked.get(number).map(|open| &open.told).into_iter().collect(),
            None => self.listeners.iter().filter(open).collect(),
        };
        if !told.is_empty() || number.is_some() || self.asked.len() != 1 {
            return told.into_iter().cloned().collect();
        }
        self.asked.values().map(|open| &open.told).filter(open).cloned().collect()
    }

    /// The stream of a session on which a message goes, and who reads it now, if anybody.
    fn stream_of(&mut self, message: &Message) -> Option<(u64, Option<Told>)> {
        if let Message::Answer { id, .. } = message {
            let open = self.asked.remove(id.as_ref()?)?;
            return Some((open.stream, Some(open.told)));
        }
        let last = self.last.as_ref().and_then(|id| self.asked.get(id));
        let is_read = |open: &&Open| !open.told.is_closed();
        let last = last.or_else(|| self.asked.values().find(is_read));
        if let Some(open) = last.filter(is_read) {
            return Some((open.stream, Some(open.told.clone())));
        }
        let listener = self.listeners.last();
        if let Some(told) = listener.filter(|told| !told.is_closed()) {
            return Some((LISTENER, Some(told.clone())));
        }
        let heard = listener.map(|_| LISTENER);
        Some((last.map(|open| open.stream).or(heard)?, None))
    }

    /// Whom a message is for, and what they get.
    pub(super) fn passed(&mut self, message: Message) -> (Vec<Told>, Event) {
        if self.history.is_none() {
            let told = match &message {
                Message::Answer { id, .. } => {
                    let asked = id.as_ref().and_then(|id| self.asked.remove(id));
                    asked.map(|open| open.told).into_iter().collect()
                }
                other => self.meant(other),
            };
            return (told, message.into());
        }
        match (self.stream_of(&message), &mut self.history) {
            (Some((stream, told)), Some(history)) => {
                (told.into_iter().collect(), history.add(stream, message))
            }
            _ => (Vec::new(), message.into()),
        }
    }

    /// Somebody listens from now on.
    pub(super) fn listen(&mut self, told: Told) {
        match self.history {
            Some(_) => self.listeners.clear(),
            None => self.listeners.retain(|other| !other.is_closed()),
        }
        self.listeners.push(told);
    }

    /// Makes place for another question.
    pub(super) fn tidy(&mut self) {
        if self.history.is_none() || self.asked.len() >= MOST_ASKED {
            self.asked.retain(|_, open| !open.told.is_closed());
        }
        if let Some(history) = &mut self.history {
            history.forget(|stream| self.asked.values().any(|open| open.stream == stream));
        }
    }
}
