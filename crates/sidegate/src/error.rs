//! How a command can fail, sorted by who must act, and the one place that tells the person.
//!
//! It knows no command and no HTTP; those build the failures.

use crate::config::layers::Problem;
use crate::stderr::say;
use std::process::ExitCode;

/// What kind of failure it is: programs go by its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something did not work, or a thing itself failed.
    Failed,
    /// The person at the keyboard: arguments, settings, files or values are wrong.
    Usage,
    /// There are differences, where it was asked whether there are; nothing failed.
    Differences,
    /// There is no such thing.
    NotFound,
    /// It contradicts what there is, or that was changed meanwhile.
    Conflict,
    /// Who asks is not known, or may not.
    Refused,
    /// The gateway is not there, or cannot serve it now: trying again may help.
    Unreachable,
}

impl Kind {
    /// Every kind, in the order of the exit codes.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::Failed,
        Self::Usage,
        Self::Differences,
        Self::NotFound,
        Self::Conflict,
        Self::Refused,
        Self::Unreachable,
    ];

    /// The exit code. It never changes.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Differences => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Refused => 6,
            Self::Unreachable => 7,
        }
    }

    /// What it means, for the table in `docs/cli.md`.
    #[cfg(test)]
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => {
                "It failed: a plugin does not come up, a file cannot be written, an answer cannot be understood."
            }
            Self::Usage => {
                "What was said is wrong: an argument, a setting, a file, or a value that the gateway does not take."
            }
            Self::Differences => "`sidegate diff` found differences. Nothing failed.",
            Self::NotFound => "There is no such thing.",
            Self::Conflict => {
                "It contradicts what there is: a name is taken, something was changed meanwhile, a plan is out of date."
            }
            Self::Refused => "The token is not valid, there is none, or its role is too weak.",
            Self::Unreachable => {
                "The gateway is not there, does not answer in time, or cannot serve it now. Trying again may help."
            }
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What kind it is.
    pub(crate) kind: Kind,
    /// What is wrong, and where; empty where there is nothing to say.
    pub(crate) message: String,
    /// What to do about it, when the message does not say so already.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// One of this kind.
    pub(crate) fn of(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same, which begins with more words.
    pub(crate) fn after(self, words: &str) -> Self {
        Self { message: format!("{words}{}", self.message), ..self }
    }

    /// Wrong arguments.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::of(Kind::Usage, message)
    }

    /// Something did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::of(Kind::Failed, message)
    }

    /// There are differences, which were shown.
    pub(crate) fn differences() -> Self {
        Self::of(Kind::Differences, "")
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

    /// Says what it is about.
    #[must_use]
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Tells the person, on stderr, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let hint = self.hint.as_ref().map(|hint| format!("hint: {hint}\n"));
        if !self.message.is_empty() {
            say(&format!("error: {}\n{}", self.message, hint.unwrap_or_default()));
        }
        ExitCode::from(self.kind.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_exit_codes_in_the_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        let page = std::fs::read_to_string(path).unwrap();
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.code()), index + 1);
            let row = format!("| {} | {} |", kind.code(), kind.meaning());
            assert!(page.lines().any(|line| line == row), "docs/cli.md lacks: {row}");
        }
    }
}
