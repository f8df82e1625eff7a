//! What plugins keep: entries by plugin and key, with expiry and limits. It is no desired state, so
//! no write here grows the revision; who may ask for what is not known here.

use crate::error::StoreError;
use crate::sql::{Param, Row, Tx, params};
use crate::store::{Backend, Store};
use crate::turns::{Turns, Writer};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{
    Condition, Kept, KvError, MAX_KEYS, MAX_TOTAL_BYTES, NewEntry, Written, check,
};
use sidegate_model::plugin::PluginId;
use std::error::Error;

/// How many expired entries of its plugin a write removes.
const EXPIRED_AT_ONCE: u32 = 100;

/// The entries in some database.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) turns: &'a Turns,
    /// Whether a plugin that was never heard of may keep something: who knows plugins is elsewhere.
    pub(crate) takes_any_plugin: bool,
}

impl Store {
    /// What plugins keep in it.
    pub(crate) fn entries(&self) -> Entries<'_> {
        let (backend, turns) = self.parts();
        Entries { backend, turns, takes_any_plugin: false }
    }
}

/// [`Kv`] for a database that has entries.
macro_rules! keeps_for_plugins {
    ($store:ty) => {
        impl sidegate_model::kv::Kv for $store {
            fn read<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                key: &'a str,
            ) -> sidegate_model::kv::KvFuture<'a, Option<Vec<u8>>> {
                Box::pin(self.entries().read(plugin, key))
            }

            fn write<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                key: &'a str,
                value: &'a [u8],
                expires_at: Option<sidegate_model::UnixMillis>,
            ) -> sidegate_model::kv::KvFuture<'a, bool> {
                let entry = sidegate_model::kv::NewEntry { key, value, expires_at };
                let now = sidegate_model::clock::now_millis();
                Box::pin(self.entries().write_entry(plugin, entry, now))
            }

            fn find<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                key: &'a str,
            ) -> sidegate_model::kv::KvFuture<'a, Option<sidegate_model::kv::Kept>> {
                let now = sidegate_model::clock::now_millis();
                Box::pin(self.entries().find(plugin, key, now))
            }

            fn write_if<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                entry: sidegate_model::kv::NewEntry<'a>,
                condition: sidegate_model::kv::Condition<'a>,
            ) -> sidegate_model::kv::KvFuture<'a, sidegate_model::kv::Written> {
                let clock = sidegate_model::clock::now_millis;
                Box::pin(self.entries().write_if(plugin, entry, condition, clock))
            }

            fn take<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                key: &'a str,
                condition: sidegate_model::kv::Condition<'a>,
            ) -> sidegate_model::kv::KvFuture<'a, Option<sidegate_model::kv::Kept>> {
                let clock = sidegate_model::clock::now_millis;
                Box::pin(self.entries().take(plugin, key, condition, clock))
            }

            fn list<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                range: sidegate_model::kv::KvRange<'a>,
            ) -> sidegate_model::kv::KvFuture<'a, sidegate_model::kv::KvPage> {
                let now = sidegate_model::clock::now_millis();
                Box::pin(self.entries().list(plugin, range, now))
            }

            fn delete<'a>(
                &'a self,
                plugin: sidegate_model::plugin::PluginId,
                key: &'a str,
            ) -> sidegate_model::kv::KvFuture<'a, bool> {
                Box::pin(self.entries().delete(plugin, key))
            }
        }
    };
}
pub(crate) use keeps_for_plugins;

keeps_for_plugins!(Store);

impl Store {
    /// Removes at most `limit` entries that have expired at `now`, whosever they are, the oldest
    /// first. Tells how many; fewer than `limit` means that none is left.
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
}

