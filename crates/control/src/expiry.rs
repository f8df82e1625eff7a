//! The removal of what plugins kept for a limited time. Reads never show it, so this only gives
//! room back; it knows nothing of what the entries are.

use sidegate_model::clock::now_millis;
use sidegate_store::{Chore, Store, StoreError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(60);
/// Entries removed in one write; other writes come in between.
const AT_ONCE: u32 = 200;

/// Sweeps now and then, until it is dropped.
pub(crate) async fn keep_swept(store: Store) {
    loop {
        tokio::time::sleep(PAUSE).await;
        match sweep(&store, AT_ONCE).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed expired entries of plugins"),
            Err(error) => {
                tracing::warn!(%error, "expired entries of plugins stay for now: the store cannot be written");
            }
        }
    }
}

/// Removes what has expired by now, so many at once, and tells how many it were.
async fn sweep(store: &Store, at_once: u32) -> Result<u64, StoreError> {
    // Of several processes on one database one does it.
    let Some(_alone) = store.alone(Chore::Expiry).await? else { return Ok(0) };
    let now = now_millis();
    let mut removed = 0;
    loop {
        let step = store.remove_expired_entries(now, at_once).await?;
        removed += step;
        if step < u64::from(at_once) {
            return Ok(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::kv::Kv as _;
    use sidegate_model::plugin::PluginDraft;
    use sidegate_model::sealing::Keyring;

    #[tokio::test]
    async fn a_sweep_removes_all_that_has_expired_and_nothing_else() {
        let store = Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap();
        for number in 0..5 {
            let draft = PluginDraft::new(&format!("p{number}"), "file:///p");
            let plugin = store.create_plugin(&draft).await.unwrap();
            store.write(plugin.value.id, "stays", b"1", Some(i64::MAX)).await.unwrap();
            store.write(plugin.value.id, "goes", b"1", Some(1)).await.unwrap();
        }
        assert_eq!(sweep(&store, 2).await.unwrap(), 5);
        assert_eq!(sweep(&store, 2).await.unwrap(), 0);
        assert_eq!(store.remove_expired_entries(i64::MAX, 100).await.unwrap(), 5);
    }
}
