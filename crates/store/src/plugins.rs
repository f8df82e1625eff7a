//! Plugins: how they are kept and found, and that no two share a name or a slug. It runs none.

use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::own_hosts;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::{Write, Written};
use crate::sealed_draft::SealedDraft;
use crate::sql::{Param, Row, Tx, json_text, params};
use crate::store::Store;
use crate::uniqueness::{self, Noun};
use crate::versions::{self, PluginRow};
use sidegate_model::UnixMillis;
use sidegate_model::audit::Change;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId, PluginOptions};
use sidegate_model::scope::check_service;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which plugins to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginFilter {
    /// Only the one, or the ones of several namespaces, with exactly this name.
    pub name: Option<String>,
    /// Only those of this namespace.
    pub namespace: Option<Namespace>,
    /// Only those that this one looks after.
    pub managed_by: Option<String>,
    /// Only active or only inactive ones.
    pub is_active: Option<bool>,
    /// Only those with this hook, as their primary or one of their others.
    pub hook_type: Option<String>,
}

/// What shall become of the scopes that are granted to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeChange {
    /// These are granted too.
    Grant(BTreeSet<String>),
    /// These are no longer granted; those that were not are no problem.
    Revoke(BTreeSet<String>),
    /// None is granted any more.
    RevokeAll,
}

impl Store {
    /// Saves a new plugin.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name or the slug is taken.
    pub async fn create_plugin(&self, draft: &PluginDraft) -> Result<Written<Plugin>, StoreError> {
        let slug = checked_slug(draft)?;
        let mut write = self.begin_write().await?;
        uniqueness::require_namespace(&mut write.tx, &draft.namespace).await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        require_free(&mut write.tx, draft, slug.as_deref(), None).await?;
        let params = params![draft.name.as_str(), write.now, draft.namespace.as_str()];
        let row = write.tx.first(INSERT, params).await?;
        let id = PluginId(row.expect("an insert returns its row").of("plugin").number("id")?);
        // Its number is part of what its secrets are sealed for.
        let sealed =
            SealedDraft::new(id, draft, &SealedDraft::default(), keys.of(&draft.namespace)?)?;
        let mut params = sealed.params(draft, slug);
        params.extend(params![write.now, id.0]);
        let row = write.tx.first(UPDATE, params).await?;
        let plugin = read(row.as_ref().expect("a new row differs from its draft"), &keys)?;
        let change = Change::created(&plugin);
        write.changed(plugin, change).await
    }

