//! The store itself: cloned freely, asked through transactions. What is kept in
//! it is told by the files of the nouns; no table is named here.

use crate::error::StoreError;
use crate::keys::{DataKeys, Keys};
use crate::postgres::PostgresBackend;
use crate::revision::{self, Write};
use crate::sql::Tx;
use crate::sqlite;
use crate::sqlite::SqliteBackend;
use crate::turns::{Turn, Turns, Writer};
use sidegate_model::actor::AuditContext;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Revision;
use std::sync::Arc;

/// The database of one installation. Clones share its connections, and write on the same behalf: as the audit log tells
/// it, that of the program itself unless [`Store::by`] says otherwise.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) backend: Backend,
    turns: Arc<Turns>,
    /// What seals secrets.
    pub(crate) keys: Arc<Keys>,
    context: Arc<AuditContext>,
}

/// What the audit log says of a write for which nobody gave another reason.
const BY_ITSELF: &str = "system";

#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Sqlite(SqliteBackend),
    Postgres(PostgresBackend),
}

impl Store {
    /// A database that is open, with what seals its secrets.
    pub(crate) fn unlocked(backend: Backend, outer: &Keyring, known: DataKeys) -> Self {
        let context = Arc::new(AuditContext::system(BY_ITSELF));
        let keys = Arc::new(Keys::new(outer.clone(), known));
        Self { backend, turns: Arc::new(Turns::new()), keys, context }
    }

    /// The same database as another process sees it that has just opened it.
    #[cfg(test)]
    pub(crate) async fn as_another_process(&self, outer: &Keyring) -> Self {
        let mut tx = self.begin_read().await.unwrap();
        let known = crate::keys::load(&mut tx, outer).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        Self::unlocked(self.backend.clone(), outer, known)
    }

    /// The same database for writes on behalf of somebody.
    #[must_use]
    pub fn by(&self, context: AuditContext) -> Self {
        Self { context: Arc::new(context), ..self.clone() }
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
        self.backend.close().await;
    }

    /// All statements of one read transaction see the same moment.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        self.backend.begin_read().await
    }

    /// What it is made of, for those who keep nothing of their own.
    pub(crate) fn parts(&self) -> (&Backend, &Turns) {
        (&self.backend, &self.turns)
    }

    /// To be held by a write on behalf of a plugin, from before its begin to its end.
    pub(crate) async fn turn(&self, writer: Writer) -> Result<Turn<'_>, StoreError> {
        self.turns.take(writer).await
    }

    /// To be called after a change that replaced what must not be found any more.
    pub(crate) async fn forget_what_was_replaced(&self) {
        self.backend.forget_log().await;
    }

    pub(crate) async fn begin_write(&self) -> Result<Write, StoreError> {
        let tx = self.backend.begin_write().await?;
        Ok(Write::new(tx, self.context.clone(), Some(self.keys.clone())))
    }
}

impl Backend {
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_read().await,
            Self::Postgres(postgres) => Ok(Tx::Postgres(postgres.begin_read().await?)),
        }
    }

    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_write().await,
            Self::Postgres(postgres) => Ok(Tx::Postgres(postgres.begin_write().await?)),
        }
    }

    /// Asks for [`Backend::forget_what_was_replaced`], which comes after the transaction.
    pub(crate) async fn forget_what_is_replaced(&self, tx: &mut Tx) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => tx.all(sqlite::REWRITE_LATER, Vec::new()).await.map(drop),
            // What it leaves behind is where only its own administrators reach it.
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Leaves nothing behind of what was replaced, where that was asked for.
    pub(crate) async fn forget_what_was_replaced(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.rewrite_if_asked().await,
            Self::Postgres(_) => {}
        }
    }

    /// Leaves nothing behind of what was just replaced.
    async fn forget_log(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget_log().await,
            Self::Postgres(_) => {}
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}
