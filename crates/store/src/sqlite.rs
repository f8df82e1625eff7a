//! SQLite: how the file is made, opened and brought to the current schema. It knows no table but
//! what the migrations do.

use crate::error::StoreError;
use crate::migrations::{self, Schema};
use crate::sql::Tx;
use sqlx::Connection as _;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a free connection, behind the writers before it.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const WAL_RETRY_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 4;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
/// "SGAT" in the header of a file says that it is ours.
const APPLICATION_ID: i64 = 0x5347_4154;
/// Takes the write lock at once, so that the transaction can never fail for being late.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
pub(crate) const LAST_NUMBER: &str = "SELECT seq AS last FROM sqlite_sequence WHERE name = $1";
pub(crate) const FORGET_LAST_NUMBER: &str = "DELETE FROM sqlite_sequence WHERE name = $1";
pub(crate) const SET_LAST_NUMBER: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
/// What of the file was replaced must not stay in it.
pub(crate) const REWRITE_LATER: &str = "PRAGMA user_version = 1";
const REWRITE_ASKED: i64 = 1;
const MARK_AS_OURS: &str = "PRAGMA application_id = 0x53474154";
const NEWEST_STEP: &str =
    "SELECT version, description FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";

/// An open SQLite database. Writers queue for one connection; readers have their own and are never
/// held up by a writer.
#[derive(Clone, Debug)]
pub(crate) struct SqliteBackend {
    writer: SqlitePool,
    readers: SqlitePool,
    /// A database in memory would go with its connection.
    may_reconnect: bool,
}

impl SqliteBackend {
    /// Opens a file; makes it and its folder, for the owner only, when `create` is set.
    pub(crate) async fn open_file(
        path: &Path,
        create: bool,
        schema: Schema,
    ) -> Result<Self, StoreError> {
        // A relative name could start with "file:", which SQLite would read as an address.
        let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
        prepare_file(path.clone(), create).await?;
        Self::open_prepared(&path, schema).await.map_err(|e| e.while_opening(&path.display()))
    }

    async fn open_prepared(path: &Path, schema: Schema) -> Result<Self, StoreError> {
        let options = connect_options().filename(path);
        let writer = replaceable(pool(1)).connect_with(options.clone()).await?;
        migrate(&writer, path, schema).await?;
        use_wal(&writer).await?;
        let readers = replaceable(pool(READERS)).min_connections(0);
        let readers = readers.connect_lazy_with(options.read_only(true));
        Ok(Self { writer, readers, may_reconnect: true })
    }

    /// Opens a new database in memory, which lives as long as its one connection.
    pub(crate) async fn open_memory() -> Result<Self, StoreError> {
        let writer = pool(1).connect_with(connect_options().in_memory(true)).await?;
        migrate(&writer, Path::new(":memory:"), Schema::Installation).await?;
        Ok(Self { readers: writer.clone(), writer, may_reconnect: false })
    }

    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        Ok(Tx::Sqlite(self.readers.begin().await?))
    }

    /// Begins with the write lock in hand. A connection that was opened while the disk could only
    /// be read stays as it was opened, so one that cannot begin makes room for a new one.
    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        match self.writer.begin_with(BEGIN_WRITE).await {
            Err(error) if self.may_reconnect && is_of_the_connection(&error) => {
                tracing::warn!(%error, "the database's connection for writes is opened anew");
                self.writer.acquire().await?.close().await?;
                Ok(Tx::Sqlite(self.writer.begin_with(BEGIN_WRITE).await?))
            }
            begun => Ok(Tx::Sqlite(begun?)),
        }
    }

    /// Writes the whole file anew where that was asked for by [`REWRITE_LATER`], so that nothing is left in it of what was
    /// replaced, and empties its log. Where that fails, as it does while another process reads, it is tried again
    /// when the file is opened next.
    pub(crate) async fn rewrite_if_asked(&self) {
        let problem = match self.rewritten().await {
            Ok(true) => return,
            Ok(false) => "another process uses it".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            problem,
            "the file of the database may still hold secrets as they were before they were encrypted; the next start tries to remove them again"
        );
    }

    /// Whether nothing is left to be done.
    async fn rewritten(&self) -> Result<bool, sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        let asked = sqlx::query_scalar("PRAGMA user_version");
        let asked: i64 = asked.fetch_one(&mut *connection).await?;
        if asked != REWRITE_ASKED {
            return Ok(true);
        }
        sqlx::query("VACUUM").execute(&mut *connection).await?;
        let is_emptied = empty_log(&mut connection).await?;
        if is_emptied {
            sqlx::query("PRAGMA user_version = 0").execute(&mut *connection).await?;
        }
        Ok(is_emptied)
    }

    /// Leaves nothing in the log of what was replaced. The file itself has nothing of it, see
    /// [`connect_options`].
    pub(crate) async fn forget_log(&self) {
        let emptied = async { empty_log(&mut *self.writer.acquire().await?).await };
        let problem = match emptied.await {
            Ok(true) => return,
            Ok(false) => "another process uses it".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            problem,
            "the log of the database may still hold secrets as they were before they were encrypted, until it is written anew"
        );
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        // Last, because only a connection that may write can fold the log into the file.
        self.writer.close().await;
    }
}

