//! Logs that hold nobody up: lines are handed over and written by a thread of their own.
//!
//! Reading order: [`queue`] keeps what waits, within a bound; [`writer`] is the thread that takes it
//! to an [`output`]; [`access`] is the log of requests, written line by line as [`line`](mod@line)
//! says, with the time from [`stamp`], and told to [`watchers`] while there are any. Knows no request and no plugin.

mod access;
mod line;
mod output;
mod queue;
mod stamp;
mod watchers;
mod writer;

pub use access::AccessLog;
pub use line::{AccessLine, Form};
pub use output::Output;
pub use watchers::TrafficWatch;
pub use writer::{LogSender, LogWriter};

use std::sync::Arc;

/// The logs of a process, as the gateway needs them.
#[derive(Clone)]
pub struct Logs {
    /// Where requests are told.
    pub access: Arc<AccessLog>,
    /// All writers, for what they dropped.
    pub writers: Vec<LogWriter>,
}

impl Logs {
    /// For programs without an access log.
    pub fn none() -> Self {
        Self { access: Arc::new(AccessLog::none()), writers: Vec::new() }
    }

    /// Lines that were dropped since the start, because they came faster than they could be
    /// written or could not be written at all.
    pub fn dropped_lines(&self) -> u64 {
        self.writers.iter().map(LogWriter::dropped_lines).sum()
    }
}
