//! What the plugins of an edge keep: a file beside its snapshots, with the same entries and limits as the database of an
//! installation, and no desired state. Which plugins there are is known elsewhere, and told here.

use crate::error::StoreError;
use crate::kv::{Entries, keeps_for_plugins};
use crate::migrations::Schema;
use crate::sql::params;
use crate::sqlite::SqliteBackend;
use crate::store::Backend;
use crate::turns::{Turns, Writer};
use sidegate_model::UnixMillis;
use sidegate_model::plugin::PluginId;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The storage of an edge's plugins. Clones share its connections.
#[derive(Clone, Debug)]
pub struct EdgeStore {
    backend: Arc<Backend>,
    turns: Arc<Turns>,
}

keeps_for_plugins!(EdgeStore);

impl EdgeStore {
    /// Opens the file, or makes it, readable for its owner only.
    ///
    /// # Errors
    /// [`StoreError::Open`] says what to do.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let sqlite = SqliteBackend::open_file(path, true, Schema::Edge).await?;
        Ok(Self { backend: Arc::new(Backend::Sqlite(sqlite)), turns: Arc::new(Turns::new()) })
    }

    /// Waits for running transactions and closes every connection. Later calls on any clone fail.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    /// Says which plugins there are at `now`. The others are gone from the first time on that they are not named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn know_plugins(
        &self,
        plugins: &BTreeSet<PluginId>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.take(Writer::Expiry).await?;
        let mut tx = self.backend.begin_write().await?;
        for row in tx.all(KNOWN, params![]).await? {
            let row = row.of("plugin");
            let (id, gone_at): (i64, Option<UnixMillis>) = (row.get("id")?, row.get("gone_at")?);
            let is_there = u32::try_from(id).is_ok_and(|id| plugins.contains(&PluginId(id)));
            match (is_there, gone_at) {
                (true, Some(_)) => drop(tx.all(GONE, params![id, None::<UnixMillis>]).await?),
                (false, None) => drop(tx.all(GONE, params![id, Some(now)]).await?),
                _ => {}
            }
        }
        tx.commit().await
    }

    /// Removes at most `limit` entries of plugins that were gone at `before`, and what is known of those that have none
    /// left. Tells how many entries; fewer than `limit` means that none is left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_entries_of_gone_plugins(
        &self,
        before: UnixMillis,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let _turn = self.turns.take(Writer::Expiry).await?;
        let mut tx = self.backend.begin_write().await?;
        let removed = tx.all(REMOVE_OF_GONE, params![before, limit]).await?;
        tx.all(FORGET_GONE, params![before]).await?;
        tx.commit().await?;
        Ok(removed.len() as u64)
    }

    /// Removes at most `limit` entries that have expired at `now`, the oldest first. Tells how many; fewer than `limit`
    /// means that none is left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_expired_entries(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.entries().remove_expired(now, limit).await
    }

    /// What plugins keep in it.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { backend: &self.backend, turns: &self.turns, takes_any_plugin: true }
    }
}

const KNOWN: &str = "SELECT id, gone_at FROM plugins";

const GONE: &str = "UPDATE plugins SET gone_at = $2 WHERE id = $1";

const REMOVE_OF_GONE: &str = "DELETE FROM plugin_kv WHERE id IN (SELECT entry.id FROM plugins \
     JOIN plugin_kv AS entry ON entry.plugin_id = plugins.id WHERE plugins.gone_at <= $1 LIMIT $2) \
     RETURNING id";

const FORGET_GONE: &str = "DELETE FROM plugins WHERE gone_at <= $1 AND \
     NOT EXISTS (SELECT 1 FROM plugin_kv WHERE plugin_id = plugins.id)";

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::kv::Kv as _;

    #[tokio::test]
    async fn what_a_plugin_kept_that_is_gone_is_removed_later_and_in_bounded_steps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge/kv.db");
        let store = EdgeStore::open(&path).await.unwrap();
        let (stays, goes) = (PluginId(1), PluginId(2));
        for plugin in [stays, goes] {
            for key in ["a", "b", "c"] {
                assert_eq!(store.write(plugin, key, b"1", None).await, Ok(true));
            }
        }
        store.know_plugins(&[stays, goes].into(), 5).await.unwrap();
        assert_eq!(store.remove_entries_of_gone_plugins(i64::MAX, 9).await.unwrap(), 0);
        store.know_plugins(&[stays].into(), 10).await.unwrap();
        // It is gone since it was first missed, which a restart does not forget.
        store.close().await;
        let store = EdgeStore::open(&path).await.unwrap();
        store.know_plugins(&[stays].into(), 20).await.unwrap();
        assert_eq!(store.remove_entries_of_gone_plugins(9, 9).await.unwrap(), 0);
        // One that finishes its last requests is not kept from it.
        assert_eq!(store.write(goes, "a", b"2", None).await, Ok(false));
        assert_eq!(store.remove_entries_of_gone_plugins(10, 2).await.unwrap(), 2);
        assert_eq!(store.remove_entries_of_gone_plugins(10, 2).await.unwrap(), 1);
        assert_eq!(store.read(goes, "a").await, Ok(None));
        assert_eq!(store.read(stays, "a").await, Ok(Some(b"1".to_vec())));
    }

    #[tokio::test]
    async fn a_plugin_that_comes_back_in_time_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = EdgeStore::open(&folder.path().join("kv.db")).await.unwrap();
        let plugin = PluginId(7);
        store.write(plugin, "k", b"1", None).await.unwrap();
        store.know_plugins(&BTreeSet::new(), 10).await.unwrap();
        store.know_plugins(&[plugin].into(), 11).await.unwrap();
        assert_eq!(store.remove_entries_of_gone_plugins(i64::MAX, 9).await.unwrap(), 0);
        assert_eq!(store.read(plugin, "k").await, Ok(Some(b"1".to_vec())));
    }

    #[tokio::test]
    async fn a_file_of_an_installation_is_not_taken_for_that_of_an_edge() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidegate.db");
        let dsn = format!("sqlite://{}", path.display());
        crate::Store::connect(&dsn).await.unwrap().close().await;
        let refused = EdgeStore::open(&path).await.unwrap_err().to_string();
        assert!(refused.contains("sidegate.db"), "{refused}");
    }
}
