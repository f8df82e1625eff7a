//! Carries events from whoever publishes to all who subscribed, within this process. A slow
//! subscriber loses events and delays nobody. Knows nothing of calls and connections.
//!
//! Of several processes of one plugin each event reaches one only: the process that leads, or, until that
//! one has subscribed, the newest before it that has; where none leads, the newest that has subscribed.

use super::detached::detached;
use super::event_log::Reach;
use crate::rate_limited_log::RateLimitedLogs;
use futures_util::Stream;
use sidegate_model::plugin::PluginId;
use sidegate_wire::events::EventMessage;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

/// Events that wait for one subscriber.
pub(super) const QUEUE_EVENTS: usize = 100;
/// Bytes that wait for one subscriber: 4 MiB of payload, and what comes with each event.
pub(super) const QUEUE_BYTES: usize = 4 * 1024 * 1024 + QUEUE_EVENTS * 1024;
/// What an event takes beside its texts and its payload, allocations included.
const EVENT_BYTES: usize = 256;

/// Which events somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Interest {
    /// All.
    Everything,
    /// Those of exactly this topic.
    Topic(String),
}

struct Queued {
    event: EventMessage,
    /// Its part of the bytes that may wait.
    _room: OwnedSemaphorePermit,
}

/// Who subscribes: a plugin, and which of its processes. Processes are numbered in the order of their
/// start, from 1; 0 is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessKey {
    pub(super) plugin: PluginId,
    pub(super) process: u64,
}

/// A process that gets events no more: another one of its plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retired;

struct Subscriber {
    number: u64,
    key: ProcessKey,
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    /// Events lost since the queue was last empty.
    lost: u64,
}

/// How much memory an event takes while it waits.
fn size(event: &EventMessage) -> usize {
    EVENT_BYTES + event.id.len() + event.topic.len() + event.origin.len() + event.payload.len()
}

/// What became of an event at one subscriber.
enum Fate {
    Taken,
    Lost,
    /// The first one lost in a row.
    FirstLost,
}

impl Subscriber {
    fn offer(&mut self, event: &EventMessage) -> Fate {
        if self.queue.capacity() == QUEUE_EVENTS {
            self.lost = 0;
        }
        let bytes = u32::try_from(size(event)).unwrap_or(u32::MAX);
        let room = self.room.clone().try_acquire_many_owned(bytes).ok();
        let place = room.zip(self.queue.try_reserve().ok());
        if let Some((room, place)) = place {
            place.send(Queued { event: event.clone(), _room: room });
            return Fate::Taken;
        }
        self.lost += 1;
        if self.lost == 1 { Fate::FirstLost } else { Fate::Lost }
    }
}

#[derive(Default)]
struct Subscribers {
    numbered: u64,
    processes: u64,
    by_interest: HashMap<Interest, Vec<Subscriber>>,
    /// The process that leads, by plugin.
    leaders: HashMap<PluginId, u64>,
    /// Processes that get nothing any more, until they are forgotten.
    retired: HashSet<u64>,
}

impl Subscribers {
    fn leads(&self, key: ProcessKey) -> bool {
        self.leaders.get(&key.plugin) == Some(&key.process)
    }

    /// Which process of each plugin gets events of these interests: the one that leads or else the newest
    /// before it, since who starts waits for its turn. Where the leader has ended nobody's turn is known,
    /// and it is the newest: one that was being replaced may still be there beside it.
    fn receivers(&self, interests: &[Interest; 2]) -> HashMap<PluginId, u64> {
        let mut receivers = HashMap::new();
        let interested = interests.iter().filter_map(|interest| self.by_interest.get(interest));
        for ProcessKey { plugin, process } in interested.flatten().map(|subscriber| subscriber.key)
        {
            if self.leaders.get(&plugin).is_none_or(|leader| process <= *leader) {
                let newest = receivers.entry(plugin).or_insert(process);
                *newest = process.max(*newest);
            }
        }
        receivers
    }

    /// Whether a leader gets all that this process gets.
    fn is_succeeded(&self, key: ProcessKey) -> bool {
        let mut wanted = self.by_interest.values().filter(|all| all.iter().any(|s| s.key == key));
        let is_led = |all: &Vec<Subscriber>| {
            all.iter().any(|s| s.key.plugin == key.plugin && self.leads(s.key))
        };
        !self.leads(key) && wanted.all(is_led)
    }
}

/// Where events meet those who want them.
#[derive(Default)]
pub(super) struct Bus {
    subscribers: Mutex<Subscribers>,
    lost: AtomicU64,
    /// Who read too slowly.
    slow: RateLimitedLogs<PluginId>,
    /// Rings when somebody subscribes or leads.
    changed: Notify,
}

impl Bus {
    /// Gives an event to all who want it, and tells to how many; waits for nobody. All subscribers see the events of one
    /// topic in the same order.
    pub(super) fn publish(&self, mut event: EventMessage) -> Reach {
        event.payload = detached(event.payload);
        let (mut reached, mut lost, mut newly_slow) = (0, 0, Vec::new());
        let mut subscribers = self.lock();
        let interests = [Interest::Everything, Interest::Topic(event.topic.clone())];
        let receivers = subscribers.receivers(&interests);
        for interest in &interests {
            for subscriber in subscribers.by_interest.get_mut(interest).into_iter().flatten() {
                let ProcessKey { plugin, process } = subscriber.key;
                if process != 0 && receivers.get(&plugin) != Some(&process) {
                    continue;
                }
                match subscriber.offer(&event) {
                    Fate::Taken => reached += 1,
                    Fate::Lost => lost += 1,
                    Fate::FirstLost => {
                        lost += 1;
                        newly_slow.push(plugin);
                    }
                }
            }
        }
        drop(subscribers);
        self.lost.fetch_add(u64::from(lost), Ordering::Relaxed);
        for plugin in newly_slow {
            let Some(times) = self.slow.due(plugin) else { continue };
            tracing::warn!(
                %plugin,
                times,
                topic = ?event.topic,
                "a plugin reads its events too slowly; it loses what its queue cannot hold"
            );
        }
        Reach { reached, lost }
    }

