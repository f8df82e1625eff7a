//! The promises of the state machine: single stories, and random orders of events.

use super::*;
use proptest::prelude::*;

const DRAIN: Duration = Duration::from_secs(300);

fn limits() -> RestartLimits {
    RestartLimits { park_after: 4, max_retiring: 3, ..RestartLimits::default() }
}

fn at(seconds: u64) -> Moment {
    Moment { at: Duration::from_secs(seconds), chance: 0.0 }
}

fn failed(serial: u64) -> Event {
    Event::Failed { serial: Serial(serial), reason: format!("reason {serial}"), hopeless: false }
}

fn start(serial: u64, edition: u64) -> Vec<Action> {
    vec![Action::Start(Serial(serial), Edition(edition))]
}

/// A life whose first instance serves since second 0.
fn serving() -> Life {
    let mut life = Life::new(limits(), DRAIN);
    assert_eq!(life.on(Event::Wanted(Edition(1)), at(0)), start(1, 1));
    assert_eq!(life.state(), PluginState::Starting);
    assert_eq!(life.on(Event::Started(Serial(1)), at(0)), vec![]);
    assert_eq!(life.state(), PluginState::Ready);
    life
}

#[test]
fn a_crash_is_followed_by_a_start_at_once_and_then_by_growing_pauses() {
    let mut life = serving();
    assert_eq!(life.on(failed(1), at(1)), start(2, 1));
    assert_eq!(life.reason().as_deref(), Some("reason 1"));
    assert_eq!(life.on(failed(2), at(1)), vec![]);
    assert_eq!(life.state(), PluginState::Backoff);
    assert_eq!(life.deadline(), Some(Duration::from_millis(1200)));
    assert_eq!(life.on(Event::Tick, at(2)), start(3, 1));
    assert_eq!(life.on(failed(3), at(2)), vec![]);
    assert_eq!(life.deadline(), Some(Duration::from_millis(2400)));
    assert_eq!(life.restarts(), 3);
}

#[test]
fn too_many_failures_park_until_the_operator_speaks() {
    let mut life = serving();
    for serial in 1..=4 {
        life.on(failed(serial), at(serial * 10));
        life.on(Event::Gone(Serial(serial)), at(serial * 10));
        life.on(Event::Tick, at(serial * 10 + 5));
    }
    assert_eq!(life.state(), PluginState::Parked);
    assert_eq!(life.deadline(), None);
    assert!(life.reason().unwrap().contains("parked after 4 failures"));
    assert!(life.reason().unwrap().ends_with("reason 4"));
    assert_eq!(life.on(Event::Wanted(Edition(2)), at(100)), start(5, 2));
}

#[test]
fn a_healthy_period_makes_up_for_failures() {
    let mut life = serving();
    for serial in 1..=20 {
        let now = serial * 61;
        assert_eq!(life.on(failed(serial), at(now)), start(serial + 1, 1));
        life.on(Event::Gone(Serial(serial)), at(now));
        life.on(Event::Started(Serial(serial + 1)), at(now));
    }
    assert_eq!(life.state(), PluginState::Ready);
}

#[test]
fn a_hopeless_start_is_not_repeated() {
    let mut life = Life::new(limits(), DRAIN);
    life.on(Event::Wanted(Edition(1)), at(0));
    let event = Event::Failed { serial: Serial(1), reason: "no".into(), hopeless: true };
    assert_eq!(life.on(event, at(0)), vec![]);
    assert_eq!((life.state(), life.reason()), (PluginState::Stopped, Some("no".into())));
}

#[test]
fn a_reload_starts_beside_swaps_and_drains() {
    let mut life = serving();
    assert_eq!(life.on(Event::Wanted(Edition(2)), at(5)), start(2, 2));
    assert_eq!((life.serving(), life.state()), (Some(Serial(1)), PluginState::Ready));
    assert_eq!(life.on(Event::Started(Serial(2)), at(6)), vec![Action::Drain(Serial(1))]);
    assert_eq!(life.serving(), Some(Serial(2)));
    assert_eq!(life.on(Event::Drained(Serial(1)), at(7)), vec![Action::Stop(Serial(1))]);
    assert_eq!(life.on(Event::Gone(Serial(1)), at(8)), vec![]);
    assert!(life.retiring.is_empty());
}

