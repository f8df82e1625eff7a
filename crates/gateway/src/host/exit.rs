//! How a process ended. Knows no process.

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
