//! Going back: what a namespace had at a revision becomes what it has, as a new revision. What is deleted for good
//! stays deleted: tokens, and what plugins had kept.

use super::content::{self, Content};
use super::difference::{self, Difference, Versioned};
use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::own_hosts;
use crate::revision::{Changes, Write, Written};
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use crate::uniqueness::{self, Noun};
use crate::versions::{PUT_APP, PUT_ISSUER, PUT_PLUGIN, issuer_params};
use sidegate_model::app::AppId;
use sidegate_model::audit::{Audited, Change};
use sidegate_model::issuer::IssuerId;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Revision;
use sidegate_model::token::TokenHash;

/// What going back changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RolledBack {
    /// Each thing as it was until now and as it is since.
    pub differences: Vec<Difference>,
    /// The hashes of tokens that went with their apps, which were not there at that revision.
    pub token_hashes: Vec<TokenHash>,
}

impl Store {
    /// What going back to a revision of a namespace would change, see [`Store::roll_back`].
    ///
    /// # Errors
    /// Those of [`Store::roll_back`].
    pub async fn plan_rollback(
        &self,
        revision: Revision,
        namespace: &Namespace,
    ) -> Result<Vec<Difference>, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let plan = plan(&mut tx, &keys, revision, namespace).await?;
        plan.require_free(&mut tx, namespace).await?;
        difference::between(&plan.now, &plan.then, &keys)
    }

    /// Gives the plugins, apps and issuers of a namespace the content that they had at a revision: what was deleted since
    /// comes back with its old number, and what is new since is deleted. Where nothing differs nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a revision that never was or is not kept any more; [`StoreError::Conflict`] where
    /// something of another namespace has taken a name or slug since.
    pub async fn roll_back(
        &self,
        revision: Revision,
        namespace: &Namespace,
    ) -> Result<Written<RolledBack>, StoreError> {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let plan = plan(&mut write.tx, &keys, revision, namespace).await?;
        let differences = difference::between(&plan.now, &plan.then, &keys)?;
        if differences.is_empty() {
            return write.unchanged(RolledBack::default()).await;
        }
        plan.require_free(&mut write.tx, namespace).await?;
        let token_hashes = plan.remove_what_is_new(&mut write).await?;
        free_names(&mut write, &differences).await?;
        let differences = plan.put(&mut write, differences, &keys).await?;
        let told = tell_back_to(revision);
        let changes = differences.iter().filter_map(|difference| change(difference, &told));
        let changes = Changes::all(changes.collect());
        let value = RolledBack { differences, token_hashes };
        match changes {
            Some(changes) => write.changed(value, changes).await,
            None => write.unchanged(value).await,
        }
    }
}

/// The operation by which one goes back, as the API names it.
pub(super) const ROLL_BACK: &str = "roll_back";
/// How the audit log begins to tell it; earlier versions left out the word before it.
const BACK_TO: &str = "back to revision ";

fn tell_back_to(revision: Revision) -> String {
    format!("rolled {BACK_TO}{revision}")
}

/// To which revision an entry of the audit log says that one went back.
pub(super) fn read_back_to(detail: &str) -> Option<Revision> {
    detail.strip_prefix("rolled ").unwrap_or(detail).strip_prefix(BACK_TO)?.parse().ok()
}

/// How it is and how it shall be.
struct Plan {
    now: Content,
    then: Content,
}

async fn plan(
    tx: &mut Tx,
    keys: &DataKeys,
    revision: Revision,
    namespace: &Namespace,
) -> Result<Plan, StoreError> {
    uniqueness::require_namespace(tx, namespace).await?;
    content::require_kept(tx, namespace, revision).await?;
    let now = content::now(tx, namespace).await?;
    let mut then = content::at(tx, namespace, revision).await?;
    for (id, row) in &mut then.plugins {
        let more = match now.plugins.get(id) {
            // How often it was reloaded is no content that one goes back to.
            Some(now) => {
                row.reloads = now.reloads;
                // Decisions about rights are no content: what was revoked since stays revoked.
                row.public_endpoints = now.public_endpoints.clone();
                row.service_scopes = now.service_scopes.clone();
                now.sealed()?.secret_settings
            }
            None => {
                // It came back: what it may do without a token, and ask of the gateway, is to be decided anew.
                row.public_endpoints = Some("[]".to_owned());
                row.service_scopes = "[]".to_owned();
                <_>::default()
            }
        };
        *row = row.sealed_anew(more, keys)?;
    }
    for (id, row) in &mut then.apps {
        // For whom an app was made is no content: it never changes.
        if let Some(now) = now.apps.get(id) {
            row.made_for = now.made_for.clone();
        }
    }
    Ok(Plan { now, then })
}