    /// Adds a subscriber, which gets whatever is published from now on. `place` is given back when
    /// it goes.
    ///
    /// # Errors
    /// [`Retired`].
    pub(super) fn subscribe(
        self: &Arc<Self>,
        key: ProcessKey,
        interest: Interest,
        place: OwnedSemaphorePermit,
    ) -> Result<Subscription, Retired> {
        let (queue, events) = mpsc::channel(QUEUE_EVENTS);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let mut subscribers = self.lock();
        if subscribers.retired.contains(&key.process) {
            return Err(Retired);
        }
        subscribers.numbered += 1;
        let number = subscribers.numbered;
        let subscriber = Subscriber { number, key, queue, room, lost: 0 };
        subscribers.by_interest.entry(interest.clone()).or_default().push(subscriber);
        drop(subscribers);
        self.changed.notify_waiters();
        Ok(Subscription { bus: self.clone(), number, interest, events, over: false, _place: place })
    }

    /// A number for one more process.
    pub(super) fn process(&self) -> u64 {
        let mut subscribers = self.lock();
        subscribers.processes += 1;
        subscribers.processes
    }

    /// From now on this process gets the events of its plugin.
    pub(super) fn lead(&self, key: ProcessKey) {
        self.lock().leaders.insert(key.plugin, key.process);
        self.changed.notify_waiters();
    }

    /// Waits until another process gets all that this one gets. Never comes back for one that leads.
    pub(super) async fn succeeded(&self, key: ProcessKey) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().is_succeeded(key) {
                return;
            }
            changed.await;
        }
    }

    /// Whether this process is the one that gets the events of its plugin.
    pub(super) fn leads(&self, key: ProcessKey) -> bool {
        self.lock().leads(key)
    }

    /// Ends all subscriptions of a process; it gets no other ones.
    pub(super) fn retire(&self, key: ProcessKey) {
        let mut subscribers = self.lock();
        subscribers.retired.insert(key.process);
        if subscribers.leads(key) {
            subscribers.leaders.remove(&key.plugin);
        }
        subscribers.by_interest.retain(|_, all| {
            all.retain(|subscriber| subscriber.key != key);
            !all.is_empty()
        });
        drop(subscribers);
        self.changed.notify_waiters();
    }

    /// Nothing is left of a process.
    pub(super) fn forget(&self, key: ProcessKey) {
        self.retire(key);
        self.lock().retired.remove(&key.process);
    }

    /// How many events subscribers have lost because they were slow.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many subscriptions there are.
    pub(super) fn subscriptions(&self) -> usize {
        self.lock().by_interest.values().map(Vec::len).sum()
    }

    fn leave(&self, number: u64, interest: &Interest) {
        let mut subscribers = self.lock();
        if let Some(interested) = subscribers.by_interest.get_mut(interest) {
            interested.retain(|subscriber| subscriber.number != number);
            if interested.is_empty() {
                subscribers.by_interest.remove(interest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of one subscriber; ends its subscription when it is dropped, and by itself only when its
/// process gets no more events.
pub(super) struct Subscription {
    bus: Arc<Bus>,
    number: u64,
    interest: Interest,
    events: mpsc::Receiver<Queued>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream for Subscription {
    type Item = Result<EventMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let queued = ready!(self.events.poll_recv(cx));
        self.over = queued.is_none();
        // What was delivered before is taken first.
        Poll::Ready(Some(queued.map(|queued| queued.event).ok_or_else(|| Retired.into())))
    }
}

impl From<Retired> for Status {
    fn from(_: Retired) -> Self {
        Self::failed_precondition(
            "this process gets no more events: it is being replaced or stopped; do not subscribe again",
        )
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.leave(self.number, &self.interest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::{FutureExt as _, StreamExt as _};

    fn subscribed(bus: &Arc<Bus>) -> Subscription {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let key = ProcessKey { plugin: PluginId(1), process: 0 };
        bus.subscribe(key, Interest::Everything, place).unwrap()
    }

    #[test]
    fn an_event_that_waits_keeps_nothing_of_the_message_it_came_in() {
        let bus = Arc::new(Bus::default());
        let mut events = subscribed(&bus);
        let message = Bytes::from(vec![7; 3_900_000]);
        let payload = message.slice(5..6);
        bus.publish(EventMessage { payload, ..Default::default() });
        assert!(message.is_unique(), "the event in the queue still holds its message");
        let event = events.next().now_or_never().flatten().unwrap().unwrap();
        assert_eq!(event.payload, [7_u8][..]);
    }

    #[test]
    fn all_that_comes_with_a_payload_counts() {
        let bus = Arc::new(Bus::default());
        let mut events = subscribed(&bus);
        let half = QUEUE_BYTES / 2 - EVENT_BYTES;
        let text = |bytes: usize| "x".repeat(bytes);
        bus.publish(EventMessage { topic: text(half), ..Default::default() });
        bus.publish(EventMessage { origin: text(half + 1), ..Default::default() });
        assert_eq!(bus.lost(), 1);
        bus.publish(EventMessage { id: text(half), ..Default::default() });
        bus.publish(EventMessage::default());
        assert_eq!(bus.lost(), 2, "without a payload an event is not for nothing");
        assert!(events.next().now_or_never().flatten().is_some());
        bus.publish(EventMessage::default());
        assert_eq!(bus.lost(), 2);
    }
}