/// Moves what is in the log to the file, and cuts the log; `false` where others keep us from it.
async fn empty_log(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let emptied = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
    let (busy, _, _): (i64, i64, i64) = emptied.fetch_one(connection).await?;
    Ok(busy == 0)
}

fn connect_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        // What was replaced or deleted is overwritten, not just forgotten.
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY_TIMEOUT)
        // A revoked token must stay revoked after a power cut.
        .synchronous(SqliteSynchronous::Full)
}

/// Connections never age: an in-memory database would vanish with its connection.
fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
}

/// Throws connections away that are not at rest when they are given back. A full disk or a failed
/// read can end a transaction before our own ROLLBACK, which then fails, and what is still believed
/// to be in a transaction would refuse every write, or show the same old moment to every reader.
///
/// Not for a database in memory.
fn replaceable(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // Rollbacks are queued; the answer to this comes behind them.
            connection.ping().await?;
            let at_rest = !connection.is_in_transaction();
            if !at_rest {
                tracing::warn!("a database connection whose rollback failed is thrown away");
            }
            Ok(at_rest)
        })
    })
}

/// Whether a failed begin says something of this connection, and not of those who hold the lock or
/// of a store that is closed.
fn is_of_the_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
            !matches!(code & 0xff, SQLITE_BUSY | SQLITE_LOCKED)
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => false,
        _ => true,
    }
}

async fn prepare_file(path: PathBuf, create: bool) -> Result<(), StoreError> {
    let prepare = move || {
        let prepared = if create { create_file(&path) } else { Ok(()) };
        prepared.and_then(|()| check_file(&path)).map_err(|e| unusable(&path, &e))
    };
    tokio::task::spawn_blocking(prepare).await.expect("making a file does not panic")
}

/// Closing a file drops every lock its process has on it, SQLite's too. So a file is closed here
/// only while nobody else in this process can have opened it, and never opened just to look.
static MAKING_FILE: Mutex<()> = Mutex::new(());

/// The mode is given on creation, so that there is no moment in which others may read; SQLite gives
/// its side files the mode of the file.
fn create_file(path: &Path) -> io::Result<()> {
    let _alone = MAKING_FILE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

fn check_file(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path)? {
        found if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        found if found.is_file() => Ok(()),
        _ => Err(io::Error::other("not a regular file")),
    }
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied; check the owner and the mode",
        io::ErrorKind::NotFound => "there is no such file, or its folder cannot be made",
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of its path is not a folder"
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::StorageFull => "the disk is full; free some space",
        _ => "the file cannot be used",
    };
    let problem = format!("{advice} ({error})");
    StoreError::Open { path: path.display().to_string(), problem, source: None }
}

/// Brings the schema up to date under the write lock, so that two programs that start at the same
/// moment do not both do it.
async fn migrate(writer: &SqlitePool, path: &Path, schema: Schema) -> Result<(), StoreError> {
    let mut tx = writer.begin_with(BEGIN_WRITE).await?;
    refuse_foreign(&mut tx, path).await?;
    // Not `run`: through it the compiler cannot see that opening a store is `Send`.
    let migrated = schema.migrator().run_direct(None, &mut *tx, false).await;
    if let Err(error) = migrated {
        return Err(not_migrated(&mut tx, error, (path, schema)).await?);
    }
    // On every start, because SQLite opens a file it may only read without a word.
    sqlx::query(MARK_AS_OURS).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

async fn refuse_foreign(tx: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *tx).await?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *tx).await?;
    if id == APPLICATION_ID || tables == 0 {
        return Ok(());
    }
    let problem = "it belongs to another program; give Sidegate a file of its own".to_owned();
    Err(StoreError::Open { path: path.display().to_string(), problem, source: None })
}

async fn not_migrated(
    tx: &mut SqliteConnection,
    error: MigrateError,
    (path, schema): (&Path, Schema),
) -> Result<StoreError, sqlx::Error> {
    let problem = match &error {
        MigrateError::VersionMissing(_) => {
            let (number, told): (i64, String) = sqlx::query_as(NEWEST_STEP).fetch_one(tx).await?;
            schema.too_new(number, &told)
        }
        MigrateError::VersionMismatch(_) => migrations::OF_ANOTHER_BUILD.to_owned(),
        _ => "its schema could not be brought up to date; nothing was changed".to_owned(),
    };
    let path = path.display().to_string();
    Ok(StoreError::Open { path, problem, source: Some(error.into()) })
}

/// Turns on the write-ahead log. SQLite does not wait for this lock by itself.
async fn use_wal(writer: &SqlitePool) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").fetch_all(writer).await {
            Ok(_) => return Ok(()),
            Err(e) if Instant::now() >= deadline => return Err(e.into()),
            Err(_) => tokio::time::sleep(WAL_RETRY_PAUSE).await,
        }
    }
}
