//! The removal of old entries of the audit log, a few at a time. Knows nothing of what they say.

use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_store::{Chore, Store, StoreError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(60);
/// Entries removed in one write; other writes come in between.
const AT_ONCE: u32 = 500;

/// Removes entries now and then once they are as old as this, until it is dropped.
pub(crate) async fn keep_swept(store: Store, retention: Duration) {
    let retention = UnixMillis::try_from(retention.as_millis()).unwrap_or(UnixMillis::MAX);
    loop {
        tokio::time::sleep(PAUSE).await;
        match sweep(&store, now_millis().saturating_sub(retention), AT_ONCE).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed old entries of the audit log"),
            Err(error) => {
                tracing::warn!(%error, "old entries of the audit log stay for now: the store cannot be written");
            }
        }
    }
}

/// Removes what is from before this time, so many at once, and tells how many it were.
async fn sweep(store: &Store, before: UnixMillis, at_once: u32) -> Result<u64, StoreError> {
    // Of several processes on one database one does it.
    let Some(_alone) = store.alone(Chore::AuditRetention).await? else { return Ok(0) };
    let mut removed = 0;
    loop {
        let step = store.remove_audit_before(before, at_once).await?;
        removed += step;
        if step < u64::from(at_once) {
            return Ok(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::app::AppDraft;
    use sidegate_model::sealing::Keyring;

    #[tokio::test]
    async fn a_sweep_removes_all_that_is_old_and_nothing_else() {
        let store = Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap();
        for name in ["a", "b", "c"] {
            store.create_app(&AppDraft::new(name, "o@example.com")).await.unwrap();
        }
        let before = now_millis() - 60_000;
        assert_eq!(sweep(&store, before, 2).await.unwrap(), 0);
        assert_eq!(sweep(&store, now_millis() + 60_000, 2).await.unwrap(), 3);
    }
}