    /// The plugin with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn plugin(&self, id: PluginId) -> Result<Plugin, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        require(&mut tx, id, &keys).await
    }

    /// The plugin with exactly this name; that of the global namespace, or else the oldest, where several have it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn plugin_by_name(&self, name: &str) -> Result<Plugin, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let sql = "SELECT * FROM plugins WHERE name = $1 ORDER BY namespace, id LIMIT 1";
        let row = tx.first(sql, params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("plugin", format!("{name:?}")))?, &keys)
    }

    /// One page of the plugins that pass `filter`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_plugins(
        &self,
        filter: &PluginFilter,
        page: Page,
    ) -> Result<Listing<Plugin>, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let total = tx.first(COUNT, filter_params(filter)).await?;
        let total = total.map_or(Ok(0), |row| row.of("plugin").number("total"))?;
        let mut params = filter_params(filter);
        params.extend(params![page.size(), page.offset()]);
        let rows = tx.all(LIST, params).await?;
        let plugins = rows.iter().map(|row| read(row, &keys));
        Ok(Listing { items: plugins.collect::<Result<_, _>>()?, total, page })
    }

    /// Gives a plugin the content of `draft`; equal content changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Invalid`], [`StoreError::Conflict`].
    pub async fn update_plugin(
        &self,
        id: PluginId,
        draft: &PluginDraft,
    ) -> Result<Written<Plugin>, StoreError> {
        let amend = |_: &Plugin| Ok::<_, StoreError>(draft.clone());
        self.amend_plugin(id, &Precondition::None, amend).await
    }

    /// Gives a plugin the content that `amend` makes of what is stored. Nothing comes between
    /// reading and writing, so that changes at the same time lose nothing.
    ///
    /// # Errors
    /// What `amend` says, [`StoreError::ChangedMeanwhile`], and those of [`Store::update_plugin`].
    pub async fn amend_plugin<E, M>(
        &self,
        id: PluginId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<Written<Plugin>, E>
    where
        E: From<StoreError>,
        M: FnOnce(&Plugin) -> Result<PluginDraft, E>,
    {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let row = require_row(&mut write.tx, id).await?;
        let before = read(&row, &keys)?;
        precondition.check("plugin", id, &before.version())?;
        let draft = amend(&before)?;
        Ok(self.replace(write, Stored { row, plugin: before, keys }, &draft).await?)
    }

    /// Says whether a plugin could be given the content that `amend` makes of what is stored. Nothing is changed.
    ///
    /// # Errors
    /// Those of [`Store::amend_plugin`].
    pub async fn plan_plugin<E, M>(
        &self,
        id: PluginId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<(), E>
    where
        E: From<StoreError>,
        M: FnOnce(&Plugin) -> Result<PluginDraft, E>,
    {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let before = require(&mut tx, id, &keys).await?;
        precondition.check("plugin", id, &before.version())?;
        let draft = amend(&before)?;
        let slug = checked_slug(&draft)?;
        uniqueness::require_same_namespace("plugin", &before.draft.namespace, &draft.namespace)?;
        Ok(require_free(&mut tx, &draft, slug.as_deref(), Some(id)).await?)
    }

    /// Grants scopes or takes them back; what is so already changes nothing. Nothing comes between
    /// reading and writing, so that changes at the same time lose nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`], [`StoreError::Invalid`] names an unknown scope and the known ones.
    pub async fn change_scopes(
        &self,
        id: PluginId,
        change: &ScopeChange,
        precondition: &Precondition,
    ) -> Result<Written<Plugin>, StoreError> {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let before = require(&mut write.tx, id, &keys).await?;
        precondition.check("plugin", id, &before.version())?;
        let scopes = change.apply(before.draft.service_scopes.clone())?;
        if scopes == before.draft.service_scopes {
            return write.unchanged(before).await;
        }
        let sql =
            "UPDATE plugins SET service_scopes = $1, updated_at = $2 WHERE id = $3 RETURNING *";
        let params = params![json_text(&scopes), write.later_than(before.updated_at), id.0];
        let row = write.tx.first(sql, params).await?;
        let plugin = read(&row.ok_or_else(|| StoreError::not_found("plugin", id))?, &keys)?;
        let change = Change::changed(&before, &plugin);
        write.changed(plugin, change).await
    }

    /// Counts one more explicit reload, which is a change although the draft stays the same.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn bump_reload(
        &self,
        id: PluginId,
        precondition: &Precondition,
    ) -> Result<Written<Plugin>, StoreError> {
        let sql = "UPDATE plugins SET reloads = reloads + 1 WHERE id = $1 RETURNING *";
        self.write_one(sql, id, precondition, Change::changed).await
    }

    /// Deletes a plugin and returns what it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_plugin(
        &self,
        id: PluginId,
        precondition: &Precondition,
    ) -> Result<Written<Plugin>, StoreError> {
        let sql = "DELETE FROM plugins WHERE id = $1 RETURNING *";
        self.write_one(sql, id, precondition, |before, _| Change::deleted(before)).await
    }

    async fn write_one(
        &self,
        sql: &'static str,
        id: PluginId,
        precondition: &Precondition,
        change: fn(&Plugin, &Plugin) -> Change,
    ) -> Result<Written<Plugin>, StoreError> {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let before = require(&mut write.tx, id, &keys).await?;
        precondition.check("plugin", id, &before.version())?;
        let row = write.tx.first(sql, params![id.0]).await?;
        let plugin = read(&row.ok_or_else(|| StoreError::not_found("plugin", id))?, &keys)?;
        let change = change(&before, &plugin);
        write.changed(plugin, change).await
    }

    /// Ends a write that gives a plugin the content of `draft`.
    async fn replace(
        &self,
        mut write: Write,
        before: Stored,
        draft: &PluginDraft,
    ) -> Result<Written<Plugin>, StoreError> {
        let Stored { row, plugin: before, keys } = before;
        let slug = checked_slug(draft)?;
        uniqueness::require_same_namespace("plugin", &before.draft.namespace, &draft.namespace)?;
        require_free(&mut write.tx, draft, slug.as_deref(), Some(before.id)).await?;
        let ring = keys.of(&draft.namespace)?;
        let sealed = SealedDraft::new(before.id, draft, &SealedDraft::read(&row)?, ring)?;
        let more_is_secret = sealed.secret_settings != before.secret_settings;
        let mut params = sealed.params(draft, slug);
        params.extend(params![write.later_than(before.updated_at), before.id.0]);
        let Some(row) = write.tx.first(UPDATE, params).await? else {
            return write.unchanged(before).await;
        };
        let plugin = read(&row, &keys)?;
        let change = Change::changed(&before, &plugin);
        if more_is_secret {
            versions::seal_versions(&mut write.tx, &plugin, &keys).await?;
        }
        let written = write.changed(plugin, change).await?;
        if more_is_secret {
            self.forget_what_was_replaced().await;
        }
        Ok(written)
    }
}

/// A plugin, and its row.
struct Stored {
    row: Row,
    plugin: Plugin,
    keys: Arc<DataKeys>,
}

impl ScopeChange {
    fn apply(&self, mut granted: BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        match self {
            Self::Grant(scopes) => {
                require_known(scopes.iter())?;
                granted.extend(scopes.iter().cloned());
            }
            Self::Revoke(scopes) => {
                // One that was granted by another version must be revocable.
                require_known(scopes.difference(&granted))?;
                granted.retain(|scope| !scopes.contains(scope));
            }
            Self::RevokeAll => granted.clear(),
        }
        Ok(granted)
    }
}

fn require_known<'a>(scopes: impl Iterator<Item = &'a String>) -> Result<(), StoreError> {
    let unknown: Vec<_> = scopes.filter_map(|scope| check_service(scope).err()).collect();
    if unknown.is_empty() { Ok(()) } else { Err(StoreError::invalid("scope", &unknown)) }
}

