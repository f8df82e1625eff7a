//! What can go wrong with the store, in words for an operator. It knows the error types of the
//! database driver so that nobody else has to.

use sqlx::error::{DatabaseError, ErrorKind};
use std::error::Error;
use std::path::Path;

type Cause = Box<dyn Error + Send + Sync>;

/// Why the store did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such thing.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// `app`, `token` or `plugin`.
        what: &'static str,
        /// Its number, or its name in quotes.
        id: String,
    },
    /// Something else has what must be unique.
    #[error("{what} cannot be saved: {detail}")]
    Conflict {
        /// `app`, `token` or `plugin`.
        what: &'static str,
        /// What is taken, and by whom.
        detail: String,
    },
    /// It is not as whoever wants to change it believes.
    #[error("{what} {id} was changed meanwhile: read it again")]
    ChangedMeanwhile {
        /// `app`, `token` or `plugin`.
        what: &'static str,
        /// Its number.
        id: String,
    },
    /// What was given breaks a rule.
    #[error("{what} is not valid: {}", problems.join("; "))]
    Invalid {
        /// What was given.
        what: &'static str,
        /// Every problem, each naming its field and what would be right.
        problems: Vec<String>,
    },
    /// The address of the database cannot be used. The text never repeats a password.
    #[error("database address: {problem}")]
    Address {
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The database could not be opened.
    #[error("cannot open the database {path}: {problem}")]
    Open {
        /// Its file.
        path: String,
        /// What is wrong and what to do.
        problem: String,
        /// What the system or the database said.
        #[source]
        source: Option<Cause>,
    },
    /// What is sealed in the database cannot be opened.
    #[error("{problem}")]
    Keys {
        /// What is wrong and what to do. Never holds a key.
        problem: String,
    },
    /// A stored value cannot be read; somebody else wrote it.
    #[error("{what} {id} is damaged in the database: field {field} cannot be read")]
    Damaged {
        /// `app`, `token`, `plugin` or `revision`.
        what: &'static str,
        /// Its number.
        id: i64,
        /// The field at fault.
        field: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The database does not work at the moment.
    #[error("the database is unavailable: {problem}")]
    Unavailable {
        /// What is wrong and what to do.
        problem: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn invalid<E: ToString>(what: &'static str, problems: &[E]) -> Self {
        Self::Invalid { what, problems: problems.iter().map(ToString::to_string).collect() }
    }

    pub(crate) fn address(problem: impl Into<String>) -> Self {
        Self::Address { problem: problem.into() }
    }

    /// The same trouble while the database at `path` was being opened.
    pub(crate) fn while_opening(self, path: &Path) -> Self {
        match self {
            Self::Unavailable { problem, source } => {
                Self::Open { path: path.display().to_string(), problem, source: Some(source) }
            }
            other => other,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(e) = &error
            && e.kind() == ErrorKind::UniqueViolation
        {
            let detail = "another one with the same unique value was saved meanwhile; try again";
            return Self::Conflict { what: "entry", detail: detail.to_owned() };
        }
        Self::Unavailable { problem: problem(&error).to_owned(), source: error.into() }
    }
}

fn problem(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(e) => sqlite_problem(&**e),
        sqlx::Error::PoolTimedOut => "all connections stayed busy; try again, or reduce the load",
        sqlx::Error::PoolClosed => "it was closed; the program is ending",
        sqlx::Error::WorkerCrashed => "its thread ended unexpectedly; restart the program",
        sqlx::Error::Io(_) => "reading or writing failed; check the disk and the rights",
        _ => "it refused the request unexpectedly; the log tells more",
    }
}

/// The primary result codes of SQLite that an operator can do something about.
fn sqlite_problem(error: &dyn DatabaseError) -> &'static str {
    let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
    match code & 0xff {
        3 | 23 => "permission denied; check the owner and the mode of the file",
        5 | 6 => "another process keeps it locked; end that process or try again",
        8 => "it is read-only; check the owner and the mode of the file and its folder",
        10 => "reading or writing the file failed; check the disk",
        11 => "the file is damaged; restore it from a backup",
        13 => "the disk is full; free some space",
        14 => "the file cannot be opened; check that its folder exists and may be written",
        26 => "the file is not a database; give another path, or restore it from a backup",
        _ => "it refused the request unexpectedly; the log tells more",
    }
}
