//! Carries events from whoever publishes to all who subscribed, within this process. A slow
//! subscriber loses events and delays nobody. Knows nothing of calls and connections.

use super::apart::apart;
use futures_util::Stream;
use sidegate_model::plugin::PluginId;
use sidegate_wire::events::EventMessage;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
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

struct Subscriber {
    number: u64,
    plugin: PluginId,
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
    by_interest: HashMap<Interest, Vec<Subscriber>>,
}

/// Where events meet those who want them.
#[derive(Default)]
pub(super) struct Bus {
    subscribers: Mutex<Subscribers>,
    lost: AtomicU64,
}

impl Bus {
    /// Gives an event to all who want it; waits for nobody. All subscribers see the events of one
    /// topic in the same order.
    pub(super) fn publish(&self, mut event: EventMessage) {
        event.payload = apart(event.payload);
        let (mut lost, mut newly_slow) = (0, Vec::new());
        let mut subscribers = self.lock();
        for interest in [Interest::Everything, Interest::Topic(event.topic.clone())] {
            let interested = subscribers.by_interest.get_mut(&interest);
            for subscriber in interested.into_iter().flatten() {
                match subscriber.offer(&event) {
                    Fate::Taken => {}
                    Fate::Lost => lost += 1,
                    Fate::FirstLost => {
                        lost += 1;
                        newly_slow.push(subscriber.plugin);
                    }
                }
            }
        }
        drop(subscribers);
        self.lost.fetch_add(lost, Ordering::Relaxed);
        for plugin in newly_slow {
            tracing::warn!(
                %plugin,
                topic = ?event.topic,
                "a plugin reads its events too slowly; it loses what its queue cannot hold"
            );
        }
    }

    /// Adds a subscriber, which gets whatever is published from now on. `place` is given back when
    /// it goes.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        plugin: PluginId,
        interest: Interest,
        place: OwnedSemaphorePermit,
    ) -> Subscription {
        let (queue, events) = mpsc::channel(QUEUE_EVENTS);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let mut subscribers = self.lock();
        subscribers.numbered += 1;
        let number = subscribers.numbered;
        let subscriber = Subscriber { number, plugin, queue, room, lost: 0 };
        subscribers.by_interest.entry(interest.clone()).or_default().push(subscriber);
        drop(subscribers);
        Subscription { bus: self.clone(), number, interest, events, _place: place }
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

/// The events of one subscriber; ends its subscription when it is dropped, and never by itself.
pub(super) struct Subscription {
    bus: Arc<Bus>,
    number: u64,
    interest: Interest,
    events: mpsc::Receiver<Queued>,
    _place: OwnedSemaphorePermit,
}

impl Stream for Subscription {
    type Item = Result<EventMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx).map(|queued| queued.map(|queued| Ok(queued.event)))
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
        bus.subscribe(PluginId(1), Interest::Everything, place)
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