impl Entries<'_> {
    pub(crate) async fn read(
        self,
        plugin: PluginId,
        key: &str,
    ) -> Result<Option<Vec<u8>>, KvError> {
        check(key, b"")?;
        Ok(self.read_entry(plugin, key, now_millis()).await?)
    }

    pub(crate) async fn delete(self, plugin: PluginId, key: &str) -> Result<bool, KvError> {
        check(key, b"")?;
        Ok(self.delete_entry(plugin, key, now_millis()).await?)
    }

    pub(crate) async fn remove_expired(
        self,
        now: UnixMillis,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let _turn = self.turns.take(Writer::Expiry).await?;
        let mut tx = self.backend.begin_write().await?;
        let removed = tx.all(REMOVE_EXPIRED, params![now, limit]).await?;
        tx.commit().await?;
        Ok(removed.len() as u64)
    }

    pub(crate) async fn read_entry(
        self,
        plugin: PluginId,
        key: &str,
        now: UnixMillis,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.backend.begin_read().await?;
        let row = tx.first(READ, params![plugin.0, stored(key), now]).await?;
        row.map(|row| row.of("entry").get("value")).transpose()
    }

    pub(crate) async fn write_entry(
        self,
        plugin: PluginId,
        entry: NewEntry<'_>,
        now: UnixMillis,
    ) -> Result<bool, KvError> {
        let written = self.write_if(plugin, entry, Condition::None, || now).await?;
        Ok(matches!(written, Written::Kept { is_new: true }))
    }

    /// The clock is asked once nobody else can write: what expired while this waited is not there.
    pub(crate) async fn write_if(
        self,
        plugin: PluginId,
        entry: NewEntry<'_>,
        condition: Condition<'_>,
        clock: impl FnOnce() -> UnixMillis + Send,
    ) -> Result<Written, KvError> {
        check(entry.key, entry.value)?;
        let _turn = self.turns.take(Writer::Plugin(plugin.0)).await?;
        let mut tx = self.backend.begin_write().await?;
        let now = clock();
        if condition != Condition::None {
            let there = find(&mut tx, plugin, entry.key, now).await?;
            if !condition.holds(there.as_ref()) {
                let there = there.as_ref().map(Kept::version);
                return Ok(Written::Refused { there });
            }
        }
        if self.takes_any_plugin {
            tx.all(KNOW, params![plugin.0]).await?;
        }
        let is_new = match put(&mut tx, plugin, entry, now).await? {
            Put::Full => return Err(KvError::Full),
            Put::Kept { is_new } => is_new,
        };
        tx.commit().await?;
        Ok(Written::Kept { is_new })
    }

    pub(crate) async fn find(
        self,
        plugin: PluginId,
        key: &str,
        now: UnixMillis,
    ) -> Result<Option<Kept>, KvError> {
        check(key, b"")?;
        let mut tx = self.backend.begin_read().await?;
        Ok(find(&mut tx, plugin, key, now).await?)
    }

    /// Whoever is first gets it: writes come one after another, in whatever process.
    pub(crate) async fn take(
        self,
        plugin: PluginId,
        key: &str,
        condition: Condition<'_>,
        clock: impl FnOnce() -> UnixMillis + Send,
    ) -> Result<Option<Kept>, KvError> {
        check(key, b"")?;
        let _turn = self.turns.take(Writer::Plugin(plugin.0)).await?;
        let mut tx = self.backend.begin_write().await?;
        let there = find(&mut tx, plugin, key, clock()).await?;
        let Some(kept) = there.filter(|kept| condition.holds(Some(kept))) else {
            return Ok(None);
        };
        tx.all(DELETE, params![plugin.0, stored(key)]).await?;
        // Only what is surely gone is given away.
        tx.commit().await?;
        Ok(Some(kept))
    }

    pub(crate) async fn delete_entry(
        self,
        plugin: PluginId,
        key: &str,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let _turn = self.turns.take(Writer::Plugin(plugin.0)).await?;
        let mut tx = self.backend.begin_write().await?;
        let row = tx.first(DELETE, params![plugin.0, stored(key)]).await?;
        let was_there = match row {
            Some(row) => is_alive(row.of("entry").get("expires_at")?, now),
            None => false,
        };
        tx.commit().await?;
        Ok(was_there)
    }
}

/// A key as it is bound to a statement.
pub(crate) fn stored(key: &str) -> Param {
    Param::Key(key.to_owned())
}

async fn find(
    tx: &mut Tx,
    plugin: PluginId,
    key: &str,
    now: UnixMillis,
) -> Result<Option<Kept>, StoreError> {
    let row = tx.first(FIND, params![plugin.0, stored(key), now]).await?;
    let kept = |row: Row| {
        let row = row.of("entry");
        Ok(Kept { value: row.get("value")?, expires_at: row.get("expires_at")? })
    };
    row.map(kept).transpose()
}

