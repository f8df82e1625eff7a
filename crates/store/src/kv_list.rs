//! What plugins keep, as they list it themselves: in the order of keys, page by page. One entry comes by `kv`.

use crate::kv::{Entries, stored};
use crate::sql::{Param, Row, params};
use sidegate_model::UnixMillis;
use sidegate_model::kv::{
    KvError, KvPage, KvRange, ListedEntry, MAX_KEY_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES,
};
use sidegate_model::plugin::PluginId;

impl Entries<'_> {
    /// The entries of a range that have not expired at `now`.
    pub(crate) async fn list(
        self,
        plugin: PluginId,
        range: KvRange<'_>,
        now: UnixMillis,
    ) -> Result<KvPage, KvError> {
        // What is longer than any key begins none, and comes after those that begin so.
        if range.prefix.len() > MAX_KEY_BYTES {
            return Err(KvError::Key(range.prefix.len()));
        }
        let size = range.size.min(MAX_PAGE_ENTRIES) as usize;
        let mut tx = self.backend.begin_read().await?;
        let rows = tx.all(LIST, bounds(plugin, range, now, size + 1)).await?;
        let mut has_more = rows.len() > size;
        let entries = rows.iter().take(size).map(read);
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        if range.with_values {
            let fitting = fitting(&entries);
            has_more |= fitting < entries.len();
            entries.truncate(fitting);
            // The same transaction sees the same entries.
            let rows = tx.all(LIST_VALUES, bounds(plugin, range, now, fitting)).await?;
            for (entry, row) in entries.iter_mut().zip(&rows) {
                entry.value = Some(row.of(WHAT).get("value")?);
            }
        }
        Ok(KvPage { entries, has_more })
    }
}

/// How many of them have values that come together on one page; one always does.
fn fitting(entries: &[ListedEntry]) -> usize {
    let mut room = MAX_PAGE_BYTES as u64;
    let fits = |entry: &&ListedEntry| {
        let left = room.checked_sub(entry.value_bytes);
        room = left.unwrap_or(0);
        left.is_some()
    };
    entries.iter().take_while(fits).count().max(1)
}

fn bounds(plugin: PluginId, range: KvRange<'_>, now: UnixMillis, most: usize) -> Vec<Param> {
    // No key is longer than this, and none comes after it that begins so.
    let end = range.prefix.to_owned() + &char::MAX.to_string().repeat(MAX_KEY_BYTES / 4 + 1);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    params![plugin.0, stored(range.prefix), stored(&end), stored(range.after), now, most]
}

/// What a row is.
const WHAT: &str = "entry";

fn read(row: &Row) -> Result<ListedEntry, crate::StoreError> {
    let row = row.of(WHAT);
    let (key, bytes): (String, u64) = (row.key("key")?, row.number("bytes")?);
    let value_bytes = bytes.saturating_sub(key.len() as u64);
    Ok(ListedEntry { key, value_bytes, expires_at: row.get("expires_at")?, value: None })
}

const LIST: &str = "SELECT id, key, bytes, expires_at FROM plugin_kv \
     WHERE plugin_id = $1 AND key >= $2 AND key < $3 AND key > $4 \
     AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";

const LIST_VALUES: &str = "SELECT id, value FROM plugin_kv \
     WHERE plugin_id = $1 AND key >= $2 AND key < $3 AND key > $4 \
     AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_as_many_values_as_fit_and_one_at_least() {
        let entry = |value_bytes| ListedEntry {
            key: "k".to_owned(),
            value_bytes,
            expires_at: None,
            value: None,
        };
        let half = MAX_PAGE_BYTES as u64 / 2;
        let fits = |sizes: &[u64]| fitting(&sizes.iter().copied().map(entry).collect::<Vec<_>>());
        assert_eq!(fits(&[half, half, 0, 1]), 3);
        assert_eq!(fits(&[half, half + 1, 0]), 1);
        assert_eq!(fits(&[2 * half + 5, 0]), 1);
    }
}
