//! Which settings of plugins are secrets, where their names do not say so: recorded when a plugin's schema
//! says it, and sealed from then on.

use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::plugins::{read, require_row};
use crate::revision::{Changes, Write, Written};
use crate::sealed_draft::SealedDraft;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use crate::uniqueness;
use crate::versions;
use sidegate_model::audit::Change;
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::secret::SettingPath;
use std::collections::{BTreeMap, BTreeSet};

const UPDATE: &str = "UPDATE plugins SET config = $1, options = $2, secret_settings = $3 \
     WHERE id = $4 RETURNING *";

impl Store {
    /// Records which settings are secrets, beside those that are known; of plugins that are gone nothing is
    /// recorded. Tells the plugins that were changed. Their versions stay: what an operator said is what it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_secret_settings(
        &self,
        called_so: &BTreeMap<PluginId, BTreeSet<SettingPath>>,
    ) -> Result<Written<Vec<Plugin>>, StoreError> {
        let mut write = self.begin_write().await?;
        let keys = self.keys.seen_by(&mut write.tx).await?;
        let (mut recorded, mut changes) = (Vec::new(), Vec::new());
        for (id, settings) in called_so {
            let row = match require_row(&mut write.tx, *id).await {
                Err(StoreError::NotFound { .. }) => continue,
                row => row?,
            };
            if let Some(after) = seal(&mut write, &row, settings.clone(), &keys).await? {
                let after = read(&after, &keys)?;
                changes.push(Change::changed(&read(&row, &keys)?, &after));
                versions::seal_versions(&mut write.tx, &after, &keys).await?;
                recorded.push(after);
            }
        }
        match Changes::all(changes) {
            None => write.unchanged(recorded).await,
            Some(changes) => {
                let written = write.changed(recorded, changes).await?;
                self.forget_what_was_replaced().await;
                Ok(written)
            }
        }
    }
}

/// Whether everything is sealed that is to be.
pub(crate) async fn is_all_sealed(tx: &mut Tx, keys: &DataKeys) -> Result<bool, StoreError> {
    for row in tx.all("SELECT * FROM plugins", params![]).await? {
        let before = SealedDraft::read(&row)?;
        let row = row.of("plugin");
        let keys = keys.of(&uniqueness::namespace(&row)?)?;
        let after = before.sealed_anew(PluginId(row.number("id")?), BTreeSet::new(), keys);
        if after.map_err(|e| row.damaged("config", e))? != before {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Seals what is not sealed of every plugin, and tells of how many that was something.
pub(crate) async fn seal_all(write: &mut Write, keys: &DataKeys) -> Result<u64, StoreError> {
    let mut sealed = 0;
    for row in write.tx.all("SELECT * FROM plugins", params![]).await? {
        sealed += u64::from(seal(write, &row, BTreeSet::new(), keys).await?.is_some());
    }
    Ok(sealed)
}

/// Seals what is to be sealed of one plugin; `None` where that is so already.
pub(crate) async fn seal(
    write: &mut Write,
    row: &Row,
    more: BTreeSet<SettingPath>,
    keys: &DataKeys,
) -> Result<Option<Row>, StoreError> {
    let before = SealedDraft::read(row)?;
    let row = row.of("plugin");
    let id = PluginId(row.number("id")?);
    let keys = keys.of(&uniqueness::namespace(&row)?)?;
    let after = before.sealed_anew(id, more, keys).map_err(|e| row.damaged("config", e))?;
    if after == before {
        return Ok(None);
    }
    let mut params = after.own_params();
    params.extend(params![id.0]);
    write.tx.first(UPDATE, params).await
}