const PLUGIN_HOLDERS: &str = "SELECT id, namespace, name, slug FROM plugins \
     WHERE (name = $1 OR slug = $2) AND namespace <> $3 ORDER BY id";
const ISSUER_HOLDERS: &str = "SELECT id, namespace, name, NULL AS slug FROM issuers \
     WHERE name = $1 AND namespace <> $2 ORDER BY id";
const APP_HOLDERS: &str = "SELECT id, namespace, name, NULL AS slug FROM apps \
     WHERE name = $1 AND namespace <> $2 ORDER BY id";

impl Plan {
    /// Within the namespace all was unique at that revision; others may have taken names since.
    async fn require_free(&self, tx: &mut Tx, namespace: &Namespace) -> Result<(), StoreError> {
        for row in self.then.plugins.values() {
            let params = params![row.name.as_str(), row.slug.clone(), namespace.as_str()];
            let holders = tx.all(PLUGIN_HOLDERS, params).await?;
            let noun = Noun::new("plugin", namespace, &row.name, row.slug.as_deref());
            uniqueness::require_free(&noun, &holders)?;
            let host = own_hosts::host_of(&serde_json::from_str(&row.options).unwrap_or_default());
            let is_own = |_, its: &Namespace| its == namespace;
            own_hosts::require_free(tx, namespace, host.as_ref(), is_own).await?;
        }
        for row in self.then.apps.values() {
            let params = params![row.name.as_str(), namespace.as_str()];
            let holders = tx.all(APP_HOLDERS, params).await?;
            let noun = Noun::new("app", namespace, &row.name, None);
            uniqueness::require_free(&noun, &holders)?;
        }
        for issuer in self.then.issuers.values() {
            let name = issuer.draft.name.as_str();
            let holders = tx.all(ISSUER_HOLDERS, params![name, namespace.as_str()]).await?;
            let noun = Noun::new("issuer", namespace, name, None);
            uniqueness::require_free(&noun, &holders)?;
        }
        Ok(())
    }

    async fn remove_what_is_new(&self, write: &mut Write) -> Result<Vec<TokenHash>, StoreError> {
        for id in self.now.plugins.keys().filter(|id| !self.then.plugins.contains_key(id)) {
            write.tx.all("DELETE FROM plugins WHERE id = $1", params![*id]).await?;
        }
        for id in self.now.issuers.keys().filter(|id| !self.then.issuers.contains_key(id)) {
            write.tx.all("DELETE FROM issuers WHERE id = $1", params![*id]).await?;
        }
        let mut hashes = Vec::new();
        for id in self.now.apps.keys().filter(|id| !self.then.apps.contains_key(id)) {
            let sql = "DELETE FROM tokens WHERE app_id = $1 RETURNING *";
            let rows = write.tx.all(sql, params![*id]).await?;
            let hash = |row: &Row| row.of("token").hash("hash").map(TokenHash);
            hashes.extend(rows.iter().map(hash).collect::<Result<Vec<_>, _>>()?);
            write.tx.all("DELETE FROM apps WHERE id = $1", params![*id]).await?;
        }
        Ok(hashes)
    }

