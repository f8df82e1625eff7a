//! One process of a plugin among those that run side by side, while one takes the place of another: which
//! of them gets the events. Knows nothing of how processes come and go.

use super::bus::{Bus, ProcessKey};
use super::refusals::Refusals;
use sidegate_model::plugin::PluginId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a process goes on with its events after another one serves, if that one has not subscribed.
const SUCCESSION: Duration = Duration::from_secs(5);

/// One process, as far as events are concerned. Dropping the last of it ends its subscriptions.
pub(crate) struct EventRecipient {
    key: ProcessKey,
    bus: Arc<Bus>,
    refusals: Arc<Refusals>,
}

impl EventRecipient {
    pub(super) fn begin(plugin: PluginId, bus: Arc<Bus>, refusals: Arc<Refusals>) -> Self {
        let process = bus.process();
        Self { key: ProcessKey { plugin, process }, bus, refusals }
    }

    pub(super) fn key(&self) -> ProcessKey {
        self.key
    }

    /// It serves: events reach it, and no process before it as soon as it has subscribed.
    pub(crate) fn lead(&self) {
        self.bus.lead(self.key);
        self.refusals.begin_anew(self.key);
    }

    /// Waits, for a while, until the process that serves now has subscribed to all that this one has
    /// subscribed to; not at all where no other process serves.
    pub(crate) async fn succeeded(&self) {
        if !self.bus.leads(self.key) {
            let _ = timeout(SUCCESSION, self.bus.succeeded(self.key)).await;
        }
    }

    /// It gets no more events.
    pub(crate) fn end(&self) {
        self.bus.retire(self.key);
    }
}

impl Drop for EventRecipient {
    fn drop(&mut self) {
        self.bus.forget(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bus::{Interest, Subscription};
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _};
    use proptest::prelude::*;
    use sidegate_wire::events::EventMessage;
    use tokio::sync::Semaphore;

    fn topic() -> Interest {
        Interest::Topic("t".to_owned())
    }

    fn process(bus: &Arc<Bus>) -> EventRecipient {
        EventRecipient::begin(PluginId(1), bus.clone(), Arc::default())
    }

    fn subscribed(
        bus: &Arc<Bus>,
        process: &EventRecipient,
        interest: Interest,
    ) -> Option<Subscription> {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        bus.subscribe(process.key(), interest, place).ok()
    }

    /// The events that are there now; whether it is over as well.
    fn taken(events: &mut Subscription) -> (Vec<String>, bool) {
        let mut ids = Vec::new();
        while let Some(next) = events.next().now_or_never() {
            match next {
                Some(Ok(event)) => ids.push(event.id),
                Some(Err(status)) => assert_eq!(status.code(), tonic::Code::FailedPrecondition),
                None => return (ids, true),
            }
        }
        (ids, false)
    }

    fn publish(bus: &Bus, id: &str) {
        let (id, topic) = (id.to_owned(), "t".to_owned());
        bus.publish(EventMessage { id, topic, ..EventMessage::default() });
    }

    #[tokio::test]
    async fn each_event_reaches_one_process_while_one_takes_the_place_of_another() {
        let bus = Arc::new(Bus::default());
        let (old, new) = (process(&bus), process(&bus));
        let mut olds = subscribed(&bus, &old, topic()).unwrap();
        publish(&bus, "at the start");
        old.lead();
        let mut news = subscribed(&bus, &new, Interest::Everything).unwrap();
        publish(&bus, "while the new one starts");
        new.lead();
        publish(&bus, "when the new one serves");
        old.end();
        publish(&bus, "afterwards");
        assert_eq!(
            taken(&mut olds),
            (vec!["at the start".into(), "while the new one starts".into()], true)
        );
        assert_eq!(
            taken(&mut news),
            (vec!["when the new one serves".into(), "afterwards".into()], false)
        );
        assert!(subscribed(&bus, &old, topic()).is_none(), "it is not to come back");
        drop(new);
        let third = process(&bus);
        let mut thirds = subscribed(&bus, &third, topic()).unwrap();
        publish(&bus, "after a crash");
        assert_eq!(taken(&mut thirds), (vec!["after a crash".into()], false));
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_process_goes_on_until_the_new_one_has_subscribed_and_not_for_ever() {
        let bus = Arc::new(Bus::default());
        let (old, new) = (process(&bus), process(&bus));
        let mut olds = subscribed(&bus, &old, topic()).unwrap();
        old.lead();
        new.lead();
        publish(&bus, "not followed yet");
        assert!(old.succeeded().now_or_never().is_none());
        let waits = old.succeeded();
        tokio::pin!(waits);
        assert!(waits.as_mut().now_or_never().is_none());
        let mut news = subscribed(&bus, &new, topic()).unwrap();
        waits.await;
        publish(&bus, "followed");
        assert_eq!(taken(&mut olds).0, ["not followed yet"]);
        assert_eq!(taken(&mut news).0, ["followed"]);
        // One that never follows.
        let newer = process(&bus);
        newer.lead();
        let begun = tokio::time::Instant::now();
        new.succeeded().await;
        assert_eq!(begun.elapsed(), SUCCESSION);
        // And one that nobody follows because it was switched off.
        newer.succeeded().now_or_never().expect("nobody is waited for");
    }

    proptest! {
        /// Whatever happens between two events: one process gets an event, which is the newest that has
        /// subscribed of the one that leads and those before it, or of all after the leader's crash.
        #[test]
        fn no_event_is_handled_twice(steps in proptest::collection::vec(0..6_u8, 1..40)) {
            let bus = Arc::new(Bus::default());
            let mut processes = vec![process(&bus)];
            let mut events: Vec<(usize, Subscription)> = Vec::new();
            let mut leader = None;
            for (number, step) in steps.into_iter().enumerate() {
                let newest = processes.len() - 1;
                match step {
                    0 if leader == Some(newest) => processes.push(process(&bus)),
                    1 => events.extend(subscribed(&bus, &processes[newest], topic()).map(|s| (newest, s))),
                    2 => {
                        processes[newest].lead();
                        leader = Some(newest);
                    }
                    3 if leader == Some(newest) => {
                        processes[..newest].iter().for_each(EventRecipient::end);
                        events.retain(|(of, _)| *of == newest);
                    }
                    4 => if let Some(crashed) = leader.take() {
                        processes[crashed].end();
                        events.retain(|(of, _)| *of != crashed);
                        if crashed == newest {
                            processes.push(process(&bus));
                        }
                    }
                    _ => {
                        publish(&bus, &number.to_string());
                        let mut got = Vec::new();
                        for (at, events) in &mut events {
                            if !taken(events).0.is_empty() && !got.contains(at) {
                                got.push(*at);
                            }
                        }
                        let follow = events.iter().map(|(of, _)| *of);
                        let newest = follow.filter(|of| leader.is_none_or(|l| *of <= l)).max();
                        prop_assert_eq!(got, Vec::from_iter(newest));
                    }
                }
            }
        }
    }
}
