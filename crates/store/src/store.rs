//! The store itself: opened by address, cloned freely, asked through transactions. What is kept in
//! it is told by the files of the nouns; no table is named here.

use crate::dsn::Dsn;
use crate::error::StoreError;
use crate::revision::{self, Write};
use crate::sql::Tx;
use crate::sqlite::SqliteBackend;
use crate::turns::{Turn, Turns, Writer};
use sidegate_model::snapshot::Revision;
use std::sync::Arc;

/// The database of one installation. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    turns: Arc<Turns>,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(SqliteBackend),
}

impl Store {
    /// Opens the database at `dsn` and brings its schema up to date. A missing file and its folder
    /// are made, readable by the owner only.
    ///
    /// Accepted are `sqlite:///absolute/path.db`, `sqlite://relative/path.db`,
    /// `file:path.db?cache=shared&mode=rwc` and `sqlite::memory:`.
    ///
    /// # Errors
    /// [`StoreError::Address`] for another form, [`StoreError::Open`] for a file that cannot be
    /// used: both say what to do.
    pub async fn open(dsn: &str) -> Result<Self, StoreError> {
        let backend = match Dsn::parse(dsn)? {
            Dsn::SqliteFile { path, create } => SqliteBackend::open_file(&path, create).await?,
            Dsn::SqliteMemory => SqliteBackend::open_memory().await?,
        };
        Ok(Self { backend: Backend::Sqlite(backend), turns: Arc::new(Turns::new()) })
    }

    /// How often content was changed so far.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revision(&self) -> Result<Revision, StoreError> {
        revision::read(&mut self.begin_read().await?).await
    }

    /// Waits for running transactions and closes every connection. Later calls on any clone fail.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
        }
    }

    /// All statements of one read transaction see the same moment.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.begin_read().await,
        }
    }

    /// To be held by a write on behalf of a plugin, from before its begin to its end.
    pub(crate) async fn turn(&self, writer: Writer) -> Result<Turn<'_>, StoreError> {
        self.turns.take(writer).await
    }

    pub(crate) async fn begin_write(&self) -> Result<Write, StoreError> {
        let tx = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.begin_write().await?,
        };
        Ok(Write::new(tx))
    }
}
