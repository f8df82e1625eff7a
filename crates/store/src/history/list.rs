//! Revisions as they are listed: when, by whom, and what they changed.

use super::rollback::{ROLL_BACK, read_back_to};
use crate::audit_rows;
use crate::error::StoreError;
use crate::page::Page;
use crate::sql::{Fields, Param, Row, Tx, params};
use crate::store::Store;
use crate::uniqueness;
use crate::versions::signed;
use sidegate_model::UnixMillis;
use sidegate_model::actor::Who;
use sidegate_model::audit::{Thing, ThingKind};
use sidegate_model::diff::ChangeKind;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeMap;

/// Things that are told of each revision of a list.
const TOLD_IN_LISTS: i64 = 5;
/// Things that are told of one revision.
const TOLD_OF_ONE: i64 = 1000;

/// Which revisions to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevisionFilter {
    /// Only those that changed something in this namespace.
    pub namespace: Option<Namespace>,
    /// Only those of who is called so.
    pub author: Option<String>,
    /// Only those made by this operation.
    pub operation: Option<String>,
    /// Only those at this time or later.
    pub since: Option<UnixMillis>,
    /// Only those before this time.
    pub until: Option<UnixMillis>,
    /// Only those that changed such a thing.
    pub thing: ThingFilter,
}

/// Which things are looked for; the default is all, and none too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Only those of this kind.
    pub kind: Option<ThingKind>,
    /// Only those with this number.
    pub id: Option<u32>,
    /// Only those that are called so afterwards.
    pub name: Option<String>,
}

/// A revision, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionEntry {
    /// Its number.
    pub revision: Revision,
    /// When it was made.
    pub at: UnixMillis,
    /// Who made it.
    pub author: Who,
    /// By which operation.
    pub operation: String,
    /// To which revision it went back, where it did and the audit log still tells it.
    pub back_to: Option<Revision>,
    /// Where it changed something.
    pub namespaces: Vec<Namespace>,
    /// What it changed; the first of it where it is much.
    pub changes: Vec<ThingChange>,
    /// How many things it changed.
    pub total: u64,
}

/// What a revision did with one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThingChange {
    /// The thing, by the name it has afterwards.
    pub thing: Thing,
    /// Where it is.
    pub namespace: Namespace,
    /// The first characters of a token.
    pub hint: Option<String>,
    /// What was done.
    pub change: ChangeKind,
}

/// Some revisions, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPage {
    /// The revisions.
    pub revisions: Vec<RevisionEntry>,
    /// Before which one the next page goes on; none where there are no more.
    pub next_before: Option<Revision>,
}

/// All rows of one revision say the same of who made it and when.
const LIST: &str = "SELECT revision, min(id) AS id, min(at) AS at, min(actor_kind) AS actor_kind, \
     min(actor_id) AS actor_id, min(actor_name) AS actor_name, min(operation) AS operation \
     FROM revisions WHERE revision < $1 AND namespace = coalesce($2, namespace) \
     AND actor_name = coalesce($3, actor_name) AND operation = coalesce($4, operation) \
     AND at >= $5 AND at < $6 AND (NOT $7 OR EXISTS (SELECT 1 FROM versions \
     WHERE versions.revision = revisions.revision AND change <> 'found' \
     AND kind = coalesce($8, kind) AND thing_id BETWEEN $9 AND $10 AND name = coalesce($11, name))) \
     GROUP BY revision ORDER BY revision DESC LIMIT $12";

/// What the audit log says of each thing that going back changed is the same; it was written at the same moment.
const BACK_TO: &str =
    "SELECT detail FROM audit WHERE at = $1 AND revision = $2 AND detail IS NOT NULL LIMIT 1";

const NAMESPACES: &str = "SELECT id, revision, namespace FROM revisions \
     WHERE revision BETWEEN $1 AND $2 ORDER BY revision, namespace";

const CHANGES: &str = "SELECT * FROM (SELECT id, kind, thing_id, revision, namespace, name, hint, change, \
     row_number() OVER (PARTITION BY revision ORDER BY id) AS place, \
     count(*) OVER (PARTITION BY revision) AS total \
     FROM versions WHERE revision BETWEEN $1 AND $2 AND change <> 'found') AS numbered \
     WHERE place <= $3 ORDER BY revision, id";

