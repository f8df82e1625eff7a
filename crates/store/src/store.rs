//! The store itself: opened by address, cloned freely, asked through transactions. What is kept in
//! it is told by the files of the nouns; no table is named here.

use crate::dsn::Dsn;
use crate::error::StoreError;
use crate::postgres::PostgresBackend;
use crate::revision::{self, Write};
use crate::sql::Tx;
use crate::sqlite::SqliteBackend;
use crate::turns::{Turn, Turns, Writer};
use crate::{keys, secret_settings, sqlite};
use sidegate_model::actor::AuditContext;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Revision;
use std::sync::Arc;

/// The database of one installation. Clones share its connections, and write on the same behalf: as the audit log tells
/// it, that of the program itself unless [`Store::by`] says otherwise.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    turns: Arc<Turns>,
    /// What seals secrets.
    pub(crate) keys: Arc<Keyring>,
    context: Arc<AuditContext>,
}

/// A database that is open and up to date, and whose secrets cannot be read yet.
#[derive(Debug)]
pub struct LockedStore {
    pub(crate) backend: Backend,
    has_keys: bool,
}

/// What the audit log says of a write for which nobody gave another reason.
const BY_ITSELF: &str = "system";

#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Sqlite(SqliteBackend),
    Postgres(PostgresBackend),
}

impl Store {
    /// Opens the database at `dsn`, brings its schema up to date and unlocks it, see [`Store::connect`] and
    /// [`LockedStore::unlock`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn open(dsn: &str, outer: &Keyring) -> Result<Self, StoreError> {
        Self::connect(dsn).await?.unlock(outer).await
    }

    /// Opens the database at `dsn` and brings its schema up to date. A missing file and its folder
    /// are made, readable by the owner only; a PostgreSQL database has to be there.
    ///
    /// Accepted are `sqlite:///absolute/path.db`, `sqlite://relative/path.db`,
    /// `file:path.db?cache=shared&mode=rwc`, `sqlite::memory:` and
    /// `postgres://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// [`StoreError::Address`] for another form, [`StoreError::Open`] for a database that cannot be
    /// used: both say what to do.
    pub async fn connect(dsn: &str) -> Result<LockedStore, StoreError> {
        let backend = match Dsn::parse(dsn)? {
            Dsn::SqliteFile { path, create } => {
                Backend::Sqlite(SqliteBackend::open_file(&path, create).await?)
            }
            Dsn::SqliteMemory => Backend::Sqlite(SqliteBackend::open_memory().await?),
            Dsn::Postgres(address) => Backend::Postgres(PostgresBackend::open(&address).await?),
        };
        let mut tx = backend.begin_read().await?;
        let has_keys = keys::are_there(&mut tx).await?;
        // A reader that is only about to end would keep a file from being written anew.
        tx.commit().await?;
        Ok(LockedStore { backend, has_keys })
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

    /// To be held by a write on behalf of a plugin, from before its begin to its end.
    pub(crate) async fn turn(&self, writer: Writer) -> Result<Turn<'_>, StoreError> {
        self.turns.take(writer).await
    }

    /// To be called after a change that replaced what must not be found any more.
    pub(crate) async fn forget_what_was_replaced(&self) {
        self.backend.forget_log().await;
    }

    pub(crate) async fn begin_write(&self) -> Result<Write, StoreError> {
        Ok(Write::new(self.backend.begin_write().await?, self.context.clone()))
    }
}

impl LockedStore {
    /// Whether it has secrets already that only the key can open with which they were sealed.
    pub fn has_keys(&self) -> bool {
        self.has_keys
    }

    /// Waits for running transactions and closes every connection.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    /// Makes the keys of the data, or opens them with those from outside, and seals what is still there
    /// in clear. That is no change of content: the revision stays.
    ///
    /// # Errors
    /// [`StoreError::Keys`] for keys that do not fit; then nothing is changed.
    pub async fn unlock(self, outer: &Keyring) -> Result<Store, StoreError> {
        let keys = match self.known_keys(outer).await? {
            Some(keys) => keys,
            None => self.keys_with_everything_sealed(outer).await?,
        };
        self.backend.forget_what_was_replaced().await;
        let context = Arc::new(AuditContext::system(BY_ITSELF));
        let (turns, keys) = (Arc::new(Turns::new()), Arc::new(keys));
        Ok(Store { backend: self.backend, turns, keys, context })
    }

    /// The keys where nothing is to be done, which a database that can only be read is asked for as well.
    async fn known_keys(&self, outer: &Keyring) -> Result<Option<Keyring>, StoreError> {
        let mut tx = self.backend.begin_read().await?;
        let known = keys::load(&mut tx, outer).await?;
        let is_done = match &known {
            Some(known) if known.is_current => {
                secret_settings::is_all_sealed(&mut tx, &known.ring).await?
            }
            _ => false,
        };
        tx.commit().await?;
        Ok(known.filter(|_| is_done).map(|known| known.ring))
    }

    async fn keys_with_everything_sealed(&self, outer: &Keyring) -> Result<Keyring, StoreError> {
        let context = Arc::new(AuditContext::system(BY_ITSELF));
        let mut write = Write::new(self.backend.begin_write().await?, context);
        let keys = keys::load_or_make(&mut write, outer).await?;
        let sealed = secret_settings::seal_all(&mut write, &keys).await?;
        if sealed > 0 {
            self.backend.forget_what_is_replaced(&mut write.tx).await?;
        }
        write.aside(()).await?;
        if sealed > 0 {
            tracing::info!(plugins = sealed, "secrets that were stored in clear are encrypted now");
        }
        Ok(keys)
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
    async fn forget_what_is_replaced(&self, tx: &mut Tx) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => tx.all(sqlite::REWRITE_LATER, Vec::new()).await.map(drop),
            // What it leaves behind is where only its own administrators reach it.
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Leaves nothing behind of what was replaced, where that was asked for.
    async fn forget_what_was_replaced(&self) {
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

    async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}
