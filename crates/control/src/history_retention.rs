//! The removal of what is old in the history, a few rows at a time. What stays can be gone back to, which the store
//! looks after.

use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_store::{Store, StoreError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(60);
/// Rows removed in one write; other writes come in between.
const AT_ONCE: u32 = 500;

/// Removes revisions now and then once they are as old as this, until it is dropped.
pub(crate) async fn keep_swept(store: Store, retention: Duration) {
    let retention = UnixMillis::try_from(retention.as_millis()).unwrap_or(UnixMillis::MAX);
    loop {
        tokio::time::sleep(PAUSE).await;
        match sweep(&store, now_millis().saturating_sub(retention), AT_ONCE).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed old revisions from the history"),
            Err(error) => {
                tracing::warn!(%error, "old revisions stay for now: the store cannot be written");
            }
        }
    }
}

/// Removes what is from before this time, so many at once, and tells how many it were.
async fn sweep(store: &Store, before: UnixMillis, at_once: u32) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let step = store.sweep_history(before, at_once).await?;
        removed += step;
        if step < u64::from(at_once) {
            return Ok(removed);
        }
    }
}
