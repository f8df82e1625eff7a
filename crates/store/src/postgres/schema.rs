//! The schema in the database: whose it is, and how it is brought up to date by one process at a time.
//!
//! Everything is in the schema that comes first in the search path. The steps are kept as the driver's own
//! migrator would keep them; it is not asked, since it prepares statements with names, which a pooler in front of
//! the server may have seen already.

use super::connections::Connections;
use crate::error::StoreError;
use crate::migrations;
use sqlx::Connection as _;
use sqlx::migrate::Migration;
use sqlx::postgres::PgConnection;
use std::time::Duration;
use tokio::time::timeout;

/// How long one process may take, behind others that start at the same moment.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The server ends it a little before, so that nothing goes on that nobody waits for. The number of the lock is
/// "SGATSGAT".
const LOCK: &str = "SET LOCAL lock_timeout = '110s'; SET LOCAL statement_timeout = '110s'; \
     SET LOCAL idle_in_transaction_session_timeout = '110s'; \
     SELECT pg_advisory_xact_lock(6000836858924712276)";

/// Where tables are made, how many there are that no extension brought along, and whether steps are among them.
const LOOK: &str = "SELECT current_schema()::text, count(c.oid), \
     coalesce(bool_or(c.relname = '_sqlx_migrations'), FALSE) \
     FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND NOT EXISTS (SELECT 1 FROM pg_depend AS d \
     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

const STEPS: &str = "SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version";

const TABLE_OF_STEPS: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, \
     description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), \
     success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)";

const NOTE_STEP: &str = "INSERT INTO _sqlx_migrations \
     (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, $3, 0)";

/// Makes the tables, or the steps that are missing, all of it or nothing.
pub(super) async fn bring_up_to_date(connections: &Connections) -> Result<(), Trouble> {
    let mut lease = connections.acquire().await?;
    // Where it fails the connection is closed, and with it the transaction.
    let migrated = timeout(TIMEOUT, migrate(&mut lease.connection)).await;
    migrated.map_err(|elapsed| StoreError::no_answer(TIMEOUT, elapsed))??;
    lease.give_back();
    Ok(())
}

/// Why the schema is not up to date.
pub(super) enum Trouble {
    /// The server did not do what was asked.
    Store(StoreError),
    /// What is there is not for us: what is wrong and what to do.
    Refused(String),
}

impl<E: Into<StoreError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

async fn migrate(connection: &mut PgConnection) -> Result<(), Trouble> {
    let mut tx = connection.begin().await?;
    sqlx::raw_sql(LOCK).execute(&mut *tx).await?;
    let applied = match look(&mut tx).await? {
        Found::Nothing => {
            sqlx::raw_sql(TABLE_OF_STEPS).execute(&mut *tx).await?;
            Vec::new()
        }
        Found::Steps(applied) => applied,
    };
    for step in missing(&applied)? {
        sqlx::raw_sql(step.sql.clone()).execute(&mut *tx).await?;
        let noted = sqlx::query(NOTE_STEP).persistent(false).bind(step.version);
        let noted = noted.bind(step.description.into_owned()).bind(step.checksum.into_owned());
        noted.execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

/// What is in the schema before.
enum Found {
    Nothing,
    /// Ours.
    Steps(Vec<Applied>),
}

/// A step that a database has: its number, what is kept of it, and the checksum of its statements.
type Applied = (i64, String, Vec<u8>);

async fn look(tx: &mut PgConnection) -> Result<Found, Trouble> {
    let looked = sqlx::query_as(LOOK).persistent(false).fetch_one(&mut *tx).await?;
    let (schema, tables, has_steps): (Option<String>, i64, bool) = looked;
    let Some(schema) = schema else {
        let problem = "its search path names no schema that exists; create one, or name another";
        return Err(Trouble::Refused(problem.to_owned()));
    };
    if tables == 0 {
        return Ok(Found::Nothing);
    }
    if has_steps {
        let applied = sqlx::query_as(STEPS).persistent(false).fetch_all(&mut *tx).await?;
        let applied: Vec<Applied> = applied;
        if applied.first().is_some_and(|(_, description, _)| migrations::is_ours(description)) {
            return Ok(Found::Steps(applied));
        }
    }
    let problem = format!(
        "its schema {schema:?} has tables of another program; \
         give Sidegate a database or a schema of its own"
    );
    Err(Trouble::Refused(problem))
}

/// The steps that come after those that were applied, which must be the first of ours.
fn missing(applied: &[Applied]) -> Result<Vec<Migration>, Trouble> {
    let steps = migrations::for_postgres();
    let known: Vec<&Migration> = steps.iter().collect();
    if let Some((number, description, _)) = applied.get(known.len()..).and_then(<[_]>::last) {
        return Err(Trouble::Refused(migrations::too_new(*number, description)));
    }
    let same = |(step, (version, _, checksum)): (&&Migration, &Applied)| {
        step.version == *version && *step.checksum == *checksum.as_slice()
    };
    match known.iter().zip(applied).all(same) {
        true => Ok(known.into_iter().skip(applied.len()).cloned().collect()),
        false => Err(Trouble::Refused(migrations::OF_ANOTHER_BUILD.to_owned())),
    }
}
