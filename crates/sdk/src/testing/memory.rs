//! What a testing host knows: everything in memory, for one plugin. Knows no transport.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use bytes::Bytes;
use sidegate_wire::events::EventMessage;
use sidegate_wire::management::AppInfo;
use tokio::sync::broadcast;

use crate::machine;

/// How many events wait for a follower that is slow; further ones are dropped.
const EVENTS_WAITING: usize = 100;

/// A value and until when it is kept; `None` is for ever.
struct Value {
    value: Bytes,
    until: Option<SystemTime>,
}

/// All that the host of a test remembers between calls: it is gone with the host.
pub(super) struct Memory {
    pub(super) granted: BTreeSet<String>,
    pub(super) apps: Vec<AppInfo>,
    /// Valid secrets and the apps they belong to.
    pub(super) secrets: BTreeMap<String, u32>,
    values: BTreeMap<String, Value>,
    published: Vec<EventMessage>,
    followers: broadcast::Sender<EventMessage>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            granted: BTreeSet::new(),
            apps: Vec::new(),
            secrets: BTreeMap::new(),
            values: BTreeMap::new(),
            published: Vec::new(),
            followers: broadcast::channel(EVENTS_WAITING).0,
        }
    }
}

impl Memory {
    pub(super) fn read(&self, key: &str) -> Option<Bytes> {
        let kept = self.values.get(key)?;
        let lives = kept.until.is_none_or(|until| until > machine::now());
        lives.then(|| kept.value.clone())
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
