//! Commands to one edge, for as long as its stream lives. Whoever asks reads answers at their own pace: the edge sends
//! no more of a command than there is room for, so a reader that does not read stops that command and nothing else.

use crate::command::EdgeCommand;
use crate::limits::{
    ANSWER_COST, ANSWER_WINDOW_BYTES, MAX_ANSWER_BYTES, MAX_COMMAND_TIME, MAX_COMMANDS, told,
};
use crate::message::{self, command::Body, command_answer};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// So many bytes are read before the edge hears that there is room again.
const GRANT_BYTES: usize = ANSWER_WINDOW_BYTES / 4;
// An edge that waits for room gets some when everything was read.
const _: () = assert!(ANSWER_WINDOW_BYTES - GRANT_BYTES >= MAX_ANSWER_BYTES + ANSWER_COST);

/// Why a command is not carried out, or not any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Its edge has enough to do.
    #[error(
        "{MAX_COMMANDS} commands are open at this edge, which are the most: try again when one of them is done"
    )]
    TooMany,
    /// There is no stream (any more).
    #[error("the edge is not connected any more: try again when it is back")]
    NotConnected,
    /// It took too long.
    #[error("the edge did not answer within {0:?}")]
    TooLate(Duration),
    /// The edge does not want to, or cannot.
    #[error("the edge says: {0}")]
    Refused(String),
    /// The edge did not keep to the rules.
    #[error("the edge sends more than there is room for")]
    Flooded,
    /// There was to be an answer.
    #[error("the edge gave no answer")]
    NoAnswer,
}

/// Gives commands to one edge. Copies are for the same stream.
#[derive(Debug, Clone, Default)]
pub struct EdgeCommands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    /// There is something to send.
    to_send: Notify,
}

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    open: BTreeMap<u64, Open>,
    has_ended: bool,
}

/// A command from when it is given until the edge is done, or knows that nobody waits any more.
#[derive(Debug)]
struct Open {
    unsent: Option<(Body, Duration)>,
    answers: VecDeque<Bytes>,
    waiting_bytes: usize,
    /// What was read and the edge does not know of.
    read_bytes: usize,
    end: Option<Result<(), CommandError>>,
    is_cancelled: bool,
    changed: Arc<Notify>,
}

impl EdgeCommands {
    /// Asks the edge. Answers that are dropped cancel the command.
    ///
    /// # Errors
    /// [`CommandError::TooMany`], [`CommandError::NotConnected`].
    pub fn send(&self, command: &EdgeCommand, within: Duration) -> Result<Answers, CommandError> {
        let within = within.min(MAX_COMMAND_TIME);
        let changed = Arc::new(Notify::new());
        let mut table = self.0.table();
        if table.has_ended {
            return Err(CommandError::NotConnected);
        }
        if table.open.len() >= MAX_COMMANDS {
            return Err(CommandError::TooMany);
        }
        table.last_id += 1;
        let id = table.last_id;
        let open = Open {
            unsent: Some((command.to_body(), within)),
            answers: VecDeque::new(),
            waiting_bytes: 0,
            read_bytes: 0,
            end: None,
            is_cancelled: false,
            changed: changed.clone(),
        };
        table.open.insert(id, open);
        drop(table);
        self.0.to_send.notify_one();
        let (shared, until) = (self.0.clone(), Instant::now() + within);
        Ok(Answers { shared, id, within, until, changed })
    }

    /// The next message to the edge, for whoever has its stream.
    pub fn take(&self) -> Option<message::Command> {
        let mut table = self.0.table();
        let (id, body, within) = table.open.iter_mut().find_map(|(id, open)| {
            let (body, within) = open.next_message()?;
            Some((*id, body, within))
        })?;
        if matches!(body, Body::Cancel(_)) {
            table.open.remove(&id);
        }
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        Some(message::Command { id, body: Some(body), within_ms })
    }

    /// Resolves when there may be something to send.
    pub async fn changed(&self) {
        self.0.to_send.notified().await;
    }

    /// The edge answered. Answers to what nobody waits for are of no interest.
    pub fn answered(&self, answer: message::CommandAnswer) {
        let mut table = self.0.table();
        let Some(open) = table.open.get_mut(&answer.id) else { return };
        open.answered(answer.body, answer.is_last);
        open.changed.notify_one();
        if open.end.is_some() && open.is_cancelled {
            table.open.remove(&answer.id);
        }
    }

