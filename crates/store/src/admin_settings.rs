//! Which settings of plugins are left to admins by their schemas, as it was told last. It is no desired state: it says
//! only what counts where nobody tells it.

use crate::error::StoreError;
use crate::sql::{Row, json_text, params};
use crate::store::Store;
use crate::view::StoreView;
use sidegate_model::plugin::PluginId;
use sidegate_model::secret::SettingPath;
use std::collections::{BTreeMap, BTreeSet};

/// How errors call it, before the number of the plugin.
const WHAT: &str = "what is left to admins of plugin";

const SHOW: &str = "SELECT * FROM admin_settings WHERE plugin_id = $1";

const UPSERT: &str = "INSERT INTO admin_settings (plugin_id, settings) VALUES ($1, $2) \
     ON CONFLICT (plugin_id) DO UPDATE SET settings = excluded.settings RETURNING id";

impl StoreView {
    /// The settings of a plugin that were left to admins when it was told last; none where it never was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn admin_settings(
        &self,
        plugin: PluginId,
    ) -> Result<Option<BTreeSet<SettingPath>>, StoreError> {
        let row = self.begin_read().await?.first(SHOW, params![plugin.0]).await?;
        row.as_ref().map(read).transpose()
    }
}

impl Store {
    /// Keeps what is left to admins of each of these plugins, in the place of what was kept before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_admin_settings(
        &self,
        told: &BTreeMap<PluginId, BTreeSet<SettingPath>>,
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        for (plugin, settings) in told {
            write.tx.first(UPSERT, params![plugin.0, json_text(settings)]).await?;
        }
        write.aside(()).await
    }
}

fn read(row: &Row) -> Result<BTreeSet<SettingPath>, StoreError> {
    row.of_its(WHAT, "plugin_id").json("settings")
}
