//! What a testing host knows: everything in memory, for one plugin. Knows no transport.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use sidegate_wire::events::EventMessage;
use sidegate_wire::management::AppInfo;
use tokio::sync::broadcast;

use crate::machine;

/// How many events wait for a follower that is slow; further ones are dropped.
const EVENTS_WAITING: usize = 100;

/// How long sealed bytes are beside what is in them.
const SEAL_BYTES: usize = 37;

/// A value and until when it is kept; `None` is for ever.
pub(super) struct Value {
    pub(super) value: Bytes,
    pub(super) until: Option<SystemTime>,
}

impl Value {
    /// Another one for each other content, as far as a test can tell.
    pub(super) fn version(&self) -> Bytes {
        let mut version = Vec::new();
        for half in 0..2_u8 {
            let mut hasher = DefaultHasher::new();
            (half, &self.value, self.until).hash(&mut hasher);
            version.extend(hasher.finish().to_be_bytes());
        }
        version.into()
    }
}

/// How many milliseconds there are until then, where it ends.
pub(super) fn remaining(until: Option<SystemTime>) -> Option<u64> {
    let left = until?.duration_since(machine::now()).unwrap_or_default();
    Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// What was sealed, with its associated data.
struct Sealed {
    clear: Bytes,
    associated: Bytes,
}

/// All that the host of a test remembers between calls: it is gone with the host.
pub(super) struct Memory {
    pub(super) granted: BTreeSet<String>,
    /// The host plays a console.
    pub(super) in_console: bool,
    /// The storage, and the keys to seal with, cannot be reached.
    pub(super) is_away: bool,
    /// The plugin's configuration, with what it has changed itself.
    pub(super) config: Map<String, Json>,
    pub(super) apps: Vec<AppInfo>,
    /// Valid secrets and the apps they belong to.
    pub(super) secrets: BTreeMap<String, u32>,
    values: BTreeMap<String, Value>,
    /// By what stands for it outside.
    sealed: BTreeMap<Bytes, Sealed>,
    published: Vec<EventMessage>,
    followers: broadcast::Sender<EventMessage>,
}

fn lives(kept: &Value) -> bool {
    kept.until.is_none_or(|until| until > machine::now())
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            granted: BTreeSet::new(),
            in_console: false,
            is_away: false,
            config: Map::new(),
            apps: Vec::new(),
            secrets: BTreeMap::new(),
            values: BTreeMap::new(),
            sealed: BTreeMap::new(),
            published: Vec::new(),
            followers: broadcast::channel(EVENTS_WAITING).0,
        }
    }
}

impl Memory {
    pub(super) fn read(&self, key: &str) -> Option<Bytes> {
        self.find(key).map(|kept| kept.value.clone())
    }

    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|kept| lives(kept))
    }

    /// Those that begin so and come after this one.
    pub(super) fn behind(&self, prefix: &str, after: &str) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.values.iter().map(|(key, kept)| (key.as_str(), kept));
        all.filter(move |(key, kept)| key.starts_with(prefix) && *key > after && lives(kept))
    }

    /// Gives bytes that say nothing, and remembers what they stand for.
    pub(super) fn seal(
        &mut self,
        clear: Bytes,
        associated: Bytes,
    ) -> Result<Bytes, getrandom::Error> {
        let mut sealed = vec![0; clear.len() + SEAL_BYTES];
        getrandom::fill(&mut sealed)?;
        let sealed = Bytes::from(sealed);
        self.sealed.insert(sealed.clone(), Sealed { clear, associated });
        Ok(sealed)
    }

    pub(super) fn open(&self, sealed: &[u8], associated: &[u8]) -> Option<Bytes> {
        let sealed = self.sealed.get(sealed)?;
        (sealed.associated == associated).then(|| sealed.clear.clone())
    }

    /// Tells whether the key is new.
    pub(super) fn write(&mut self, key: &str, value: Bytes, until: Option<SystemTime>) -> bool {
        let is_new = self.read(key).is_none();
        self.values.insert(key.to_owned(), Value { value, until });
        is_new
    }

    /// Tells whether the key was there.
    pub(super) fn delete(&mut self, key: &str) -> bool {
        let was_there = self.read(key).is_some();
        self.values.remove(key);
        was_there
    }

    /// Gives the event its id.
    pub(super) fn publish(&mut self, topic: &str, payload: Bytes, origin: &str) -> String {
        let id = format!("event-{}", self.published.len() + 1);
        let event = EventMessage {
            id: id.clone(),
            topic: topic.to_owned(),
            origin: origin.to_owned(),
            direction: 0,
            payload,
        };
        self.published.push(event.clone());
        // Fails when nobody listens.
        let _ = self.followers.send(event);
        id
    }

    pub(super) fn published(&self) -> &[EventMessage] {
        &self.published
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<EventMessage> {
        self.followers.subscribe()
    }

    /// How many subscriptions are open.
    pub(super) fn follower_count(&self) -> usize {
        self.followers.receiver_count()
    }
}
