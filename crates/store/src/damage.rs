//! Damage that nothing of the gateway does, for tests of other crates: they see what becomes of it.

use crate::error::StoreError;
use crate::sql::params;
use crate::store::Store;
use sidegate_model::plugin::PluginId;

/// Makes what is left to admins of a plugin unreadable.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn damage_admin_settings(store: &Store, plugin: PluginId) -> Result<(), StoreError> {
    const DAMAGE: &str = "UPDATE admin_settings SET settings = '[\"/db/\"]' WHERE plugin_id = $1";
    let mut write = store.begin_write().await?;
    write.tx.all(DAMAGE, params![plugin.0]).await?;
    write.aside(()).await
}
