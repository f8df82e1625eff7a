//! PostgreSQL: connections, transactions and the schema. It knows no table but `revision` and what the
//! migrations do.
//!
//! Several processes may share a database. One of all writers writes at a time, as in SQLite: each
//! begins by locking the row of the revision. So nobody waits in a circle, and who saw a revision sees all
//! that came before it.

pub(crate) mod address;
mod connections;
mod listener;
mod schema;
mod transaction;

pub(crate) use address::Address;
pub(crate) use listener::{Listener, NOTIFY};
pub(crate) use transaction::PostgresTx;

use crate::error::StoreError;
use connections::Connections;
use schema::Trouble;

/// Writers of one process queue here, so that only one of them waits for other processes.
const WRITERS: u32 = 1;
const READERS: u32 = 4;
/// One for each thing that one process does for all: each may last.
const CHORES: u32 = 5;

/// What every transaction is limited to, said anew in each: behind a pooler the next one may be in another
/// session, and a pooler refuses settings it does not know when we connect.
macro_rules! begin {
    ($how:literal, $then:literal) => {
        concat!(
            "BEGIN ISOLATION LEVEL ",
            $how,
            "; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10s'; \
             SET LOCAL idle_in_transaction_session_timeout = '10s'; ",
            $then
        )
    };
}

/// All statements see the moment of the first.
const BEGIN_READ: &str = begin!("REPEATABLE READ READ ONLY", "");
/// Each statement sees what was committed before it, and with the lock in hand nobody else commits.
const BEGIN_WRITE: &str = begin!("READ COMMITTED", "SELECT value FROM revision FOR UPDATE");

/// Of the table that the parameter names; NULL where no number was given yet.
pub(crate) const LAST_NUMBER: &str =
    "SELECT pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass) AS last";
pub(crate) const SET_LAST_NUMBER: &str =
    "SELECT setval(pg_get_serial_sequence($1, 'id')::regclass, $2)";

/// An open PostgreSQL database. Readers are never held up by a writer.
#[derive(Clone, Debug)]
pub(crate) struct PostgresBackend {
    writer: Connections,
    readers: Connections,
    chores: Connections,
}

impl PostgresBackend {
    /// Connects and brings the schema up to date.
    pub(crate) async fn open(address: &Address) -> Result<Self, StoreError> {
        let options = address.options()?;
        let writer = Connections::new(options.clone(), WRITERS);
        let readers = Connections::new(options.clone(), READERS);
        let chores = Connections::new(options, CHORES);
        schema::bring_up_to_date(&writer).await.map_err(|trouble| match trouble {
            Trouble::Store(error) => error.while_opening(address),
            Trouble::Refused(problem) => {
                StoreError::Open { path: address.to_string(), problem, source: None }
            }
        })?;
        Ok(Self { writer, readers, chores })
    }

    pub(crate) async fn begin_read(&self) -> Result<PostgresTx, StoreError> {
        PostgresTx::begin(&self.readers, BEGIN_READ).await
    }

    /// Of one that holds a right for as long as something else lasts.
    pub(crate) async fn begin_chore(&self) -> Result<PostgresTx, StoreError> {
        PostgresTx::begin(&self.chores, BEGIN_READ).await
    }

    /// Begins with the lock of the one writer in hand.
    pub(crate) async fn begin_write(&self) -> Result<PostgresTx, StoreError> {
        PostgresTx::begin(&self.writer, BEGIN_WRITE).await
    }

    /// A connection of its own on which it is heard what other processes changed.
    pub(crate) async fn listen(&self) -> Result<Listener, StoreError> {
        Listener::connect(self.readers.options(), &self.readers).await
    }

    pub(crate) async fn close(&self) {
        self.chores.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}
