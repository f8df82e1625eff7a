//! What the plugins of an edge keep: what has expired is removed, and what a plugin kept that is gone for a day.

use sidegate_gateway::Freshness;
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;
use sidegate_store::{EdgeStore, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

const PAUSE: Duration = Duration::from_secs(60);
/// Entries removed in one write; other writes come in between.
const AT_ONCE: u32 = 200;
/// What a plugin kept stays so long after it was gone: it may come back, as by a rollback.
const GONE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Sweeps now and then, until it is dropped.
pub(super) async fn keep_swept(
    store: EdgeStore,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    freshness: Arc<Freshness>,
) {
    loop {
        sleep(PAUSE).await;
        let is_complete = freshness.knowledge().is_some_and(|known| known.is_complete);
        let plugins = there_are(&snapshots.borrow());
        // Before everything has arrived nobody knows what is gone.
        if let Err(error) = sweep(&store, is_complete.then_some(plugins)).await {
            tracing::warn!(%error, "entries that plugins need no more stay for now");
        }
    }
}

/// One that is switched off is registered still, and keeps what it has.
fn there_are(now: &Snapshot) -> BTreeSet<PluginId> {
    now.plugins.keys().chain(now.registered.keys()).copied().collect()
}

async fn sweep(store: &EdgeStore, plugins: Option<BTreeSet<PluginId>>) -> Result<(), StoreError> {
    let now = now_millis();
    while store.remove_expired_entries(now, AT_ONCE).await? == u64::from(AT_ONCE) {}
    let Some(plugins) = plugins else { return Ok(()) };
    store.know_plugins(&plugins, now).await?;
    let grace = i64::try_from(GONE_FOR.as_millis()).unwrap_or(i64::MAX);
    let before = now.saturating_sub(grace);
    while store.remove_entries_of_gone_plugins(before, AT_ONCE).await? == u64::from(AT_ONCE) {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::kv::Kv as _;
    use sidegate_model::plugin::PluginSpec;

    #[tokio::test]
    async fn a_plugin_that_is_switched_off_keeps_what_it_stored_and_one_that_is_deleted_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = EdgeStore::open(&folder.path().join("kv.db")).await.unwrap();
        let [serves, off, deleted] = [PluginId(1), PluginId(2), PluginId(3)];
        let spec = |id: PluginId| PluginSpec::new(id, "p", "file:///p");
        let mut snapshot = Snapshot::default();
        for plugin in [serves, off, deleted] {
            store.write(plugin, "k", b"1", None).await.unwrap();
            snapshot =
                snapshot.with_registered(plugin, Some(1)).with_plugin(plugin, Some(spec(plugin)));
        }
        sweep(&store, Some(there_are(&snapshot))).await.unwrap();
        let snapshot = snapshot.with_plugin(off, None);
        let snapshot = snapshot.with_plugin(deleted, None).with_registered(deleted, None);
        // Missed since long ago, as if it were deleted before the grace that it has.
        store.know_plugins(&there_are(&snapshot), 1).await.unwrap();
        sweep(&store, Some(there_are(&snapshot))).await.unwrap();
        for kept in [serves, off] {
            assert_eq!(store.read(kept, "k").await, Ok(Some(b"1".to_vec())), "{kept}");
        }
        assert_eq!(store.read(deleted, "k").await, Ok(None));
    }
}
