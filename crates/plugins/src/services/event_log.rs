//! The last events that each plugin published, in memory of a bounded size, for operators who look for them.

use sidegate_model::UnixMillis;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::{KEPT_EVENTS, KEPT_PAYLOAD_BYTES, PluginEvent, PluginEvents};
use sidegate_wire::events::EventMessage;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most plugins whose events are remembered; the one that was silent longest makes room.
const MOST_PLUGINS: usize = 100;

/// How many subscriptions an event came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) reached: u32,
    pub(super) lost: u32,
}

#[derive(Debug, Default)]
struct OfPlugin {
    events: VecDeque<PluginEvent>,
    published: u64,
    last: UnixMillis,
}

/// What is remembered of all plugins.
#[derive(Debug, Default)]
pub(super) struct EventLog(Mutex<HashMap<PluginId, OfPlugin>>);

/// An event before it is passed on, as it is remembered.
pub(super) fn remembered(event: &EventMessage, at: UnixMillis) -> PluginEvent {
    let beginning = &event.payload[..event.payload.len().min(KEPT_PAYLOAD_BYTES)];
    PluginEvent {
        id: event.id.clone(),
        at,
        topic: event.topic.clone(),
        direction: event.direction,
        payload_bytes: u64::try_from(event.payload.len()).unwrap_or(u64::MAX),
        payload: Some(String::from_utf8_lossy(beginning).into_owned()),
        reached: 0,
        lost: 0,
    }
}

impl EventLog {
    /// Remembers an event that came to so many.
    pub(super) fn note(&self, plugin: PluginId, event: PluginEvent, reach: Reach) {
        let mut all = self.lock();
        if !all.contains_key(&plugin) && all.len() >= MOST_PLUGINS {
            let silent = all.iter().min_by_key(|(_, of)| of.last).map(|(id, _)| *id);
            silent.and_then(|id| all.remove(&id));
        }
        let of = all.entry(plugin).or_default();
        of.last = event.at;
        of.published += 1;
        of.events.truncate(KEPT_EVENTS - 1);
        let Reach { reached, lost } = reach;
        of.events.push_front(PluginEvent { reached, lost, ..event });
    }

    /// What a plugin published last, with what was in it where that is wanted.
    pub(super) fn read(&self, plugin: PluginId, with_payload: bool) -> PluginEvents {
        let all = self.lock();
        let Some(of) = all.get(&plugin) else { return PluginEvents::default() };
        let told = |event: &PluginEvent| PluginEvent {
            payload: event.payload.clone().filter(|_| with_payload),
            ..event.clone()
        };
        PluginEvents { newest: of.events.iter().map(told).collect(), published: of.published }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PluginId, OfPlugin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(log: &EventLog, plugin: u32, at: UnixMillis, payload: &[u8]) {
        let payload = bytes::Bytes::copy_from_slice(payload);
        let event = EventMessage { topic: format!("t{at}"), payload, ..Default::default() };
        let reach = Reach { reached: 2, lost: 1 };
        log.note(PluginId(plugin), remembered(&event, at), reach);
    }

    #[test]
    fn the_last_events_are_remembered_newest_first_and_no_more_of_them_than_fits() {
        let log = EventLog::default();
        assert_eq!(log.read(PluginId(1), true), PluginEvents::default());
        for at in 0..60 {
            publish(&log, 1, at, &[0xff; 3000]);
        }
        let PluginEvents { newest, published } = log.read(PluginId(1), true);
        assert_eq!((newest.len(), published), (KEPT_EVENTS, 60));
        assert_eq!((&*newest[0].topic, &*newest[49].topic), ("t59", "t10"));
        assert_eq!((newest[0].reached, newest[0].lost, newest[0].payload_bytes), (2, 1, 3000));
        let kept = newest[0].payload.as_ref().unwrap();
        assert_eq!(kept.chars().count(), KEPT_PAYLOAD_BYTES);
        assert!(log.read(PluginId(1), false).newest.iter().all(|event| event.payload.is_none()));
    }

    #[test]
    fn plugins_that_were_silent_longest_make_room() {
        let log = EventLog::default();
        for (plugin, at) in (0..).zip(0..=100) {
            publish(&log, plugin, at, b"{}");
        }
        assert_eq!(log.lock().len(), MOST_PLUGINS);
        assert_eq!(log.read(PluginId(0), true).published, 0);
        assert_eq!(log.read(PluginId(100), true).newest[0].payload.as_deref(), Some("{}"));
    }
}
