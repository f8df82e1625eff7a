//! Other processes on the same database: what they changed, and which of them does what only one has to do.

use crate::error::StoreError;
use crate::postgres::Listener;
use crate::revision::{self, Stamp};
use crate::sql::{Tx, params};
use crate::store::{Backend, Store};
use crate::versions::signed;
use sidegate_model::UnixMillis;
use sidegate_model::snapshot::Revision;

/// How far what is stored has come; read to find out whether others changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredHead {
    /// Of desired state.
    pub revision: Revision,
    /// How it is told from another one by its number; `None` where nobody wrote that down.
    pub stamp: Option<Stamp>,
    /// Of what is published.
    pub lineage: u64,
    /// Grows with every change of edges, keys and the lineage.
    pub fleet_changes: u64,
    /// Grows with every report of an edge.
    pub reports: i64,
    /// Grows with every question to an edge that is connected elsewhere, and with every answer.
    pub questions: i64,
}

/// Hints that other processes changed something.
pub struct Hints(Listener);

/// What one process does for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Entries of plugins that have expired.
    Expiry,
    /// Old entries of the audit log.
    AuditRetention,
    /// Old manifests and blobs.
    Publications,
    /// The keys of the authority.
    AuthorityRotation,
    /// Old revisions.
    HistoryRetention,
}

/// The right to do a chore; given back when it is dropped.
pub struct Alone {
    _tx: Option<Tx>,
}

/// What a revision changed in several namespaces it changed at one time.
const HEAD: &str = "SELECT lineage, changes, reports, questions, (SELECT min(at) FROM revisions \
     WHERE revision = (SELECT value FROM revision)) AS at FROM fleet_state";
const STAMP: &str = "SELECT min(at) AS at FROM revisions WHERE revision = $1";

/// The numbers of all locks of ours begin with "SGAT".
const LOCKS: i64 = 0x5347_4154_0000_0000;
const LOCK: &str = "SELECT pg_try_advisory_xact_lock($1) AS is_ours";

impl Store {
    /// How far what is stored has come.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn stored_head(&self) -> Result<StoredHead, StoreError> {
        let mut tx = self.begin_read().await?;
        let revision = revision::read(&mut tx).await?;
        let row = tx.first(HEAD, params![]).await?;
        let row = row.ok_or_else(|| StoreError::not_found("fleet state", 1))?;
        let row = row.of("fleet state");
        let at: Option<UnixMillis> = row.get("at")?;
        Ok(StoredHead {
            revision,
            stamp: at.map(|at| Stamp { revision, at }),
            lineage: row.number("lineage")?,
            fleet_changes: row.number("changes")?,
            reports: row.get("reports")?,
            questions: row.get("questions")?,
        })
    }

    /// How a revision is told from another one by its number; `None` where that is not known, or not any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn stamp(&self, revision: Revision) -> Result<Option<Stamp>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first(STAMP, params![signed(revision)]).await?;
        let at: Option<UnixMillis> = row.map_or(Ok(None), |row| row.of("revision").get("at"))?;
        Ok(at.map(|at| Stamp { revision, at }))
    }

    /// Listens for hints that others changed something; `None` where the database gives none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn listen(&self) -> Result<Option<Hints>, StoreError> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(postgres) => Ok(Some(Hints(postgres.listen().await?))),
        }
    }

    /// The right to do a chore that one process does for all; `None` while another one does it. It lasts some
    /// seconds at least: what is done must do no harm when two do it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn alone(&self, chore: Chore) -> Result<Option<Alone>, StoreError> {
        let mut tx = match &self.backend {
            Backend::Sqlite(_) => return Ok(Some(Alone { _tx: None })),
            // It is held for as long as the chore lasts, which readers are not to wait for.
            Backend::Postgres(postgres) => Tx::Postgres(postgres.begin_chore().await?),
        };
        let row = tx.first(LOCK, params![LOCKS + chore as i64]).await?;
        let is_ours = row.map_or(Ok(false), |row| row.of("lock").get("is_ours"))?;
        Ok(is_ours.then_some(Alone { _tx: Some(tx) }))
    }
}

impl Hints {
    /// Whether they arrive: behind a pooler that gives sessions away they do not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn arrive(&mut self) -> Result<bool, StoreError> {
        self.0.arrive().await
    }

    /// Waits for the next one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: those that were given meanwhile are lost.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.0.heard().await
    }
}
