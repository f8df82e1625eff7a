//! The removal of what is kept for a limited time only, a few rows at a time: expired entries of plugins, old entries of
//! the audit log, old revisions. Of several processes on one database one does it. Knows nothing of what the rows say.

use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_store::{Chore, Store, StoreError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(60);
/// Rows removed in one write; other writes come in between.
const AT_ONCE: u32 = 200;

/// What is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// What plugins kept for a limited time. Reads never show it, so this only gives room back.
    ExpiredEntries,
    /// Entries of the audit log.
    AuditLog,
    /// Revisions. What stays can be gone back to, which the store looks after.
    History,
}

impl Sweep {
    fn chore(self) -> Chore {
        match self {
            Self::ExpiredEntries => Chore::Expiry,
            Self::AuditLog => Chore::AuditRetention,
            Self::History => Chore::HistoryRetention,
        }
    }

    /// In words for an operator.
    fn what(self) -> &'static str {
        match self {
            Self::ExpiredEntries => "expired entries of plugins",
            Self::AuditLog => "old entries of the audit log",
            Self::History => "old revisions",
        }
    }

    /// Removes so many rows at most, from before this time; tells how many it were.
    async fn step(self, store: &Store, before: UnixMillis, most: u32) -> Result<u64, StoreError> {
        match self {
            Self::ExpiredEntries => store.remove_expired_entries(before, most).await,
            Self::AuditLog => store.remove_audit_before(before, most).await,
            Self::History => store.sweep_history(before, most).await,
        }
    }
}

/// Removes it now and then once it is as old as this, until it is dropped.
pub(crate) async fn keep_swept(store: Store, what: Sweep, retention: Duration) {
    let retention = UnixMillis::try_from(retention.as_millis()).unwrap_or(UnixMillis::MAX);
    loop {
        tokio::time::sleep(PAUSE).await;
        match sweep(&store, what, now_millis().saturating_sub(retention), AT_ONCE).await {
            Ok(0) => {}
            // Plugins may have some that expire all the time.
            Ok(removed) if what == Sweep::ExpiredEntries => {
                tracing::debug!(removed, "removed {}", what.what());
            }
            Ok(removed) => tracing::info!(removed, "removed {}", what.what()),
            Err(error) => {
                tracing::warn!(%error, "{} stay for now: the store cannot be written", what.what());
            }
        }
    }
}

/// Removes what is from before this time, so many at once, and tells how many it were.
async fn sweep(
    store: &Store,
    what: Sweep,
    before: UnixMillis,
    at_once: u32,
) -> Result<u64, StoreError> {
    let Some(_alone) = store.alone(what.chore()).await? else { return Ok(0) };
    let mut removed = 0;
    loop {
        let step = what.step(store, before, at_once).await?;
        removed += step;
        if step < u64::from(at_once) {
            return Ok(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sweep::{AuditLog, ExpiredEntries, History};
    use super::*;
    use sidegate_e2e::{Need, Postgres};
    use sidegate_model::app::AppDraft;
    use sidegate_model::kv::Kv as _;
    use sidegate_model::plugin::{PluginDraft, PluginId};
    use sidegate_model::sealing::Keyring;

    /// More than the history keeps of a namespace however old they are.
    const REVISIONS: u64 = 105;
    const PLUGINS: u64 = 5;
    /// The hundred newest, of which the one with which the history began is none.
    const KEPT: u64 = 99;

    /// One with plugins that keep what has expired and what has not, and with more revisions than are always kept.
    async fn filled(dsn: &str) -> (Store, PluginId) {
        let store = Store::open(dsn, &Keyring::single([7; 32])).await.unwrap();
        let mut id = PluginId(0);
        for number in 0..PLUGINS {
            let draft = PluginDraft::new(&format!("p{number}"), "file:///p");
            id = store.create_plugin(&draft).await.unwrap().value.id;
            store.write(id, "stays", b"1", Some(i64::MAX)).await.unwrap();
            store.write(id, "goes", b"1", Some(1)).await.unwrap();
        }
        for number in PLUGINS..REVISIONS {
            let app = AppDraft::new(&format!("app {number}"), "o@example.com");
            store.create_app(&app).await.unwrap();
        }
        (store, id)
    }

    #[tokio::test]
    async fn each_sweep_removes_all_that_is_old_and_nothing_else() {
        let (store, id) = filled("sqlite::memory:").await;
        let (past, future) = (now_millis() - 600_000, now_millis() + 600_000);
        for kept in [AuditLog, History] {
            assert_eq!(sweep(&store, kept, past, 2).await.unwrap(), 0, "{kept:?}");
        }
        assert_eq!(sweep(&store, ExpiredEntries, now_millis(), 2).await.unwrap(), PLUGINS);
        assert_eq!(sweep(&store, AuditLog, future, 2).await.unwrap(), REVISIONS);
        assert_eq!(sweep(&store, History, future, 2).await.unwrap(), REVISIONS - KEPT);
        for again in [ExpiredEntries, AuditLog, History] {
            assert_eq!(sweep(&store, again, now_millis(), 2).await.unwrap(), 0, "{again:?}");
        }
        assert!(store.read(id, "stays").await.unwrap().is_some());
        let snapshot = store.load_snapshot().await.unwrap();
        assert_eq!(snapshot.apps.len() as u64, REVISIONS - PLUGINS);
    }

    #[tokio::test]
    async fn nothing_is_swept_while_another_process_does_it() {
        let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
        let dsn = server.schema();
        let (store, _) = filled(&dsn).await;
        let other = Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap();
        let future = now_millis() + 600_000;
        let expected =
            [(ExpiredEntries, PLUGINS), (AuditLog, REVISIONS), (History, REVISIONS - KEPT)];
        for (what, removed) in expected {
            let alone = other.alone(what.chore()).await.unwrap();
            assert!(alone.is_some(), "{what:?}");
            assert_eq!(sweep(&store, what, future, 500).await.unwrap(), 0, "{what:?}");
            drop(alone);
            // The other one gives the lock back in its own time.
            let swept = sidegate_e2e::eventually("it is swept", async || {
                let swept = sweep(&store, what, future, 500).await.unwrap();
                (swept > 0).then_some(swept)
            });
            assert_eq!(swept.await, removed, "{what:?}");
        }
    }
}
