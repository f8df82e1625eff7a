//! What of a plugin's configuration is left to admins, as far as anybody knows: what nodes say now, and what was kept of what
//! they said. Where somebody should know it and does not, it is unknown, and then nobody but an admin changes anything.

use crate::control::Control;
use crate::fleet::Overview;
use sidegate_model::plugin::PluginId;
use sidegate_model::rate_limited_log::RateLimitedLogs;
use sidegate_model::secret::SettingPath;
use sidegate_store::StoreError;
use std::collections::BTreeSet;

/// What is said where the schema of a plugin that runs could not be read.
pub(crate) const UNREAD: &str = "the schema of the plugin could not be read, so nobody knows what it leaves to admins; see the warnings of the plugin";
const DAMAGED: &str = "what the schema of the plugin leaves to admins is damaged in the database, so nobody knows it; it is known again once a node of this process tells it";

static DAMAGES: RateLimitedLogs<PluginId> = RateLimitedLogs::new();

/// What is left to admins.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftToAdmins {
    /// What is known of it; `None` where nobody ever told anything.
    pub(crate) known: Option<BTreeSet<SettingPath>>,
    /// Why that may not be all.
    pub(crate) unknown: Option<&'static str>,
}

impl LeftToAdmins {
    /// By the word of nodes, and by what was kept of it where none tells it now. Edges only add to what was kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn by_nodes(
        control: &Control,
        overview: &Overview,
        plugin: PluginId,
    ) -> Result<Self, StoreError> {
        let told = overview.left_to_admins(plugin);
        let mut unknown = overview.is_schema_unread(plugin).then_some(UNREAD);
        if told.is_some() && overview.is_own() {
            return Ok(Self { known: told, unknown });
        }
        let kept = match control.view().admin_settings(plugin).await {
            Err(error @ StoreError::Damaged { .. }) => {
                warn_of_damage(plugin, &error);
                unknown = Some(DAMAGED);
                None
            }
            kept => kept?,
        };
        let known = match (told, kept) {
            (Some(told), Some(kept)) => Some(&told | &kept),
            (told, kept) => told.or(kept),
        };
        Ok(Self { known, unknown })
    }

    /// All that only an admin changes: everything, where that is unknown.
    pub(crate) fn settings(self) -> BTreeSet<SettingPath> {
        let everything = self.unknown.map(|_| SettingPath::everything());
        self.known.into_iter().flatten().chain(everything).collect()
    }
}

/// At most once a minute for each plugin.
pub(crate) fn warn_of_damage(plugin: PluginId, error: &StoreError) {
    if DAMAGES.due(plugin).is_some() {
        tracing::warn!(%plugin, %error, "only admins change the configuration of this plugin");
    }
}