/// Every active plugin, for the snapshot.
pub(crate) async fn active(tx: &mut Tx) -> Result<Vec<Row>, StoreError> {
    tx.all("SELECT * FROM plugins WHERE is_active = $1", params![true]).await
}

/// When each plugin was registered, and in which namespace.
pub(crate) async fn registered(
    tx: &mut Tx,
) -> Result<BTreeMap<PluginId, (UnixMillis, Namespace)>, StoreError> {
    let rows = tx.all("SELECT id, created_at, namespace FROM plugins", params![]).await?;
    let registered = |row: &Row| {
        let row = row.of("plugin");
        let since = row.get("created_at")?;
        Ok((PluginId(row.number("id")?), (since, uniqueness::namespace(&row)?)))
    };
    rows.iter().map(registered).collect()
}

/// Gives a plugin its number; all else is said by [`UPDATE`].
const INSERT: &str = "INSERT INTO plugins (name, description, command, slug, config, options, \
     hook_type, hook_types, service_scopes, is_active, reloads, public_endpoints, \
     secret_settings, created_at, updated_at, namespace) \
     VALUES ($1, '', '', NULL, '{}', '{}', '', '[]', '[]', FALSE, 0, '[]', '[]', $2, 0, $3) \
     RETURNING id";

/// Touches the row only when something differs.
const UPDATE: &str = "UPDATE plugins SET name = $1, description = $2, command = $3, slug = $4, \
     config = $5, options = $6, hook_type = $7, hook_types = $8, service_scopes = $9, \
     is_active = $10, secret_settings = $11, managed_by = $12, updated_at = $13 WHERE id = $14 AND \
     (name, description, command, slug, config, options, hook_type, hook_types, service_scopes, \
     is_active, secret_settings, managed_by) IS DISTINCT FROM \
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *";

/// A slug among all plugins, running or not: activating one must never fail for its slug.
const HOLDERS: &str =
    "SELECT id, namespace, name, slug FROM plugins WHERE name = $1 OR slug = $2 ORDER BY id";

/// No primary hook is any hook. Others are looked up as a quoted text in their JSON list, by what is left of
/// it without: databases disagree about LIKE and upper case.
macro_rules! filtered {
    ($select:literal, $order:literal) => {
        concat!(
            $select,
            " FROM plugins WHERE is_active IN ($1, $2) AND \
             (hook_type = coalesce($3, hook_type) OR replace(hook_types, $4, '') <> hook_types) \
             AND name = coalesce($5, name) AND namespace = coalesce($6, namespace) \
             AND managed_by = coalesce($7, managed_by)",
            $order
        )
    };
}
const COUNT: &str = filtered!("SELECT count(*) AS total", "");
const LIST: &str = filtered!("SELECT *", " ORDER BY id LIMIT $8 OFFSET $9");

/// `$1` to `$7` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &PluginFilter) -> Vec<Param> {
    let (either, or) = filter.is_active.map_or((true, false), |wanted| (wanted, wanted));
    let quoted = filter.hook_type.as_ref().map(json_text).unwrap_or_default();
    let namespace = filter.namespace.as_ref().map(|namespace| namespace.as_str().to_owned());
    params![
        either,
        or,
        filter.hook_type.clone(),
        quoted,
        filter.name.clone(),
        namespace,
        filter.managed_by.clone(),
    ]
}

fn checked_slug(draft: &PluginDraft) -> Result<Option<String>, StoreError> {
    draft.validate().map_err(|problems| StoreError::invalid("plugin", &problems))?;
    let slug = draft.slug().map_err(|problem| StoreError::invalid("plugin", &[problem]))?;
    Ok(slug.map(|slug| slug.to_string()))
}

pub(crate) async fn require(
    tx: &mut Tx,
    id: PluginId,
    keys: &DataKeys,
) -> Result<Plugin, StoreError> {
    read(&require_row(tx, id).await?, keys)
}

pub(crate) async fn require_row(tx: &mut Tx, id: PluginId) -> Result<Row, StoreError> {
    let row = tx.first("SELECT * FROM plugins WHERE id = $1", params![id.0]).await?;
    row.ok_or_else(|| StoreError::not_found("plugin", id))
}

async fn require_free(
    tx: &mut Tx,
    draft: &PluginDraft,
    slug: Option<&str>,
    own: Option<PluginId>,
) -> Result<(), StoreError> {
    let holders = tx.all(HOLDERS, params![draft.name.as_str(), slug.map(str::to_owned)]).await?;
    uniqueness::require_free(&Noun::of_plugin(draft, slug, own), &holders)?;
    let host = PluginOptions::read(&draft.options).0.host;
    let is_own = |id, _: &Namespace| own.is_some_and(|own| own.0 == id);
    own_hosts::require_free(tx, &draft.namespace, host.as_ref(), is_own).await
}

/// A row as the plugin that it is, with its secrets in clear.
pub(crate) fn read(row: &Row, keys: &DataKeys) -> Result<Plugin, StoreError> {
    PluginRow::read(row)?.plugin(keys)
}
