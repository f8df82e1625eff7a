//! The audit log: listed newest first, refusals added to it, and rid of what is old. Entries of changes are written
//! with the changes themselves, see `revision`.

use crate::audit_rows::{NewRow, add, count, insert, read};
use crate::error::StoreError;
use crate::page::Page;
use crate::revision::Write;
use crate::sql::params;
use crate::store::Store;
use crate::turns::Writer;
use sidegate_model::UnixMillis;
use sidegate_model::actor::Who;
use sidegate_model::audit::{AuditEntry, Outcome, ThingKind};
use std::net::IpAddr;

/// Which entries to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of who is called so.
    pub actor: Option<String>,
    /// Only those about things of this kind.
    pub kind: Option<ThingKind>,
    /// Only those about things with this number.
    pub thing_id: Option<u32>,
    /// Only those at this time or later.
    pub since: Option<UnixMillis>,
    /// Only those before this time.
    pub until: Option<UnixMillis>,
    /// Only those with this outcome.
    pub outcome: Option<Outcome>,
    /// Only those by this operation.
    pub operation: Option<String>,
    /// Only those about things that were called so.
    pub thing_name: Option<String>,
}

/// Some entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Before which entry the next page goes on; none where there are no more.
    pub next_before: Option<u64>,
}

/// Something that was refused, several times perhaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When, for the first time.
    pub at: UnixMillis,
    /// Who was refused, where they were recognised.
    pub who: Option<Who>,
    /// From which address.
    pub peer: Option<IpAddr>,
    /// What they wanted.
    pub operation: &'static str,
    /// Why they were refused.
    pub detail: String,
    /// How often.
    pub times: u64,
    /// The entry that tells earlier ones of the same, to which these are added.
    pub entry: Option<u64>,
}

const LIST: &str = "SELECT * FROM audit WHERE id < $1 AND at >= $2 AND at < $3 \
     AND actor_name = coalesce($4, actor_name) AND thing_kind = coalesce($5, thing_kind) \
     AND coalesce(thing_id, -1) BETWEEN $6 AND $7 AND outcome = coalesce($8, outcome) \
     AND operation = coalesce($9, operation) AND thing_name = coalesce($10, thing_name) \
     ORDER BY id DESC LIMIT $11";

const REMOVE_OLD: &str = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 \
     ORDER BY at LIMIT $2) RETURNING id";

impl Store {
    /// The newest entries that pass `filter`, older than the one with the number `before` where that is said;
    /// at most `size` of them, which is at most [`Page::MAX_SIZE`]. New entries change no page that begins
    /// before one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        let size = size.clamp(1, Page::MAX_SIZE);
        let any: (i64, i64) = (-1, u32::MAX.into());
        let (low, high) = filter.thing_id.map_or(any, |id| (id.into(), id.into()));
        let params = params![
            before.map_or(i64::MAX, count),
            filter.since.unwrap_or(UnixMillis::MIN),
            filter.until.unwrap_or(UnixMillis::MAX),
            filter.actor.clone(),
            filter.kind.map(|kind| kind.as_str().to_owned()),
            low,
            high,
            filter.outcome.map(|outcome| outcome.as_str().to_owned()),
            filter.operation.clone(),
            filter.thing_name.clone(),
            // One more tells whether there is a next page.
            size + 1,
        ];
        let rows = self.begin_read().await?.all(LIST, params).await?;
        let mut entries = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let has_more = entries.len() > size as usize;
        entries.truncate(size as usize);
        let next_before = entries.last().filter(|_| has_more).map(|entry| entry.id);
        Ok(AuditPage { entries, next_before })
    }

    /// Adds that something was done which changes nothing that is stored.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_done(&self, detail: &str) -> Result<(), StoreError> {
        let _turn = self.turn(Writer::Audit).await?;
        self.begin_write().await?.done_elsewhere(detail).await
    }

    /// Adds what was refused, all of it or nothing; tells the entry of each.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_refusals(&self, refusals: &[Refusal]) -> Result<Vec<u64>, StoreError> {
        let _turn = self.turn(Writer::Audit).await?;
        let mut write = self.begin_write().await?;
        let mut entries = Vec::with_capacity(refusals.len());
        for refusal in refusals {
            entries.push(note(&mut write, refusal).await?);
        }
        write.aside(entries).await
    }

    /// Removes entries from before this time, the oldest first and so many at once; tells how many it were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_audit_before(
        &self,
        time: UnixMillis,
        at_once: u32,
    ) -> Result<u64, StoreError> {
        let _turn = self.turn(Writer::Audit).await?;
        let mut write = self.begin_write().await?;
        let removed = write.tx.all(REMOVE_OLD, params![time, at_once]).await?;
        write.aside(removed.len() as u64).await
    }
}

async fn note(write: &mut Write, refusal: &Refusal) -> Result<u64, StoreError> {
    if let Some(entry) = refusal.entry
        && add(&mut write.tx, entry, refusal.times).await?
    {
        return Ok(entry);
    }
    let row = NewRow {
        at: refusal.at,
        who: refusal.who.as_ref(),
        peer: refusal.peer,
        operation: refusal.operation,
        outcome: Outcome::Refused,
        change: None,
        revision: None,
        times: refusal.times,
        detail: Some(&refusal.detail),
    };
    insert(&mut write.tx, row).await
}
