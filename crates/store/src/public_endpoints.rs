//! What plugins may offer without a token: approved, revoked, and recorded for those that were here
//! before anybody asked. Which endpoints a plugin offers is told by the caller.

use crate::error::StoreError;
use crate::plugins::{read, require};
use crate::precondition::Precondition;
use crate::revision::{Changes, Write, Written};
use crate::sql::{json_text, params};
use crate::store::Store;
use sidegate_model::audit::Change;
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::public_endpoints::PublicEndpoints;
use std::collections::BTreeMap;

/// What shall become of the public endpoints that are approved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicChange {
    /// These are approved too.
    pub approve: PublicEndpoints,
    /// These are no longer approved.
    pub revoke: PublicEndpoints,
    /// What counts as approved before where nobody has decided yet.
    pub undecided: PublicEndpoints,
}

impl Store {
    /// Approves public endpoints of a plugin or takes that back; what is so already changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn change_public_endpoints(
        &self,
        id: PluginId,
        change: &PublicChange,
        precondition: &Precondition,
    ) -> Result<Written<Plugin>, StoreError> {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let before = require(&mut write.tx, id, &keys).await?;
        precondition.check("plugin", id, &before.version())?;
        let approved = before.public_endpoints.as_ref().unwrap_or(&change.undecided);
        let approved = approved.union(&change.approve).without(&change.revoke);
        if before.public_endpoints.as_ref() == Some(&approved) {
            return write.unchanged(before).await;
        }
        let sql =
            "UPDATE plugins SET public_endpoints = $1, updated_at = $2 WHERE id = $3 RETURNING *";
        let params = params![json_text(&approved), write.later_than(before.updated_at), id.0];
        let row = write.tx.first(sql, params).await?;
        let plugin = read(&row.ok_or_else(|| StoreError::not_found("plugin", id))?, &keys)?;
        let change = Change::changed(&before, &plugin);
        write.changed(plugin, change).await
    }

    /// Records as approved what plugins offer of which nobody has decided; of others, and of those that
    /// are gone, nothing changes. Tells the plugins that were changed. Their versions stay: no operator's
    /// word is replaced by it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_public_endpoints(
        &self,
        offered: &BTreeMap<PluginId, PublicEndpoints>,
    ) -> Result<Written<Vec<Plugin>>, StoreError> {
        let mut write = self.begin_write().await?;
        let mut recorded = Vec::new();
        for (id, endpoints) in offered {
            recorded.extend(self.record(&mut write, *id, endpoints).await?);
        }
        let change = |plugin: &Plugin| {
            let before = Plugin { public_endpoints: None, ..plugin.clone() };
            Change::changed(&before, plugin)
        };
        match Changes::all(recorded.iter().map(change).collect()) {
            None => write.unchanged(recorded).await,
            Some(changes) => write.changed(recorded, changes).await,
        }
    }

    async fn record(
        &self,
        write: &mut Write,
        id: PluginId,
        endpoints: &PublicEndpoints,
    ) -> Result<Option<Plugin>, StoreError> {
        let sql = "UPDATE plugins SET public_endpoints = $1 \
             WHERE id = $2 AND public_endpoints IS NULL RETURNING *";
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let row = write.tx.first(sql, params![json_text(endpoints), id.0]).await?;
        row.map(|row| read(&row, &keys)).transpose()
    }
}
