//! How a process ended. Knows no process.

use rustix::process::Signal;
use sidegate_model::record::ProcessExit;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a process ended; nothing is known where neither is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Exit {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Exit {
    /// Whether processes end so that were asked to: by a signal that a service manager sends, by one
    /// that was caught, or because all is done.
    pub(super) fn is_obedient(self) -> bool {
        const ASKS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];
        let asks = |number| ASKS.iter().any(|signal| signal.as_raw() == number);
        // What shells make of a signal.
        self.signal.is_some_and(asks) || self.code.is_some_and(|code| code == 0 || asks(code - 128))
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}

impl Exit {
    /// For the record.
    pub(super) fn told(self) -> Option<ProcessExit> {
        let signal = self.signal.map(ProcessExit::Signal);
        self.code.map(ProcessExit::Code).or(signal)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "the process ended with exit code {code}"),
            (None, Some(signal)) => {
                write!(f, "the process was ended by signal {signal}")?;
                let name = ProcessExit::Signal(signal).signal_name();
                name.map_or(Ok(()), |name| write!(f, " ({name})"))
            }
            (None, None) => f.write_str("the process ended"),
        }
    }
}