#[test]
fn a_failed_reload_leaves_the_old_instance_serving_and_says_so() {
    let mut life = serving();
    life.on(Event::Wanted(Edition(2)), at(5));
    assert_eq!(life.on(failed(2), at(6)), vec![]);
    assert_eq!((life.serving(), life.state()), (Some(Serial(1)), PluginState::Ready));
    assert!(life.warning().unwrap().ends_with("reason 2"));
    assert_eq!(life.reason(), None);
    life.on(Event::Gone(Serial(2)), at(6));
    assert_eq!(life.on(Event::Wanted(Edition(3)), at(7)), start(3, 3));
    assert_eq!(life.warning(), None);
}

#[test]
fn a_newer_wish_replaces_a_start_under_way() {
    let mut life = serving();
    life.on(Event::Wanted(Edition(2)), at(1));
    let actions = life.on(Event::Wanted(Edition(3)), at(1));
    assert_eq!(actions, vec![Action::Stop(Serial(2)), Action::Start(Serial(3), Edition(3))]);
    assert_eq!(life.on(Event::Started(Serial(2)), at(2)), vec![]);
    assert_eq!(life.serving(), Some(Serial(1)));
}

#[test]
fn draining_ends_at_its_deadline() {
    let mut life = serving();
    assert_eq!(life.on(Event::Unwanted, at(10)), vec![Action::Drain(Serial(1))]);
    assert_eq!(life.state(), PluginState::Draining);
    assert_eq!(life.deadline(), Some(Duration::from_secs(310)));
    assert_eq!(life.on(Event::Tick, at(310)), vec![Action::Stop(Serial(1))]);
    assert!(!life.is_over());
    life.on(Event::Gone(Serial(1)), at(311));
    assert!(life.is_over());
    assert_eq!(life.state(), PluginState::Stopped);
}

#[test]
fn the_end_of_the_host_stops_what_serves_and_what_drains() {
    let mut life = serving();
    life.on(Event::Wanted(Edition(2)), at(1));
    life.on(Event::Started(Serial(2)), at(1));
    life.on(Event::Wanted(Edition(3)), at(2));
    let mut stopped = life.on(Event::Quit, at(3));
    stopped.sort_by_key(|action| format!("{action:?}"));
    assert_eq!(stopped, [1, 2, 3].map(|serial| Action::Stop(Serial(serial))));
}

#[test]
fn reloads_wait_visibly_when_too_many_instances_drain() {
    let mut life = serving();
    for edition in 2..=4 {
        life.on(Event::Wanted(Edition(edition)), at(1));
        life.on(Event::Started(Serial(edition)), at(1));
    }
    assert_eq!(life.on(Event::Wanted(Edition(5)), at(2)), vec![]);
    assert_eq!(life.on(Event::Wanted(Edition(6)), at(2)), vec![]);
    assert!(life.warning().unwrap().contains("waits"));
    life.on(Event::Drained(Serial(1)), at(3));
    assert_eq!(life.on(Event::Gone(Serial(1)), at(3)), start(5, 6));
}

/// What a random world does next; numbers pick among the processes that exist.
#[derive(Debug, Clone)]
enum Step {
    Reload,
    Remove,
    Start(usize),
    Fail(usize),
    Drained(usize),
    Gone(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Reload),
        Just(Step::Remove),
        (0..9usize).prop_map(Step::Start),
        (0..9usize).prop_map(Step::Fail),
        (0..9usize).prop_map(Step::Drained),
        (0..9usize).prop_map(Step::Gone),
        (0..100_000u64).prop_map(Step::Wait),
    ]
}

/// The processes as they would really be: a model to hold the machine against.
#[derive(Default)]
struct World {
    now: Duration,
    edition: u64,
    alive: Vec<Serial>,
    started: Vec<Serial>,
    ordered_to_stop: Vec<Serial>,
    failed: Vec<Serial>,
    last_failure: Option<Duration>,
    failures_in_a_row: u32,
}

