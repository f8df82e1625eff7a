//! The log of requests: one line for each, written by the shard that answered it into room of its
//! own, so that shards never wait for each other.

use super::line::{AccessLine, Form};
use super::stamp;
use super::watchers::{TrafficWatch, Watchers};
use super::writer::LogSender;
use sidegate_model::traffic::{EndedFacts, EndedRequest, TrafficFilter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Where requests are told.
pub struct AccessLog {
    is_on: AtomicBool,
    form: Form,
    /// One for each shard.
    senders: Box<[LogSender]>,
    watchers: Arc<Watchers>,
}

impl AccessLog {
    /// A log with a sender for each shard.
    pub fn new(form: Form, senders: Vec<LogSender>) -> Self {
        let is_on = AtomicBool::new(!senders.is_empty());
        Self { is_on, form, senders: senders.into(), watchers: Arc::default() }
    }

    /// A log that nobody reads.
    pub fn none() -> Self {
        Self::new(Form::Text, Vec::new())
    }

    /// Whether requests are told.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Tells requests that begin from now on, or no more.
    pub fn switch(&self, on: bool) {
        self.is_on.store(on && !self.senders.is_empty(), Ordering::Relaxed);
    }

    /// Tells requests that end from now on to somebody beside.
    pub fn watch(&self, filter: TrafficFilter) -> TrafficWatch {
        self.watchers.watch(filter)
    }

    /// Whether somebody watches requests end.
    pub fn is_watched(&self) -> bool {
        self.watchers.is_any()
    }

    /// Tells those who watch of a request that has ended, if they want it.
    pub fn tell_watchers(&self, facts: &EndedFacts<'_>, ended: impl Fn() -> EndedRequest) {
        self.watchers.tell(facts, ended);
    }

    /// Tells a request that ended now on a shard.
    pub fn tell(&self, shard: usize, line: &AccessLine<'_>, now: Instant) {
        if let Some(sender) = self.senders.get(shard % self.senders.len().max(1)) {
            sender.send(|out| line.write(out, self.form, |out| stamp::write(out, now)));
        }
    }
}