impl Store {
    /// The newest revisions that pass `filter`, older than `before` where that is said; at most `size` of them, which is
    /// at most [`Page::MAX_SIZE`]. New ones change no page that begins before one. Of each the first things are told
    /// that it changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn list_revisions(
        &self,
        filter: &RevisionFilter,
        before: Option<Revision>,
        size: u32,
    ) -> Result<RevisionPage, StoreError> {
        let size = size.clamp(1, Page::MAX_SIZE);
        let before = before.map_or(i64::MAX, signed);
        // One more tells whether there is a next page.
        let params = filter.params(before, size + 1);
        let mut tx = self.begin_read().await?;
        let rows = tx.all(LIST, params).await?;
        let mut revisions = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let has_more = revisions.len() > size as usize;
        revisions.truncate(size as usize);
        tell(&mut tx, &mut revisions, TOLD_IN_LISTS).await?;
        let next_before = revisions.last().filter(|_| has_more).map(|last| last.revision);
        Ok(RevisionPage { revisions, next_before })
    }

    /// One revision, with what it changed: the first thousand things where it is more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for one that never was, or is not kept any more.
    pub async fn revision_entry(&self, revision: Revision) -> Result<RevisionEntry, StoreError> {
        let mut tx = self.begin_read().await?;
        let before = signed(revision).saturating_add(1);
        let row = tx.first(LIST, RevisionFilter::default().params(before, 1)).await?;
        let entry = row.as_ref().map(read).transpose()?;
        let entry = entry.filter(|entry| entry.revision == revision);
        let mut entry = [entry.ok_or_else(|| StoreError::not_found("revision", revision))?];
        tell(&mut tx, &mut entry, TOLD_OF_ONE).await?;
        let [entry] = entry;
        Ok(entry)
    }

    /// The revision at which each namespace last changed, of those that are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn heads(&self) -> Result<BTreeMap<Namespace, Revision>, StoreError> {
        let sql = "SELECT namespace, max(revision) AS head, max(id) AS id FROM revisions \
             WHERE namespace = '' OR namespace IN (SELECT name FROM namespaces) GROUP BY namespace";
        let rows = self.begin_read().await?.all(sql, params![]).await?;
        let head = |row: &Row| {
            let row = row.of("revision");
            Ok((uniqueness::namespace(&row)?, row.number("head")?))
        };
        rows.iter().map(head).collect()
    }
}

impl RevisionFilter {
    /// What [`LIST`] has in it.
    fn params(&self, before: i64, most: u32) -> Vec<Param> {
        let ThingFilter { kind, id, name } = &self.thing;
        let (low, high) = id.map_or((0, u32::MAX), |id| (id, id));
        params![
            before,
            self.namespace.as_ref().map(|namespace| namespace.as_str().to_owned()),
            self.author.clone(),
            self.operation.clone(),
            self.since.unwrap_or(UnixMillis::MIN),
            self.until.unwrap_or(UnixMillis::MAX),
            self.thing != ThingFilter::default(),
            kind.map(|kind| kind.as_str().to_owned()),
            low,
            high,
            name.clone(),
            most,
        ]
    }
}

fn read(row: &Row) -> Result<RevisionEntry, StoreError> {
    let row = row.of("revision");
    Ok(RevisionEntry {
        revision: row.number("revision")?,
        at: row.get("at")?,
        author: audit_rows::actor(&row)?,
        operation: row.get("operation")?,
        back_to: None,
        namespaces: Vec::new(),
        changes: Vec::new(),
        total: 0,
    })
}

/// Adds to revisions, newest first, where and what they changed.
async fn tell(tx: &mut Tx, revisions: &mut [RevisionEntry], most: i64) -> Result<(), StoreError> {
    let (Some(newest), Some(oldest)) = (revisions.first(), revisions.last()) else {
        return Ok(());
    };
    let (low, high) = (signed(oldest.revision), signed(newest.revision));
    for entry in revisions.iter_mut().filter(|entry| entry.operation == ROLL_BACK) {
        let params = params![entry.at, signed(entry.revision)];
        let row = tx.first(BACK_TO, params).await?;
        let detail = row.map(|row| row.of(audit_rows::WHAT).get::<String>("detail")).transpose()?;
        entry.back_to = detail.as_deref().and_then(read_back_to);
    }
    let mut known: BTreeMap<_, _> =
        revisions.iter_mut().map(|entry| (entry.revision, entry)).collect();
    for row in tx.all(NAMESPACES, params![low, high]).await? {
        let row = row.of("revision");
        if let Some(entry) = known.get_mut(&row.number("revision")?) {
            entry.namespaces.push(uniqueness::namespace(&row)?);
        }
    }
    for row in tx.all(CHANGES, params![low, high, most]).await? {
        let row = row.of("version");
        if let Some(entry) = known.get_mut(&row.number("revision")?) {
            entry.total = row.number("total")?;
            entry.changes.push(change(&row)?);
        }
    }
    Ok(())
}

fn change(row: &Fields<'_>) -> Result<ThingChange, StoreError> {
    let kind = row.word("kind", ThingKind::parse)?;
    Ok(ThingChange {
        thing: Thing { kind, id: row.number("thing_id")?, name: row.get("name")? },
        namespace: uniqueness::namespace(row)?,
        hint: row.get("hint")?,
        change: row.word("change", ChangeKind::parse)?,
    })
}
