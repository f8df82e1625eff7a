//! How a command can fail, sorted by who must act, and the one place that tells the person.
//!
//! It knows no command and no HTTP; those build the failures.

use crate::config::layers::Problem;
use crate::stderr::say;
use std::process::ExitCode;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The person at the keyboard: arguments or settings are wrong. Exit code 2.
    Usage,
    /// The operator of the gateway: it refused, is not there, or the thing itself failed. Exit code 1.
    Failed,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Who must act.
    pub(crate) kind: Kind,
    /// What is wrong, and where.
    pub(crate) message: String,
    /// What to do about it, when the message does not say so already.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Wrong arguments.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), hint: None }
    }

    /// Something did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into(), hint: None }
    }

    /// Wrong settings, all of them.
    pub(crate) fn settings(problems: &[Problem]) -> Self {
        let lines: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        let count = if lines.len() == 1 { "a setting is" } else { "some settings are" };
        Self::usage(format!("{count} wrong:{}", lines.concat()))
            .hint("`sidegate config --reference` prints the manual of the settings")
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells the person, on stderr, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let hint = self.hint.as_ref().map(|hint| format!("hint: {hint}\n"));
        say(&format!("error: {}\n{}", self.message, hint.unwrap_or_default()));
        match self.kind {
            Kind::Failed => ExitCode::from(1),
            Kind::Usage => ExitCode::from(2),
        }
    }
}
