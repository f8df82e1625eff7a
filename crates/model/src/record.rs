//! What is known of one process of a plugin while it runs, and of its end: what ran, since when,
//! and why it died.

use crate::UnixMillis;
use std::fmt;
use std::time::Duration;

/// One line of a plugin's output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggedLine {
    /// Grows from line to line of a plugin, also from one process to the next and over restarts of
    /// the gateway.
    pub number: u64,
    /// When the gateway read it, which may be a little after it was written.
    pub at: UnixMillis,
    /// `stdout` or `stderr`.
    pub stream: &'static str,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The text, without time and level where the plugin wrote them; long ones are cut.
    pub message: String,
    /// Which part of the plugin wrote it.
    pub module: Option<String>,
    /// The id of the request it is about, where the plugin wrote one.
    pub request_id: Option<String>,
    /// The id of the trace it belongs to, where the plugin wrote one.
    pub trace_id: Option<String>,
    /// All other fields, as one JSON object; cut, and no JSON any more, where it is long.
    pub fields: Option<String>,
}

/// One process of a plugin, from its start on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceRecord {
    /// When its start began, before there was a process.
    pub started_at: UnixMillis,
    /// Its process id; `None` when no process could be made.
    pub pid: Option<u32>,
    /// SHA-256 of the program in lower-case hex, where it was taken.
    pub sha256: Option<String>,
    /// When it passed every step of its start.
    pub ready_at: Option<UnixMillis>,
    /// How it ended; `None` while it runs.
    pub end: Option<InstanceEnd>,
    /// What it printed last, oldest first. Whatever a plugin prints, secrets too.
    pub lines: Vec<LoggedLine>,
}

impl InstanceRecord {
    /// From the beginning of its start to its first request.
    pub fn start_duration(&self) -> Option<Duration> {
        self.ready_at.map(|ready| between(self.started_at, ready))
    }

    /// From the beginning of its start to its end, or to `now`.
    pub fn uptime(&self, now: UnixMillis) -> Duration {
        between(self.started_at, self.end.as_ref().map_or(now, |end| end.at))
    }
}

/// Never negative, although clocks can be set back.
fn between(from: UnixMillis, to: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}

/// How a process ended, by itself or by the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceEnd {
    /// When the gateway noticed, which may be a little later.
    pub at: UnixMillis,
    /// What the operating system says; `None` when there was no process, or it is not known.
    pub exit: Option<ProcessExit>,
    /// The gateway ended it in order: it was replaced, removed, or the gateway stops.
    pub in_order: bool,
    /// What shows that memory ran out; `None` says nothing.
    pub out_of_memory: Option<String>,
    /// Requests that were open and broke off.
    pub in_flight: usize,
    /// Why, in words for an operator.
    pub reason: String,
}

/// What the operating system says of the end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessExit {
    /// It ended by itself with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl ProcessExit {
    /// Name of the signal, for signals that have one.
    pub fn signal_name(self) -> Option<&'static str> {
        match self {
            Self::Code(_) => None,
            Self::Signal(number) => signal_name(number),
        }
    }
}

/// ```
/// use sidegate_model::record::ProcessExit;
/// assert_eq!(ProcessExit::Signal(9).to_string(), "SIGKILL (9)");
/// assert_eq!(ProcessExit::Code(4).to_string(), "exit code 4");
/// ```
impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.signal_name()) {
            (Self::Code(code), _) => write!(f, "exit code {code}"),
            (Self::Signal(number), Some(name)) => write!(f, "{name} ({number})"),
            (Self::Signal(number), None) => write!(f, "signal {number}"),
        }
    }
}

/// The numbers are those of Linux on the usual processors.
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    NAMES.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_usual_names() {
        for (number, name) in
            [(1, "SIGHUP"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (31, "SIGSYS")]
        {
            assert_eq!(ProcessExit::Signal(number).signal_name(), Some(name));
        }
        assert_eq!(ProcessExit::Signal(34).to_string(), "signal 34");
        assert_eq!(ProcessExit::Signal(0).signal_name(), None);
    }

    #[test]
    fn times_are_measured_and_never_negative() {
        let mut record = InstanceRecord { started_at: 1000, ..InstanceRecord::default() };
        assert_eq!(record.start_duration(), None);
        record.ready_at = Some(900);
        assert_eq!(record.start_duration(), Some(Duration::ZERO));
        assert_eq!(record.uptime(3500), Duration::from_millis(2500));
        record.end = Some(InstanceEnd { at: 2000, ..InstanceEnd::default() });
        assert_eq!(record.uptime(3500), Duration::from_secs(1));
    }
}
