//! A storage in memory that can be held up and broken.

use sidegate_model::UnixMillis;
use sidegate_model::kv::{
    Condition, Kept, KvError, KvFuture, KvPage, KvRange, ListedEntry, NewEntry, Written,
};
use sidegate_model::plugin::PluginId;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A value with its end.
pub(crate) type Entry = (Vec<u8>, Option<UnixMillis>);

pub(crate) struct Memory {
    pub(crate) entries: Mutex<BTreeMap<(PluginId, String), Entry>>,
    /// What every question fails with.
    pub(crate) failure: Mutex<Option<KvError>>,
    /// While true, no question is answered.
    pub(crate) held: watch::Sender<bool>,
    /// Questions that wait for an answer.
    pub(crate) waiting: AtomicUsize,
}

impl Default for Memory {
    fn default() -> Self {
        let held = watch::Sender::new(false);
        let (entries, failure) = (Mutex::default(), Mutex::default());
        Self { entries, failure, held, waiting: AtomicUsize::new(0) }
    }
}

impl Memory {
    async fn ready(&self) -> Result<(), KvError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn key(plugin: PluginId, key: &str) -> (PluginId, String) {
        (plugin, key.to_owned())
    }
}

impl sidegate_model::kv::Kv for Memory {
    fn read<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.ready().await?;
            let entries = self.entries.lock().unwrap();
            Ok(entries.get(&Self::key(plugin, key)).map(|entry| entry.0.clone()))
        })
    }

    fn write<'a>(
        &'a self,
        plugin: PluginId,
        key: &'a str,
        value: &'a [u8],
        expires_at: Option<UnixMillis>,
    ) -> KvFuture<'a, bool> {
        Box::pin(async move {
            self.ready().await?;
            let mut entries = self.entries.lock().unwrap();
            let entry = (value.to_vec(), expires_at);
            Ok(entries.insert(Self::key(plugin, key), entry).is_none())
        })
    }

    fn delete<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, bool> {
        Box::pin(async move {
            self.ready().await?;
            Ok(self.entries.lock().unwrap().remove(&Self::key(plugin, key)).is_some())
        })
    }

    fn find<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, Option<Kept>> {
        Box::pin(async move {
            self.ready().await?;
            let entries = self.entries.lock().unwrap();
            Ok(entries.get(&Self::key(plugin, key)).cloned().map(kept))
        })
    }

    fn write_if<'a>(
        &'a self,
        plugin: PluginId,
        entry: NewEntry<'a>,
        condition: Condition<'a>,
    ) -> KvFuture<'a, Written> {
        Box::pin(async move {
            self.ready().await?;
            let mut entries = self.entries.lock().unwrap();
            let key = Self::key(plugin, entry.key);
            let there = entries.get(&key).cloned().map(kept);
            if !condition.holds(there.as_ref()) {
                return Ok(Written::Refused { there: there.as_ref().map(Kept::version) });
            }
            entries.insert(key, (entry.value.to_vec(), entry.expires_at));
            Ok(Written::Kept { is_new: there.is_none() })
        })
    }

    fn take<'a>(
        &'a self,
        plugin: PluginId,
        key: &'a str,
        condition: Condition<'a>,
    ) -> KvFuture<'a, Option<Kept>> {
        Box::pin(async move {
            self.ready().await?;
            let mut entries = self.entries.lock().unwrap();
            let key = Self::key(plugin, key);
            let there = entries.get(&key).cloned().map(kept);
            Ok(there.filter(|there| condition.holds(Some(there))).inspect(|_| {
                entries.remove(&key);
            }))
        })
    }

    fn list<'a>(&'a self, plugin: PluginId, range: KvRange<'a>) -> KvFuture<'a, KvPage> {
        Box::pin(async move {
            self.ready().await?;
            let entries = self.entries.lock().unwrap();
            let listed = entries.iter().filter(|((owner, key), _)| {
                *owner == plugin && key.starts_with(range.prefix) && **key > *range.after
            });
            let listed = listed.map(|((_, key), (value, expires_at))| ListedEntry {
                key: key.clone(),
                value_bytes: value.len() as u64,
                expires_at: *expires_at,
                value: range.with_values.then(|| value.clone()),
            });
            let mut entries: Vec<_> = listed.collect();
            let has_more = entries.len() > range.size as usize;
            entries.truncate(range.size as usize);
            Ok(KvPage { entries, has_more })
        })
    }
}

fn kept((value, expires_at): Entry) -> Kept {
    Kept { value, expires_at }
}