    /// The stream has ended, and with it every command.
    pub(super) fn end(&self) {
        let mut table = self.0.table();
        table.has_ended = true;
        for open in table.open.values_mut() {
            open.end.get_or_insert(Err(CommandError::NotConnected));
            open.changed.notify_one();
        }
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change is whole before anything could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn next_message(&mut self) -> Option<(Body, Duration)> {
        if self.is_cancelled {
            return Some((Body::Cancel(message::CancelCommand {}), Duration::ZERO));
        }
        if let Some(unsent) = self.unsent.take() {
            return Some(unsent);
        }
        if self.end.is_some() || self.read_bytes < GRANT_BYTES {
            return None;
        }
        let bytes = u32::try_from(std::mem::take(&mut self.read_bytes)).unwrap_or(u32::MAX);
        Some((Body::More(message::MoreAnswers { bytes }), Duration::ZERO))
    }

    fn answered(&mut self, body: Option<command_answer::Body>, is_last: bool) {
        if self.end.is_some() || self.is_cancelled && !is_last {
            return;
        }
        match body {
            Some(command_answer::Body::Json(json)) => {
                let waiting = self.waiting_bytes + json.len() + ANSWER_COST;
                // The window is one of what is sent and not read, however the edge is told of it.
                if waiting > ANSWER_WINDOW_BYTES {
                    self.end = Some(Err(CommandError::Flooded));
                    return;
                }
                self.waiting_bytes = waiting;
                self.answers.push_back(json);
            }
            Some(command_answer::Body::Refused(reason)) => {
                self.end = Some(Err(CommandError::Refused(told(&reason))));
            }
            // Of a later version, or the end.
            None => {}
        }
        if is_last {
            self.end.get_or_insert(Ok(()));
        }
    }

    fn read(&mut self) -> Option<Bytes> {
        let answer = self.answers.pop_front()?;
        let bytes = answer.len() + ANSWER_COST;
        self.waiting_bytes -= bytes;
        self.read_bytes += bytes;
        Some(answer)
    }
}

/// What an edge answers to one command. Dropped, the command is cancelled.
#[derive(Debug)]
pub struct Answers {
    shared: Arc<Shared>,
    id: u64,
    within: Duration,
    until: Instant,
    changed: Arc<Notify>,
}

impl Answers {
    /// The next answer, as JSON; `None` when the edge is done.
    ///
    /// # Errors
    /// [`CommandError`]: there will be no more.
    pub async fn next(&mut self) -> Option<Result<Bytes, CommandError>> {
        loop {
            match self.take() {
                Taken::Answer(answer) => return Some(Ok(answer)),
                Taken::End(Ok(())) => return None,
                Taken::End(Err(problem)) => return Some(Err(problem)),
                Taken::Nothing => {}
            }
            if timeout_at(self.until, self.changed.notified()).await.is_err() {
                return Some(Err(CommandError::TooLate(self.within)));
            }
        }
    }

    /// The one answer of a command that has one.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn only(mut self) -> Result<Bytes, CommandError> {
        self.next().await.unwrap_or(Err(CommandError::NoAnswer))
    }

    /// Waits until the edge is done, whatever it answers.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn done(mut self) -> Result<(), CommandError> {
        while let Some(answer) = self.next().await {
            answer?;
        }
        Ok(())
    }

    fn take(&self) -> Taken {
        let mut table = self.shared.table();
        let Some(open) = table.open.get_mut(&self.id) else {
            return Taken::End(Err(CommandError::NotConnected));
        };
        match (open.read(), &open.end) {
            (Some(answer), _) => {
                if open.read_bytes >= GRANT_BYTES {
                    self.shared.to_send.notify_one();
                }
                Taken::Answer(answer)
            }
            (None, Some(end)) => Taken::End(end.clone()),
            (None, None) => Taken::Nothing,
        }
    }
}

enum Taken {
    Answer(Bytes),
    End(Result<(), CommandError>),
    Nothing,
}

impl Drop for Answers {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        let has_ended = table.has_ended;
        let Some(open) = table.open.get_mut(&self.id) else { return };
        // Whoever floods goes on until told to stop.
        let is_done = open.end.as_ref().is_some_and(|end| *end != Err(CommandError::Flooded));
        if has_ended || is_done || open.unsent.is_some() {
            table.open.remove(&self.id);
            return;
        }
        open.is_cancelled = true;
        open.answers.clear();
        drop(table);
        self.shared.to_send.notify_one();
    }
}
