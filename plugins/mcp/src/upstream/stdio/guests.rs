//! Which sessions share a process, and what it is asked for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::{lock, name};
use crate::failure::Failure;
use crate::message::Id;

/// So many sessions share a process; with one more the oldest ends, and its client begins anew.
const MOST: usize = 1000;

/// The sessions that share a process.
#[derive(Default)]
pub(super) struct Guests {
    /// What the process said of itself.
    pub(super) introduction: OnceCell<Box<RawValue>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    sessions: VecDeque<String>,
    /// The numbers that open questions have in the process, by what their clients call them.
    asked: HashMap<(String, Id), i64>,
}

impl Guests {
    /// Whether it is the session of one of them.
    pub(super) fn has(&self, session: &str) -> bool {
        lock(&self.known).sessions.iter().any(|known| known == session)
    }

    /// Another session begins.
    pub(super) fn enter(&self) -> Result<String, Failure> {
        let session = name()?;
        let mut known = lock(&self.known);
        if known.sessions.len() == MOST {
            known.sessions.pop_front();
        }
        known.sessions.push_back(session.clone());
        Ok(session)
    }

    /// Ends the session. The process stays for the next one, for as long as it may be idle.
    pub(super) fn leave(&self, session: &str) {
        lock(&self.known).sessions.retain(|other| other != session);
    }

    /// The question of a session has this number in the process.
    pub(super) fn asks(&self, session: &str, question: &Id, number: i64) {
        lock(&self.known).asked.insert((session.to_owned(), question.clone()), number);
    }

    /// The question is over.
    pub(super) fn is_answered(&self, session: &str, question: &Id) {
        lock(&self.known).asked.remove(&(session.to_owned(), question.clone()));
    }

    /// The number of a question that is open.
    pub(super) fn number_of(&self, session: &str, question: Id) -> Option<i64> {
        lock(&self.known).asked.get(&(session.to_owned(), question)).copied()
    }
}
