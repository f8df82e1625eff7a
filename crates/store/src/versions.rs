//! Versions: what apps, issuers and plugins were at each revision, as the rows that they were, and which revisions there are.
//! They are written within the write that makes a revision, see `revision`; what is done with them is told in `history`.

mod app_row;
mod issuer_row;
mod plugin_row;

pub(crate) use app_row::{AppRow, PUT_APP};
pub(crate) use issuer_row::{PUT_ISSUER, issuer_params, issuer_row};
pub(crate) use plugin_row::{PUT_PLUGIN, PluginRow};

use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::sql::{Row, Tx, json_text, params};
use sidegate_model::UnixMillis;
use sidegate_model::actor::AuditContext;
use sidegate_model::audit::{Audited as _, Change, Place, Thing, ThingKind};
use sidegate_model::diff::ChangeKind;
use sidegate_model::issuer::Issuer;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::Plugin;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeSet;

/// What the beginning of the history is called, where others name an operation.
const BEGIN: &str = "begin_history";

/// A revision that is being made.
pub(crate) struct Revised<'a> {
    pub(crate) revision: Revision,
    pub(crate) at: UnixMillis,
    pub(crate) context: &'a AuditContext,
}

/// One row of `versions` to be written.
struct Version<'a> {
    thing: &'a Thing,
    revision: Revision,
    namespace: &'a Namespace,
    hint: Option<String>,
    change: ChangeKind,
    content: Option<String>,
}

const REVISION: &str = "INSERT INTO revisions (revision, namespace, at, actor_kind, actor_id, actor_name, \
     operation) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (revision, namespace) DO NOTHING";

/// A thing that is changed twice within one revision has one version of it.
const VERSION: &str = "INSERT INTO versions (kind, thing_id, revision, namespace, name, hint, change, content) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, thing_id, revision) DO UPDATE SET \
     name = excluded.name, change = excluded.change, content = excluded.content";

const OF_PLUGIN: &str = "SELECT id, content FROM versions \
     WHERE kind = 'plugin' AND thing_id = $1 AND content IS NOT NULL";

/// Writes what a revision changed, as it is now; tells whether there was anything to write.
pub(crate) async fn record(
    tx: &mut Tx,
    revised: &Revised<'_>,
    changes: &[Change],
) -> Result<bool, StoreError> {
    let mut is_recorded = false;
    for change in changes {
        let Some(namespace) = namespace_of(tx, &change.place).await? else { continue };
        record_revision(tx, revised, &namespace).await?;
        let thing = &change.thing;
        let content = content(tx, thing).await?;
        let version = Version {
            thing,
            revision: revised.revision,
            namespace: &namespace,
            hint: change.hint.clone(),
            change: ChangeKind::of(change.before.is_some(), change.after.is_some()),
            content,
        };
        version.write(tx).await?;
        is_recorded = true;
    }
    Ok(is_recorded)
}

async fn record_revision(
    tx: &mut Tx,
    revised: &Revised<'_>,
    namespace: &Namespace,
) -> Result<(), StoreError> {
    let who = &revised.context.actor.who;
    let params = params![
        signed(revised.revision),
        namespace.as_str(),
        revised.at,
        who.kind(),
        who.number().map(i64::from),
        who.name(),
        revised.context.operation,
    ];
    tx.all(REVISION, params).await.map(drop)
}

/// Where a thing is; none for what is no desired state.
async fn namespace_of(tx: &mut Tx, place: &Place) -> Result<Option<Namespace>, StoreError> {
    match place {
        Place::Namespace(namespace) => Ok(Some(namespace.clone())),
        Place::Nowhere => Ok(None),
        Place::App(id) => {
            let row =
                tx.first("SELECT id, namespace FROM apps WHERE id = $1", params![id.0]).await?;
            let parse = |text: &str| Namespace::parse(text).ok();
            row.map(|row| row.of("app").word("namespace", parse)).transpose()
        }
    }
}

