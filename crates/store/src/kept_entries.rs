//! What plugins keep, as operators look at it: listed, shown and removed by hand. Plugins themselves come by `kv`.

use crate::audit_rows;
use crate::error::StoreError;
use crate::kv::stored;
use crate::sql::{Fields, Row, params};
use crate::store::Store;
use crate::view::StoreView;
use sidegate_model::UnixMillis;
use sidegate_model::audit::Change;
use sidegate_model::kv::MAX_KEY_BYTES;
use sidegate_model::plugin::{Plugin, PluginId};

/// An entry, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its key.
    pub key: String,
    /// How many bytes its value has.
    pub value_bytes: u64,
    /// When it was written last.
    pub updated_at: UnixMillis,
    /// When it expires; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

/// Which entries are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptFilter {
    /// Only those whose key begins so.
    pub prefix: String,
    /// Only those whose key comes after this one.
    pub after: String,
}

/// Some entries, in the order of their keys, and how much the plugin keeps in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPage {
    /// The entries.
    pub entries: Vec<KeptEntry>,
    /// Whether more follow.
    pub has_more: bool,
    /// How many entries there are in all.
    pub keys: u64,
    /// How many bytes their keys and values take together.
    pub bytes: u64,
}

impl StoreView {
    /// At most `size` entries of a plugin that have not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn kept_entries(
        &self,
        plugin: PluginId,
        filter: &KeptFilter,
        size: u32,
        now: UnixMillis,
    ) -> Result<KeptPage, StoreError> {
        let mut tx = self.begin_read().await?;
        let held = tx.first(HELD, params![plugin.0, now]).await?;
        let held = held.as_ref().expect("a count returns its row").of("entries");
        let (keys, bytes) = (held.number("keys")?, held.number("bytes")?);
        // No key is longer than this, and none comes after it that begins so.
        let end = filter.prefix.clone() + &char::MAX.to_string().repeat(MAX_KEY_BYTES / 4 + 1);
        let params = params![
            plugin.0,
            stored(&filter.prefix),
            stored(&end),
            stored(&filter.after),
            now,
            size.saturating_add(1),
        ];
        let rows = tx.all(LIST, params).await?;
        let has_more = rows.len() > size as usize;
        let entries = rows.iter().take(size as usize).map(read).collect::<Result<_, _>>()?;
        Ok(KeptPage { entries, has_more, keys, bytes })
    }

    /// An entry of a plugin with its value; `None` where there is none that has not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn kept_entry(
        &self,
        plugin: PluginId,
        key: &str,
        now: UnixMillis,
    ) -> Result<Option<(KeptEntry, Vec<u8>)>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first(SHOW, params![plugin.0, stored(key), now]).await?;
        row.map(|row| Ok((read(&row)?, row.of(WHAT).get("value")?))).transpose()
    }
}

impl Store {
    /// Removes an entry of a plugin, of which the audit log tells the key. Says whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_kept_entry(&self, plugin: &Plugin, key: &str) -> Result<bool, StoreError> {
        let mut write = self.begin_write().await?;
        let now = write.now;
        let row = write.tx.first(REMOVE, params![plugin.id.0, stored(key)]).await?;
        let Some(row) = row else { return write.aside(false).await };
        let expires_at: Option<UnixMillis> = row.of(WHAT).get("expires_at")?;
        if expires_at.is_some_and(|at| at <= now) {
            return write.aside(false).await;
        }
        let told = format!("its entry {key:?} was removed from its storage");
        write.changed_aside(true, Change::touched(plugin).detail(&told)).await
    }

    /// Notes in the audit log that the page of a plugin asks it something for somebody: what it is about, never with which
    /// words. Counted in `entry`, which this gave for the same before, and else in one of its own; gives the number of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then it must not be asked.
    pub async fn note_page_call(
        &self,
        plugin: &Plugin,
        asked: &str,
        entry: Option<u64>,
    ) -> Result<u64, StoreError> {
        let mut write = self.begin_write().await?;
        if let Some(entry) = entry
            && audit_rows::add(&mut write.tx, entry, 1).await?
        {
            return write.aside(entry).await;
        }
        let told = format!("its page asked for {asked}");
        write.noted(&Change::touched(plugin).detail(&told)).await
    }

    /// Notes in the audit log that somebody lets a program be started once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then it must not be started.
    pub async fn note_inspection(&self, name: &str, command: &str) -> Result<(), StoreError> {
        let write = self.begin_write().await?;
        let told = format!("the program {command} was started once, to see what it is");
        write.changed_aside((), Change::of_unregistered_plugin(name).detail(&told)).await
    }

    /// Notes in the audit log that somebody tries a request out on a plugin.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then it must not be made.
    pub async fn note_trial(
        &self,
        plugin: &Plugin,
        method: &str,
        path: &str,
    ) -> Result<(), StoreError> {
        let write = self.begin_write().await?;
        let told = format!("{method} {path} was tried out on it");
        write.changed_aside((), Change::touched(plugin).detail(&told)).await
    }
}

/// What a row is.
const WHAT: &str = "entry";

fn read(row: &Row) -> Result<KeptEntry, StoreError> {
    let row: Fields<'_> = row.of(WHAT);
    let (key, bytes): (String, u64) = (row.key("key")?, row.number("bytes")?);
    Ok(KeptEntry {
        value_bytes: bytes.saturating_sub(key.len() as u64),
        key,
        updated_at: row.get("updated_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Reads an index only, never an entry.
const HELD: &str = "SELECT count(*) AS keys, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes \
     FROM plugin_kv WHERE plugin_id = $1 AND (expires_at IS NULL OR expires_at > $2)";

const LIST: &str = "SELECT id, key, bytes, expires_at, updated_at FROM plugin_kv \
     WHERE plugin_id = $1 AND key >= $2 AND key < $3 AND key > $4 \
     AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";

const SHOW: &str = "SELECT id, key, bytes, expires_at, updated_at, value FROM plugin_kv \
     WHERE plugin_id = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)";

const REMOVE: &str =
    "DELETE FROM plugin_kv WHERE plugin_id = $1 AND key = $2 RETURNING id, expires_at";