    /// Writes what differs; gives each difference as it is stored now.
    async fn put(
        &self,
        write: &mut Write,
        differences: Vec<Difference>,
        keys: &DataKeys,
    ) -> Result<Vec<Difference>, StoreError> {
        let mut stored = Vec::new();
        for Difference { before, after } in differences {
            let after = match after {
                None => None,
                Some(Versioned::Plugin(plugin)) => {
                    Some(self.put_plugin(write, plugin.id, keys).await?)
                }
                Some(Versioned::App(app)) => Some(self.put_app(write, app.id).await?),
                Some(Versioned::Issuer(issuer)) => Some(self.put_issuer(write, issuer.id).await?),
            };
            stored.push(Difference { before, after });
        }
        Ok(stored)
    }

    async fn put_plugin(
        &self,
        write: &mut Write,
        PluginId(id): PluginId,
        keys: &DataKeys,
    ) -> Result<Versioned, StoreError> {
        let then = &self.then.plugins[&id];
        let now = self.now.plugins.get(&id).map_or(i64::MIN, |now| now.updated_at);
        let mut row = then.clone();
        row.updated_at = write.later_than(now.max(then.updated_at));
        write.tx.all(PUT_PLUGIN, row.params()).await?;
        Ok(Versioned::Plugin(Box::new(row.plugin(keys)?)))
    }

    async fn put_app(&self, write: &mut Write, AppId(id): AppId) -> Result<Versioned, StoreError> {
        let then = &self.then.apps[&id];
        let now = self.now.apps.get(&id).map_or(i64::MIN, |now| now.updated_at);
        let mut row = then.clone();
        row.updated_at = write.later_than(now.max(then.updated_at));
        write.tx.all(PUT_APP, row.params()).await?;
        Ok(Versioned::App(Box::new(row.app()?)))
    }

    async fn put_issuer(
        &self,
        write: &mut Write,
        IssuerId(id): IssuerId,
    ) -> Result<Versioned, StoreError> {
        let mut issuer = self.then.issuers[&id].clone();
        let now = self.now.issuers.get(&id).map_or(i64::MIN, |now| now.updated_at);
        issuer.updated_at = write.later_than(now.max(issuer.updated_at));
        write.tx.all(PUT_ISSUER, issuer_params(&issuer)).await?;
        Ok(Versioned::Issuer(Box::new(issuer)))
    }
}

/// Names may go from one to another; until then each has one that nothing else can have.
async fn free_names(write: &mut Write, differences: &[Difference]) -> Result<(), StoreError> {
    let stays = |difference: &&Difference| difference.after.is_some();
    for difference in differences.iter().filter(stays) {
        let Some(before) = &difference.before else { continue };
        let id = before.thing().id;
        let sql = match before {
            Versioned::Plugin(_) => "UPDATE plugins SET name = $1, slug = NULL WHERE id = $2",
            Versioned::App(_) => "UPDATE apps SET name = $1 WHERE id = $2",
            Versioned::Issuer(_) => "UPDATE issuers SET name = $1 WHERE id = $2",
        };
        write.tx.all(sql, params![format!("\u{7f}{id}"), id]).await?;
    }
    Ok(())
}

/// How the audit log tells it.
fn change(difference: &Difference, told: &str) -> Option<Change> {
    fn of<T: Audited>(before: Option<&T>, after: Option<&T>) -> Option<Change> {
        match (before, after) {
            (Some(before), Some(after)) => Some(Change::changed(before, after)),
            (None, Some(after)) => Some(Change::created(after)),
            (Some(before), None) => Some(Change::deleted(before)),
            (None, None) => None,
        }
    }
    let plugin = |thing: &Option<Versioned>| match thing {
        Some(Versioned::Plugin(plugin)) => Some((**plugin).clone()),
        _ => None,
    };
    let app = |thing: &Option<Versioned>| match thing {
        Some(Versioned::App(app)) => Some((**app).clone()),
        _ => None,
    };
    let issuer = |thing: &Option<Versioned>| match thing {
        Some(Versioned::Issuer(issuer)) => Some((**issuer).clone()),
        _ => None,
    };
    let Difference { before, after } = difference;
    let of_plugin = of(plugin(before).as_ref(), plugin(after).as_ref());
    let change = of_plugin.or_else(|| of(app(before).as_ref(), app(after).as_ref()));
    let change = change.or_else(|| of(issuer(before).as_ref(), issuer(after).as_ref()));
    change.map(|change| change.detail(told))
}