/// What is kept of a thing that is there.
async fn content(tx: &mut Tx, thing: &Thing) -> Result<Option<String>, StoreError> {
    let row = match thing.kind {
        ThingKind::Plugin => tx.first("SELECT * FROM plugins WHERE id = $1", params![thing.id]),
        ThingKind::App => tx.first("SELECT * FROM apps WHERE id = $1", params![thing.id]),
        ThingKind::Issuer => tx.first("SELECT * FROM issuers WHERE id = $1", params![thing.id]),
        ThingKind::Token
        | ThingKind::AdminToken
        | ThingKind::Namespace
        | ThingKind::User
        | ThingKind::Session
        | ThingKind::ConsoleLink
        | ThingKind::Edge
        | ThingKind::Key
        | ThingKind::Lineage => return Ok(None),
    };
    let row = row.await?;
    row.map(|row| match thing.kind {
        ThingKind::Plugin => PluginRow::read(&row).map(|row| json_text(&row)),
        ThingKind::Issuer => issuer_row(&row).map(|issuer| json_text(&issuer)),
        _ => AppRow::read(&row).map(|row| json_text(&row)),
    })
    .transpose()
}

impl Version<'_> {
    async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        let params = params![
            self.thing.kind.as_str(),
            self.thing.id,
            signed(self.revision),
            self.namespace.as_str(),
            self.thing.name.as_str(),
            self.hint,
            self.change.as_str(),
            self.content,
        ];
        tx.all(VERSION, params).await.map(drop)
    }
}

/// Whether there is a history.
pub(crate) async fn has_begun(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.first("SELECT id FROM revisions LIMIT 1", params![]).await?.is_some())
}

/// Begins the history with what there is, where there is none: everything is found at the revision that counts now.
pub(crate) async fn begin(tx: &mut Tx, now: UnixMillis) -> Result<(), StoreError> {
    if has_begun(tx).await? {
        return Ok(());
    }
    let row = tx.first("SELECT value FROM revision", params![]).await?;
    let revision = row.ok_or_else(|| StoreError::not_found("revision", 1))?;
    let revision: Revision = revision.of("revision").number("value")?;
    let context = AuditContext::system(BEGIN);
    let revised = Revised { revision, at: now, context: &context };
    record_revision(tx, &revised, &Namespace::global()).await?;
    for row in tx.all("SELECT * FROM plugins", params![]).await? {
        let row = PluginRow::read(&row)?;
        let thing = Thing { kind: ThingKind::Plugin, id: row.id, name: row.name.clone() };
        found(revision, &thing, &row.namespace, json_text(&row)).write(tx).await?;
    }
    for row in tx.all("SELECT * FROM apps", params![]).await? {
        let row = AppRow::read(&row)?;
        let thing = Thing { kind: ThingKind::App, id: row.id, name: row.name.clone() };
        found(revision, &thing, &row.namespace, json_text(&row)).write(tx).await?;
    }
    for row in tx.all("SELECT * FROM issuers", params![]).await? {
        let issuer = issuer_row(&row)?;
        let (thing, namespace) = (issuer.thing(), &issuer.draft.namespace);
        found(revision, &thing, namespace, json_text(&issuer)).write(tx).await?;
    }
    Ok(())
}

fn found<'a>(
    revision: Revision,
    thing: &'a Thing,
    namespace: &'a Namespace,
    content: String,
) -> Version<'a> {
    let change = ChangeKind::Found;
    Version { thing, revision, namespace, hint: None, change, content: Some(content) }
}

/// Seals in all versions of a plugin what is known as a secret of it by now: history must not tell what its table
/// hides.
pub(crate) async fn seal_versions(
    tx: &mut Tx,
    plugin: &Plugin,
    keys: &DataKeys,
) -> Result<(), StoreError> {
    let more: &BTreeSet<_> = &plugin.secret_settings;
    for row in tx.all(OF_PLUGIN, params![plugin.id.0]).await? {
        let before: PluginRow = row.of("version").json("content")?;
        let after = before.sealed_anew(more.clone(), keys)?;
        if after != before {
            let id: i64 = row.of("version").get("id")?;
            let sql = "UPDATE versions SET content = $1 WHERE id = $2";
            tx.all(sql, params![json_text(&after), id]).await?;
        }
    }
    Ok(())
}

/// A version's content as the plugin that it was.
pub(crate) fn read_plugin(row: &Row) -> Result<PluginRow, StoreError> {
    row.of("version").json("content")
}

/// A version's content as the app that it was.
pub(crate) fn read_app(row: &Row) -> Result<AppRow, StoreError> {
    row.of("version").json("content")
}

/// A version's content as the issuer that it was.
pub(crate) fn read_issuer(row: &Row) -> Result<Issuer, StoreError> {
    row.of("version").json("content")
}

/// A number as databases have it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn damaged(
    what: &'static str,
    id: u32,
    field: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Damaged { what, id: id.into(), field, source: source.into() }
}
