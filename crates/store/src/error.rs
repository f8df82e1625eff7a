//! What can go wrong with the store, in words for an operator. It knows the error types of the
//! database driver so that nobody else has to.

mod postgres;
mod sqlite;

pub(crate) use postgres::READ_ONLY;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;
use std::error::Error;
use std::fmt::Display;
use std::io;
use std::time::Duration;

type Cause = Box<dyn Error + Send + Sync>;

/// Why the store did not do what was asked. Nothing was changed, unless the text says that this is not known.
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
        /// Its file, or its address without the password.
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

    /// The database, or what is between, has not answered for so long.
    pub(crate) fn no_answer(limit: Duration, source: impl Into<Cause>) -> Self {
        let limit = limit.as_secs();
        let problem = format!(
            "it did not answer within {limit} seconds; check that it runs, its load and the network"
        );
        Self::Unavailable { problem, source: source.into() }
    }

    /// The same trouble while the database at `path` was being opened.
    pub(crate) fn while_opening(self, path: &dyn Display) -> Self {
        match self {
            Self::Unavailable { problem, source } => {
                Self::Open { path: path.to_string(), problem, source: Some(source) }
            }
            other => other,
        }
    }

    /// The same trouble when it came while a change was being made durable.
    pub(crate) fn while_committing(self) -> Self {
        match self {
            Self::Unavailable { problem, source } => {
                let unknown = "whether the change was saved is not known, read it again";
                Self::Unavailable { problem: format!("{problem} ({unknown})"), source }
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
        Self::Unavailable { problem: problem(&error), source: error.into() }
    }
}

fn problem(error: &sqlx::Error) -> String {
    let told = match error {
        sqlx::Error::Database(e) => return of_database(&**e),
        sqlx::Error::Io(e) => return format!("{} ({e})", of_io(e.kind())),
        sqlx::Error::PoolTimedOut => "all connections stayed busy; try again, or reduce the load",
        sqlx::Error::PoolClosed => "it was closed; the program is ending",
        sqlx::Error::WorkerCrashed => {
            "its thread ended unexpectedly; restart the program if that goes on"
        }
        sqlx::Error::Tls(e) => return format!("{NO_TLS} ({e})"),
        _ => "it refused the request unexpectedly; the log tells more",
    };
    told.to_owned()
}

const NO_TLS: &str =
    "no TLS with the server; check sslmode, sslrootcert and the server's certificate";

/// A server knows the names of users and databases, and says them; it never says a password.
fn of_database(error: &dyn DatabaseError) -> String {
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(error) => {
            let said = error.message().replace(char::is_control, " ");
            format!("{} (the server says: {said})", postgres::problem(error.code()))
        }
        None => sqlite::problem(error).to_owned(),
    }
}

/// A file fails with none of the kinds that are named here.
fn of_io(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => {
            "nobody listens at its address; check that the server runs, the host and the port"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "its host cannot be reached; check the address and the network"
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => {
            "the connection was lost; try again, and check the server where it stays so"
        }
        // So the driver tells of certificates.
        io::ErrorKind::InvalidData => NO_TLS,
        _ => "reading or writing failed; check the disk, the network and the rights",
    }
}
