//! Logs of the server: to stderr, as text for people or as JSON for machines, and requests to a file
//! of their own where that is wished.
//!
//! It knows levels and forms, not what is logged. Whoever logs never waits: threads of their own
//! write, see the gateway's `log`.

use crate::config::levels::Levels;
use crate::config::resolved::Log;
use crate::error::Failure;
use crate::stderr::{self, LAST_LINES};
use sidegate_control::LogLevels;
use sidegate_gateway::log::{AccessLog, Form, LogSender, LogWriter, Logs, Output};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, reload};

/// Room for lines that wait, in bytes: of everything but requests, and of each shard's requests.
const ROOM: usize = 4 * 1024 * 1024;
const SHARD_ROOM: usize = 2 * 1024 * 1024;

/// The running logs.
pub(crate) struct Logging {
    filter: reload::Handle<Targets, Registry>,
    levels: Mutex<Levels>,
    logs: Logs,
    /// The file of requests.
    file: Option<(PathBuf, LogWriter)>,
}

/// Starts logging for this process, once; in colour where that is welcome and stderr is a terminal.
///
/// # Errors
/// When the file for requests cannot be written to, or there can be no more threads.
pub(crate) fn start(log: &Log, shards: usize, colour: bool) -> Result<Arc<Logging>, Failure> {
    let colour = colour && !log.json && io::stderr().is_terminal();
    let rooms: Vec<_> = [ROOM].into_iter().chain((0..shards).map(|_| SHARD_ROOM)).collect();
    let failed = |e: io::Error| Failure::failed(format!("the log cannot be written: {e}"));
    let output = Output::stderr().map_err(failed)?;
    // Those of a file have a writer of their own: neither shall wait for the other.
    let here = if log.access_file.is_some() { 1 } else { rooms.len() };
    let (main, mut senders) =
        LogWriter::start("log", output, &rooms[..here], tell_of_dropped).map_err(failed)?;
    let sender = senders.remove(0);
    let mut events = Events { access: sender.clone(), other: sender.clone() };
    let mut writers = vec![main.clone()];
    let mut file = None;
    if let Some(path) = &log.access_file {
        let output = open(path)?;
        let started = LogWriter::start("access-log", output, &rooms, tell_of_dropped);
        let (writer, of_file) = started.map_err(failed)?;
        senders = of_file;
        events.access = senders.remove(0);
        writers.push(writer.clone());
        file = Some((path.clone(), writer));
    }
    let colour = colour && file.is_none();
    let form = match (log.json, colour) {
        (true, _) => Form::Json,
        (false, true) => Form::Colour,
        (false, false) => Form::Text,
    };
    let (filter, handle) = reload::Layer::new(log.levels.filter());
    let layer = tracing_subscriber::fmt::layer().with_writer(events);
    // For all of it, not for the one layer: after a library only asks whether something would be logged, a layer with a
    // filter of its own drops the next line, whatever that is.
    let registry = tracing_subscriber::registry().with(filter);
    // A second start would mean a second server in this process; the first one's logs stay.
    let _ = if log.json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(colour)).try_init()
    };
    let logs = Logs { access: Arc::new(AccessLog::new(form, senders)), writers };
    logs.access.switch(log.levels.tell_requests());
    stderr::through(main.clone(), sender);
    std::panic::set_hook(Box::new(move |panic| tell_of_panic(panic, &main)));
    Ok(Arc::new(Logging { filter: handle, levels: Mutex::new(log.levels.clone()), logs, file }))
}

/// Where events go that are not lines of requests.
struct Events {
    /// Those of the target `access`: requests that were refused before they were one.
    access: LogSender,
    other: LogSender,
}

impl<'a> MakeWriter<'a> for Events {
    type Writer = LogSender;

    fn make_writer(&'a self) -> LogSender {
        self.other.clone()
    }

    fn make_writer_for(&'a self, event: &tracing::Metadata<'_>) -> LogSender {
        if event.target() == "access" { self.access.clone() } else { self.make_writer() }
    }
}

impl Logging {
    /// What the gateway needs.
    pub(crate) fn logs(&self) -> Logs {
        self.logs.clone()
    }

    /// How much is logged now.
    fn levels_now(&self) -> Levels {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Logs more or less from now on.
    pub(crate) fn apply(&self, levels: Levels) {
        let mut now = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        // It fails only when nobody logs any more.
        let _ = self.filter.reload(levels.filter());
        self.logs.access.switch(levels.tell_requests());
        *now = levels;
    }

    /// Opens the file of requests again, where there is one, because the old one was renamed.
    ///
    /// # Errors
    /// Why it cannot be opened; the old one is still written to.
    pub(crate) fn reopen(&self) -> Result<Option<&Path>, Failure> {
        let Some((path, writer)) = &self.file else { return Ok(None) };
        writer.redirect(open(path)?);
        Ok(Some(path))
    }
}

impl Logging {
    /// Waits for what still has to be written, for a second at most: the end of the process.
    pub(crate) fn flush(&self) {
        let end = Instant::now() + LAST_LINES;
        for writer in &self.logs.writers {
            writer.flush(end.saturating_duration_since(Instant::now()));
        }
    }
}

impl LogLevels for Logging {
    fn levels(&self) -> String {
        self.levels_now().to_string()
    }

    fn set_levels(&self, text: &str) -> Result<(), String> {
        Levels::parse(text).map(|levels| self.apply(levels))
    }
}

fn open(path: &Path) -> Result<Output, Failure> {
    Output::file(path).map_err(|e| {
        Failure::failed(format!("ACCESS_LOG_FILE: {} cannot be written: {e}", path.display()))
    })
}

fn tell_of_dropped(lines: u64) {
    tracing::warn!(lines, "log lines were dropped: they could not be written in time, or at all");
}

/// A panic is logged like everything else, not printed: stderr may be a pipe that nobody reads.
fn tell_of_panic(panic: &PanicHookInfo<'_>, writer: &LogWriter) {
    let thread = std::thread::current();
    let trace = Backtrace::capture();
    let trace = Some(trace).filter(|trace| trace.status() == BacktraceStatus::Captured);
    tracing::error!(
        target: "panic",
        thread = thread.name(),
        place = panic.location().map(tracing::field::display),
        backtrace = trace.map(tracing::field::display),
        "panicked: {}",
        panic.payload_as_str().unwrap_or("without words")
    );
    // It may be the last word of this process; but where nobody reads, nobody has to wait for it.
    if thread.name() == Some("main") || !writer.is_stalled() {
        writer.flush(LAST_LINES);
    }
}