impl World {
    fn event(&mut self, step: &Step) -> Option<Event> {
        let pick = |from: &[Serial], n: usize| (!from.is_empty()).then(|| from[n % from.len()]);
        Some(match step {
            Step::Reload => {
                self.edition += 1;
                self.failures_in_a_row = 0;
                Event::Wanted(Edition(self.edition))
            }
            Step::Remove => Event::Unwanted,
            Step::Start(n) => {
                let serial = pick(&self.alive, *n).filter(|s| !self.failed.contains(s))?;
                self.started.push(serial);
                Event::Started(serial)
            }
            Step::Fail(n) => {
                let serial = pick(&self.alive, *n).filter(|s| !self.failed.contains(s))?;
                self.failed.push(serial);
                Event::Failed { serial, reason: "r".into(), hopeless: false }
            }
            Step::Drained(n) => Event::Drained(pick(&self.alive, *n)?),
            Step::Gone(n) => {
                let ending: Vec<_> =
                    self.ordered_to_stop.iter().chain(&self.failed).copied().collect();
                let serial = pick(&ending, *n)?;
                self.ordered_to_stop.retain(|s| *s != serial);
                self.failed.retain(|s| *s != serial);
                self.alive.retain(|s| *s != serial);
                Event::Gone(serial)
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(*millis);
                Event::Tick
            }
        })
    }

    fn obey(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Start(serial, _) => self.alive.push(*serial),
                Action::Stop(serial) => {
                    assert!(self.alive.contains(serial), "stops only what lives");
                    assert!(!self.ordered_to_stop.contains(serial), "stops once");
                    self.ordered_to_stop.push(*serial);
                }
                Action::Drain(serial) => assert!(self.alive.contains(serial)),
            }
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_promises(
        steps in proptest::collection::vec(step(), 1..120),
        chance in 0.0..=1.0f64,
    ) {
        let limits = limits();
        let mut life = Life::new(limits.clone(), DRAIN);
        let mut world = World::default();
        for step in &steps {
            let Some(event) = world.event(step) else { continue };
            let serving = life.serving();
            let counts = matches!(&event, Event::Failed { serial, .. }
                if serving == Some(*serial) || (serving.is_none() && life.is_starting()));
            let now = Moment { at: world.now, chance };
            let actions = life.on(event.clone(), now);
            world.obey(&actions);

            // One that serves, one beside it, and the bounded number on their way out.
            prop_assert!(world.alive.len() <= limits.max_retiring + 3, "{} alive", world.alive.len());
            let starts = actions.iter().filter(|a| matches!(a, Action::Start(..))).count();
            prop_assert!(starts <= 1);
            // A start after failures keeps the pause that they demand.
            if starts == 1 && matches!(event, Event::Tick) && world.failures_in_a_row > 1 {
                let waited = world.now - world.last_failure.unwrap();
                prop_assert!(waited >= limits.base, "restarted after {waited:?}");
            }
            if counts {
                world.failures_in_a_row += 1;
                world.last_failure = Some(world.now);
            }
            // Never stuck: what is wanted serves, is on its way, or has a visible reason.
            if life.is_wanted() && life.serving().is_none() {
                let moving = life.is_starting() || life.deadline().is_some();
                prop_assert!(moving || life.state() == PluginState::Parked);
            }
            if !life.is_wanted() {
                prop_assert_eq!(life.serving(), None);
                prop_assert!(!life.is_starting());
            }
            if let Some(serving) = life.serving() {
                prop_assert!(world.alive.contains(&serving) && !world.failed.contains(&serving));
            }
        }
    }

    #[test]
    fn pauses_never_shrink_and_never_exceed_their_bound(chance in 0.0..=1.0f64) {
        let limits = RestartLimits { park_after: 50, ..limits() };
        let mut life = Life::new(limits.clone(), DRAIN);
        let mut before = Duration::ZERO;
        for _ in 0..49 {
            life.after_failure(false, Moment { at: Duration::ZERO, chance });
            let pause = life.pause(chance);
            prop_assert!(pause >= before && pause <= limits.max.mul_f64(1.25));
            before = pause;
        }
    }
}
