//! What was there at a revision, as far as that is kept.

use crate::error::StoreError;
use crate::revision;
use crate::sql::{Row, Tx, params};
use crate::uniqueness;
use crate::versions::{AppRow, PluginRow, issuer_row, read_app, read_issuer, read_plugin, signed};
use sidegate_model::audit::ThingKind;
use sidegate_model::issuer::Issuer;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeMap;

/// Plugins, apps and issuers by their numbers, as rows.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) plugins: BTreeMap<u32, PluginRow>,
    pub(super) apps: BTreeMap<u32, AppRow>,
    pub(super) issuers: BTreeMap<u32, Issuer>,
}

/// The last version of each thing at a revision, of those that changed within a range of revisions.
const AT: &str = "SELECT * FROM versions AS v WHERE v.kind IN ('plugin', 'app', 'issuer') AND v.revision <= $1 \
     AND v.namespace = $2 AND v.content IS NOT NULL AND v.revision = (SELECT max(w.revision) \
     FROM versions AS w WHERE w.kind = v.kind AND w.thing_id = v.thing_id AND w.revision <= $1) \
     AND EXISTS (SELECT 1 FROM versions AS c WHERE c.kind = v.kind AND c.thing_id = v.thing_id \
     AND c.revision > $3 AND c.revision <= $4)";

/// What was there at a revision of a namespace.
pub(super) async fn at(
    tx: &mut Tx,
    namespace: &Namespace,
    revision: Revision,
) -> Result<Content, StoreError> {
    read_all(tx, namespace, revision, (-1, i64::MAX)).await
}

/// The same, only of things that changed later than one revision and up to another.
pub(super) async fn changed_within(
    tx: &mut Tx,
    namespace: &Namespace,
    revision: Revision,
    (after, until): (Revision, Revision),
) -> Result<Content, StoreError> {
    read_all(tx, namespace, revision, (signed(after), signed(until))).await
}

async fn read_all(
    tx: &mut Tx,
    namespace: &Namespace,
    revision: Revision,
    (after, until): (i64, i64),
) -> Result<Content, StoreError> {
    let mut content = Content::default();
    let params = params![signed(revision), namespace.as_str(), after, until];
    for row in tx.all(AT, params).await? {
        let fields = row.of("version");
        let id = fields.number("thing_id")?;
        match fields.word("kind", ThingKind::parse)? {
            ThingKind::Plugin => drop(content.plugins.insert(id, read_plugin(&row)?)),
            ThingKind::Issuer => drop(content.issuers.insert(id, read_issuer(&row)?)),
            _ => drop(content.apps.insert(id, read_app(&row)?)),
        }
    }
    Ok(content)
}

/// What is there now in a namespace.
pub(super) async fn now(tx: &mut Tx, namespace: &Namespace) -> Result<Content, StoreError> {
    let mut content = Content::default();
    let sql = "SELECT * FROM plugins WHERE namespace = $1";
    for row in tx.all(sql, params![namespace.as_str()]).await? {
        let row = PluginRow::read(&row)?;
        content.plugins.insert(row.id, row);
    }
    let sql = "SELECT * FROM apps WHERE namespace = $1";
    for row in tx.all(sql, params![namespace.as_str()]).await? {
        let row = AppRow::read(&row)?;
        content.apps.insert(row.id, row);
    }
    let sql = "SELECT * FROM issuers WHERE namespace = $1";
    for row in tx.all(sql, params![namespace.as_str()]).await? {
        let issuer = issuer_row(&row)?;
        content.issuers.insert(issuer.id.0, issuer);
    }
    Ok(content)
}

/// Every namespace that ever was, as far as that is kept.
pub(super) async fn namespaces(tx: &mut Tx) -> Result<Vec<Namespace>, StoreError> {
    let sql =
        "SELECT namespace, max(id) AS id FROM revisions GROUP BY namespace ORDER BY namespace";
    let rows = tx.all(sql, params![]).await?;
    rows.iter().map(|row: &Row| uniqueness::namespace(&row.of("revision"))).collect()
}

/// The oldest revision of a namespace that is kept, and whether nothing was before.
const OLDEST: &str = "SELECT min(r.revision) AS oldest, count(CASE WHEN v.change = 'created' \
     AND v.revision = (SELECT min(revision) FROM revisions WHERE namespace = $1) THEN 1 END) \
     AS is_whole FROM revisions AS r LEFT JOIN versions AS v ON v.kind = 'namespace' \
     AND v.namespace = r.namespace WHERE r.namespace = $1";

/// Refuses a revision of which nobody knows any more what a namespace had in it.
pub(super) async fn require_kept(
    tx: &mut Tx,
    namespace: &Namespace,
    revision: Revision,
) -> Result<(), StoreError> {
    let newest = revision::read(tx).await?;
    if revision > newest {
        let told = format!("{revision} (the newest is {newest})");
        return Err(StoreError::not_found("revision", told));
    }
    let row = tx.first(OLDEST, params![namespace.as_str()]).await?;
    let Some(row) = row else { return Err(StoreError::not_found("revision", revision)) };
    let row = row.of("revision");
    let oldest: Option<i64> = row.get("oldest")?;
    let is_whole: i64 = row.get("is_whole")?;
    match oldest {
        Some(oldest) if oldest <= signed(revision) || is_whole > 0 => Ok(()),
        Some(oldest) => {
            let told = format!("{revision} (the oldest that is kept of {namespace} is {oldest})");
            Err(StoreError::not_found("revision", told))
        }
        None => Err(StoreError::not_found("namespace", format!("{:?}", namespace.as_str()))),
    }
}