enum Put {
    Kept { is_new: bool },
    Full,
}

async fn put(
    tx: &mut Tx,
    plugin: PluginId,
    entry: NewEntry<'_>,
    now: UnixMillis,
) -> Result<Put, StoreError> {
    let bytes = i64::try_from(entry.key.len() + entry.value.len()).unwrap_or(i64::MAX);
    tx.all(REMOVE_EXPIRED_OF, params![plugin.0, now, EXPIRED_AT_ONCE]).await?;
    let before = bytes_before(tx, plugin, entry.key, now).await?;
    // What needs no more room than before needs no count.
    if before.is_none_or(|before| before < bytes) {
        let held = tx.first(HELD, params![plugin.0, now]).await?;
        let held = held.as_ref().expect("a count returns its row").of("entries");
        let (keys, total): (i64, i64) = (held.get("keys")?, held.get("bytes")?);
        let keys = keys + i64::from(before.is_none());
        let total = total - before.unwrap_or(0) + bytes;
        if exceeds(keys, MAX_KEYS) || exceeds(total, MAX_TOTAL_BYTES) {
            return Ok(Put::Full);
        }
    }
    let params = params![plugin.0, stored(entry.key), bytes, entry.expires_at, now, entry.value];
    tx.all(PUT, params).await?;
    Ok(Put::Kept { is_new: before.is_none() })
}

/// What the entry under this key takes; `None` when there is none that has not expired.
async fn bytes_before(
    tx: &mut Tx,
    plugin: PluginId,
    key: &str,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let row = tx.first(BEFORE, params![plugin.0, stored(key)]).await?;
    // A plugin that was deleted may still be finishing its last requests.
    let row = row.ok_or_else(|| StoreError::not_found("plugin", plugin))?;
    let row = row.of("entry");
    let bytes: Option<i64> = row.get("bytes")?;
    let expires_at = row.get("expires_at")?;
    Ok(bytes.filter(|_| is_alive(expires_at, now)))
}

fn is_alive(expires_at: Option<UnixMillis>, now: UnixMillis) -> bool {
    expires_at.is_none_or(|at| at > now)
}

fn exceeds(amount: i64, most: usize) -> bool {
    usize::try_from(amount).is_ok_and(|amount| amount > most)
}

/// Where a plugin has to be known only for its entries.
const KNOW: &str = "INSERT INTO plugins (id) VALUES ($1) ON CONFLICT (id) DO NOTHING";

const READ: &str = "SELECT value FROM plugin_kv WHERE plugin_id = $1 AND key = $2 AND \
     (expires_at IS NULL OR expires_at > $3)";

const FIND: &str = "SELECT value, expires_at FROM plugin_kv WHERE plugin_id = $1 AND key = $2 AND \
     (expires_at IS NULL OR expires_at > $3)";

const BEFORE: &str = "SELECT entry.bytes, entry.expires_at FROM plugins \
     LEFT JOIN plugin_kv AS entry ON entry.plugin_id = plugins.id AND entry.key = $2 \
     WHERE plugins.id = $1";

/// Reads an index only, never an entry.
const HELD: &str = "SELECT count(*) AS keys, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes \
     FROM plugin_kv WHERE plugin_id = $1 AND (expires_at IS NULL OR expires_at > $2)";

const PUT: &str = "INSERT INTO plugin_kv (plugin_id, key, bytes, expires_at, updated_at, value) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (plugin_id, key) DO UPDATE SET \
     bytes = excluded.bytes, expires_at = excluded.expires_at, \
     updated_at = excluded.updated_at, value = excluded.value";

const DELETE: &str = "DELETE FROM plugin_kv WHERE plugin_id = $1 AND key = $2 RETURNING expires_at";

const REMOVE_EXPIRED_OF: &str = "DELETE FROM plugin_kv WHERE id IN (SELECT id FROM \
     plugin_kv WHERE plugin_id = $1 AND expires_at <= $2 LIMIT $3)";

const REMOVE_EXPIRED: &str = "DELETE FROM plugin_kv WHERE id IN (SELECT id FROM plugin_kv \
     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING id";

impl From<StoreError> for KvError {
    /// For the log of the operator: what happened and what was behind it.
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Unavailable(text)
    }
}
