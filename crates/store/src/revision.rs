//! The revision: the number that grows with every change of content, in the transaction of that
//! change. A write can only end through here, so no change can forget it, nor its place in the history, nor its entry in
//! the audit log.

use crate::audit_rows::{self, NewRow};
use crate::error::StoreError;
use crate::keys::Keys;
use crate::sql::{Row, Tx, params};
use crate::versions::{self, Revised};
use sidegate_model::UnixMillis;
use sidegate_model::actor::AuditContext;
use sidegate_model::audit::{Change, Outcome};
use sidegate_model::clock::now_millis;
use sidegate_model::sha256::Sha256;
use sidegate_model::snapshot::Revision;
use std::sync::Arc;

/// What a write left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// The thing as it is stored now; for a removal, as it was.
    pub value: T,
    /// The revision with this write in it; the one before when the write changed nothing.
    pub revision: Revision,
    /// How that revision is told from another one by its number; `None` when the write changed nothing.
    pub stamp: Option<Stamp>,
}

/// A revision and when it was made. A database that was restored may come to the same number again, by other changes
/// at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The number.
    pub revision: Revision,
    /// When it was made.
    pub at: UnixMillis,
}

/// What a write changed: at least one thing.
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    /// All of these, if there are any.
    pub(crate) fn all(changes: Vec<Change>) -> Option<Self> {
        (!changes.is_empty()).then_some(Self(changes))
    }

    /// This one too.
    pub(crate) fn and(mut self, change: Change) -> Self {
        self.0.push(change);
        self
    }
}

impl From<Change> for Changes {
    fn from(change: Change) -> Self {
        Self(vec![change])
    }
}

/// A transaction that writes. Dropped before its end it changes nothing.
pub(crate) struct Write {
    /// For the statements.
    pub(crate) tx: Tx,
    /// The moment of the write, in Unix milliseconds.
    pub(crate) now: i64,
    /// On whose behalf, for the audit log.
    context: Arc<AuditContext>,
    /// What the digests of the audit log are made with; `None` while the keys are not known, when nothing is
    /// audited.
    keys: Option<Arc<Keys>>,
}

impl Write {
    pub(crate) fn new(tx: Tx, context: Arc<AuditContext>, keys: Option<Arc<Keys>>) -> Self {
        Self { tx, now: now_millis(), context, keys }
    }

    /// The moment of the write as a time that was never given to what was last changed `before`: no
    /// two contents of one thing have the same.
    pub(crate) fn later_than(&self, before: i64) -> i64 {
        self.now.max(before.saturating_add(1))
    }

    /// Ends a write that changed content. What each thing became is read and kept as its version at the new
    /// revision.
    pub(crate) async fn changed<T>(
        mut self,
        value: T,
        changes: impl Into<Changes>,
    ) -> Result<Written<T>, StoreError> {
        let row = self
            .tx
            .first("UPDATE revision SET value = value + 1 RETURNING value", params![])
            .await?;
        let revision = number(row.as_ref())?;
        let changes = changes.into();
        let revised = Revised { revision, at: self.now, context: &self.context };
        let is_recorded = versions::record(&mut self.tx, &revised, &changes.0).await?;
        self.audit(&changes, Some(revision)).await?;
        self.tx.tell_others().await?;
        self.tx.commit().await?;
        let stamp = is_recorded.then_some(Stamp { revision, at: self.now });
        Ok(Written { value, revision, stamp })
    }

    /// Ends a write that changed what is no desired state, but tells who rules: the revision stays.
    pub(crate) async fn changed_aside<T>(
        mut self,
        value: T,
        changes: impl Into<Changes>,
    ) -> Result<T, StoreError> {
        self.audit(&changes.into(), None).await?;
        self.tx.commit().await?;
        Ok(value)
    }

    /// Ends a write that only tells of something; gives the number of its entry.
    pub(crate) async fn noted(mut self, change: &Change) -> Result<u64, StoreError> {
        let change = &self.with_keyed_digests(change);
        let row = NewRow::done(&self.context, self.now, change, None);
        let entry = audit_rows::insert(&mut self.tx, row).await?;
        self.tx.commit().await?;
        Ok(entry)
    }

    /// Ends a write that changed nothing that is stored, but tells what was done elsewhere.
    pub(crate) async fn done_elsewhere(mut self, detail: &str) -> Result<(), StoreError> {
        let row = NewRow {
            at: self.now,
            who: Some(&self.context.actor.who),
            peer: self.context.actor.peer,
            operation: self.context.operation,
            outcome: Outcome::Done,
            change: None,
            revision: None,
            times: 1,
            detail: Some(detail),
        };
        audit_rows::insert(&mut self.tx, row).await?;
        self.tx.commit().await
    }

    /// The same for what processes of a control plane keep in memory besides desired state.
    pub(crate) async fn changed_fleet<T>(
        mut self,
        value: T,
        changes: impl Into<Changes>,
    ) -> Result<T, StoreError> {
        self.tx.all("UPDATE fleet_state SET changes = changes + 1", params![]).await?;
        self.tx.tell_others().await?;
        self.changed_aside(value, changes).await
    }

    /// Ends a write of what nobody decides, such as what plugins keep and when something was used: the revision
    /// stays, and the audit log has no entry of it.
    pub(crate) async fn aside<T>(self, value: T) -> Result<T, StoreError> {
        self.tx.commit().await?;
        Ok(value)
    }

    /// Ends a write that found everything as it should be.
    pub(crate) async fn unchanged<T>(mut self, value: T) -> Result<Written<T>, StoreError> {
        Ok(Written { value, revision: read(&mut self.tx).await?, stamp: None })
    }

    async fn audit(
        &mut self,
        Changes(changes): &Changes,
        revision: Option<Revision>,
    ) -> Result<(), StoreError> {
        for change in changes {
            let change = &self.with_keyed_digests(change);
            let row = NewRow::done(&self.context, self.now, change, revision);
            audit_rows::insert(&mut self.tx, row).await?;
        }
        Ok(())
    }
}

impl Write {
    /// Settings can turn out to be secrets after they were digested.
    fn with_keyed_digests(&self, change: &Change) -> Change {
        let keyed = |digest: &Sha256| {
            let known = self.keys.as_ref()?.known();
            Some(Sha256(known.digests().ok()?.digest("audit", &digest.0)))
        };
        let before = change.before.as_ref().and_then(keyed);
        let after = change.after.as_ref().and_then(keyed);
        Change { before, after, ..change.clone() }
    }
}

/// The revision that `tx` sees.
pub(crate) async fn read(tx: &mut Tx) -> Result<Revision, StoreError> {
    let row = tx.first("SELECT value FROM revision", params![]).await?;
    number(row.as_ref())
}

fn number(row: Option<&Row>) -> Result<Revision, StoreError> {
    row.ok_or_else(|| StoreError::not_found("revision", 1))?.of("revision").number("value")
}
