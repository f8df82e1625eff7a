//! Rows of the audit log: how one is written and read. When there is one, and which are listed, is told elsewhere.

use crate::error::StoreError;
use crate::sql::{Fields, Row, Tx, json_text, params};
use sidegate_model::UnixMillis;
use sidegate_model::actor::{AuditContext, Who};
use sidegate_model::audit::{AuditEntry, Change, Outcome, Thing, ThingKind};
use sidegate_model::sha256::Sha256;
use sidegate_model::snapshot::Revision;
use std::net::IpAddr;

/// What stands for the kind of nobody who was recognised.
const UNKNOWN: &str = "unknown";

/// A row to be written.
pub(crate) struct NewRow<'a> {
    pub(crate) at: UnixMillis,
    pub(crate) who: Option<&'a Who>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) operation: &'a str,
    pub(crate) outcome: Outcome,
    pub(crate) change: Option<&'a Change>,
    pub(crate) revision: Option<Revision>,
    pub(crate) times: u64,
    pub(crate) detail: Option<&'a str>,
}

impl<'a> NewRow<'a> {
    /// Of a change that was made.
    pub(crate) fn done(
        context: &'a AuditContext,
        at: UnixMillis,
        change: &'a Change,
        revision: Option<Revision>,
    ) -> Self {
        Self {
            at,
            who: Some(&context.actor.who),
            peer: context.actor.peer,
            operation: context.operation,
            outcome: Outcome::Done,
            change: Some(change),
            revision,
            times: 1,
            detail: change.detail.as_deref(),
        }
    }
}

const INSERT: &str = "INSERT INTO audit (at, actor_kind, actor_id, actor_name, peer, operation, \
     outcome, thing_kind, thing_id, thing_name, digest_before, digest_after, fields, revision, \
     times, detail) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id";

/// Writes a row; gives its number.
pub(crate) async fn insert(tx: &mut Tx, row: NewRow<'_>) -> Result<u64, StoreError> {
    let thing = row.change.map(|change| &change.thing);
    let digest = |of: fn(&Change) -> Option<Sha256>| {
        row.change.and_then(of).map(|digest| digest.to_string())
    };
    let fields = row.change.map_or(&[][..], |change| &change.fields);
    let params = params![
        row.at,
        row.who.map_or(UNKNOWN, Who::kind),
        row.who.and_then(Who::number).map(i64::from),
        row.who.map_or("", Who::name),
        row.peer.map(|peer| peer.to_string()),
        row.operation,
        row.outcome.as_str(),
        thing.map_or("", |thing| thing.kind.as_str()),
        thing.map(|thing| i64::from(thing.id)),
        thing.map_or("", |thing| thing.name.as_str()),
        digest(|change| change.before),
        digest(|change| change.after),
        json_text(&fields),
        row.revision.map(count),
        count(row.times),
        row.detail.map(str::to_owned),
    ];
    let inserted = tx.first(INSERT, params).await?;
    inserted.as_ref().expect("an insert returns its row").of(WHAT).number("id")
}

const ADD: &str = "UPDATE audit SET times = times + $2 WHERE id = $1 RETURNING id";

/// Counts what a row tells so many times more; says whether the row is there.
pub(crate) async fn add(tx: &mut Tx, entry: u64, times: u64) -> Result<bool, StoreError> {
    Ok(tx.first(ADD, params![count(entry), count(times)]).await?.is_some())
}

/// How errors call a row.
pub(crate) const WHAT: &str = "audit entry";

/// A number as databases have it.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row as the entry that it is.
pub(crate) fn read(row: &Row) -> Result<AuditEntry, StoreError> {
    let row = row.of(WHAT);
    let revision: Option<i64> = row.get("revision")?;
    Ok(AuditEntry {
        id: row.number("id")?,
        at: row.get("at")?,
        who: who(&row)?,
        peer: row.optional_word("peer", |text| text.parse().ok())?,
        operation: row.get("operation")?,
        outcome: row.word("outcome", Outcome::parse)?,
        thing: thing(&row)?,
        before: row.optional_word("digest_before", Sha256::parse)?,
        after: row.optional_word("digest_after", Sha256::parse)?,
        fields: row.json("fields")?,
        revision: revision.map(|_| row.number("revision")).transpose()?,
        times: row.number("times")?,
        detail: row.get("detail")?,
    })
}

fn who(row: &Fields<'_>) -> Result<Option<Who>, StoreError> {
    let is_unknown = row.get::<String>("actor_kind")? == UNKNOWN;
    if is_unknown { Ok(None) } else { actor(row).map(Some) }
}

/// Whoever a row names.
pub(crate) fn actor(row: &Fields<'_>) -> Result<Who, StoreError> {
    let number: Option<i64> = row.get("actor_id")?;
    let number = number.map(|_| row.number("actor_id")).transpose()?;
    let name: String = row.get("actor_name")?;
    row.word("actor_kind", |kind| Who::read(kind, number, name.clone()))
}

fn thing(row: &Fields<'_>) -> Result<Option<Thing>, StoreError> {
    let number: Option<i64> = row.get("thing_id")?;
    if number.is_none() {
        return Ok(None);
    }
    let kind = row.word("thing_kind", ThingKind::parse)?;
    Ok(Some(Thing { kind, id: row.number("thing_id")?, name: row.get("thing_name")? }))
}
