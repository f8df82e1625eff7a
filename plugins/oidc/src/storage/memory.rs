//! A storage for tests, in memory. Nothing expires there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidegate_sdk::Version;

use super::{Answer, Entry, Storage};

/// Values by key with the number of their change.
#[derive(Default)]
pub(crate) struct Memory {
    entries: Mutex<(u64, HashMap<String, Entry>)>,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut u64, &mut HashMap<String, Entry>) -> T,
    ) -> Answer<'static, T> {
        let mut held = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (changes, entries) = &mut *held;
        *changes += 1;
        let done = work(changes, entries);
        Box::pin(async move {
            // As a host would let others come in between.
            tokio::task::yield_now().await;
            Ok(done)
        })
    }
}

impl Storage for Memory {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Entry>> {
        self.with(|_, entries| entries.get(key).cloned())
    }

    fn put<'a>(&'a self, key: &'a str, value: Vec<u8>, _: Duration) -> Answer<'a, ()> {
        self.with(|version, entries| {
            entries.insert(key.to_owned(), Entry { value, version: number(*version) });
        })
    }

    fn insert_if_absent<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        _: Duration,
    ) -> Answer<'a, bool> {
        self.with(|version, entries| {
            let is_absent = !entries.contains_key(key);
            if is_absent {
                entries.insert(key.to_owned(), Entry { value, version: number(*version) });
            }
            is_absent
        })
    }

    fn replace_if<'a>(
        &'a self,
        key: &'a str,
        version: &'a Version,
        value: Vec<u8>,
        _: Duration,
    ) -> Answer<'a, bool> {
        self.with(|change, entries| match entries.get_mut(key) {
            Some(entry) if entry.version == *version => {
                *entry = Entry { value, version: number(*change) };
                true
            }
            _ => false,
        })
    }

    /// Turned around, with its purpose before it.
    fn seal<'a>(&'a self, clear: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>> {
        let turned = clear.into_iter().rev();
        let sealed = purpose.bytes().chain(turned).collect();
        self.with(|_, _| Some(sealed))
    }

    fn open<'a>(&'a self, sealed: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>> {
        let turned = sealed.strip_prefix(purpose.as_bytes());
        let clear = turned.map(|turned| turned.iter().rev().copied().collect());
        self.with(|_, _| clear)
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        self.with(|_, entries| {
            entries.remove(key);
        })
    }
}

fn number(change: u64) -> Version {
    Version::from_bytes(change.to_be_bytes().to_vec())
}
