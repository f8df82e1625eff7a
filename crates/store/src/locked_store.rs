//! A database as it is opened: brought to the current schema, and locked until the key is there that its secrets
//! are sealed with.

use crate::dsn::Dsn;
use crate::error::StoreError;
use crate::fleet::keys as fleet_keys;
use crate::keys::DataKeys;
use crate::migrations::Schema;
use crate::postgres::PostgresBackend;
use crate::revision::Write;
use crate::sqlite::SqliteBackend;
use crate::store::{Backend, Store};
use crate::{keys, secret_settings, versions};
use sidegate_model::actor::AuditContext;
use sidegate_model::sealing::Keyring;
use std::sync::Arc;

/// A database that is open and up to date, and whose secrets cannot be read yet.
#[derive(Debug)]
pub struct LockedStore {
    pub(crate) backend: Backend,
    has_keys: bool,
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
        Self::connect_to(dsn, true).await
    }

    /// The same for a database that must be there already.
    ///
    /// # Errors
    /// Those of [`Store::connect`], and [`StoreError::Open`] for a file that is not there.
    pub async fn connect_existing(dsn: &str) -> Result<LockedStore, StoreError> {
        Self::connect_to(dsn, false).await
    }

    async fn connect_to(dsn: &str, may_create: bool) -> Result<LockedStore, StoreError> {
        let backend = match Dsn::parse(dsn)? {
            Dsn::SqliteFile { path, create } => Backend::Sqlite(
                SqliteBackend::open_file(&path, create && may_create, Schema::Installation).await?,
            ),
            Dsn::SqliteMemory => Backend::Sqlite(SqliteBackend::open_memory().await?),
            Dsn::Postgres(address) => Backend::Postgres(PostgresBackend::open(&address).await?),
        };
        let mut tx = backend.begin_read().await?;
        let has_keys = keys::are_there(&mut tx).await?;
        // A reader that is only about to end would keep a file from being written anew.
        tx.commit().await?;
        Ok(LockedStore { backend, has_keys })
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
        Ok(Store::unlocked(self.backend, outer, keys))
    }

    /// The keys where nothing is to be done, which a database that can only be read is asked for as well.
    async fn known_keys(&self, outer: &Keyring) -> Result<Option<DataKeys>, StoreError> {
        let mut tx = self.backend.begin_read().await?;
        let known = keys::load(&mut tx, outer).await?;
        let is_done = match &known {
            Some(known) if known.are_complete() => {
                versions::has_begun(&mut tx).await?
                    && fleet_keys::are_current(&mut tx, outer).await?
                    && secret_settings::is_all_sealed(&mut tx, known).await?
            }
            _ => false,
        };
        tx.commit().await?;
        Ok(known.filter(|_| is_done))
    }

    async fn keys_with_everything_sealed(&self, outer: &Keyring) -> Result<DataKeys, StoreError> {
        let context = Arc::new(AuditContext::system("seal_secrets"));
        let mut write = Write::new(self.backend.begin_write().await?, context, None);
        let keys = keys::load_or_make(&mut write.tx, write.now, outer).await?;
        fleet_keys::seal_anew(&mut write, outer).await?;
        if self.has_keys && !keys.is_current {
            let key = outer.current().id();
            tracing::info!(%key, "what seals the secrets is sealed by this key now");
        }
        let sealed = secret_settings::seal_all(&mut write, &keys).await?;
        if sealed > 0 {
            self.backend.forget_what_is_replaced(&mut write.tx).await?;
        }
        // With everything sealed, so that no version ever holds a secret in clear.
        versions::begin(&mut write.tx, write.now).await?;
        write.aside(()).await?;
        if sealed > 0 {
            tracing::info!(plugins = sealed, "secrets that were stored in clear are encrypted now");
        }
        Ok(keys)
    }
}
