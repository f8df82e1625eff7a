//! The promises of the state machine in random orders of events.

use super::*;
use proptest::prelude::*;

/// What a random world does next; numbers pick among the processes that exist.
#[derive(Debug, Clone)]
enum Step {
    Reload,
    Remove,
    Start(usize),
    Fail(usize),
    Leave,
    Drained(usize),
    Gone(usize),
    Wait(u64),
    /// Time passes until something is due.
    Alarm,
    /// The start under way ends well, or does not.
    EndStart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Reload),
        1 => Just(Step::Remove),
        4 => Just(Step::Alarm),
        6 => any::<bool>().prop_map(Step::EndStart),
        1 => (0..9usize).prop_map(Step::Start),
        3 => (0..9usize).prop_map(Step::Fail),
        1 => Just(Step::Leave),
        1 => (0..9usize).prop_map(Step::Drained),
        2 => (0..9usize).prop_map(Step::Gone),
        2 => (0..1000u64).prop_map(Step::Wait),
        1 => (0..100_000u64).prop_map(Step::Wait),
    ]
}

/// The processes as they would really be: a model to hold the machine against.
#[derive(Default)]
struct World {
    now: Duration,
    edition: u64,
    alive: Vec<Serial>,
    /// On their way out: draining, told to stop, or failed.
    leaving: Vec<Serial>,
    draining: Vec<Serial>,
    ordered_to_stop: Vec<Serial>,
    failed: Vec<Serial>,
    serving_since: Option<Duration>,
    /// The failures that count, since the operator spoke last.
    failures: Vec<Duration>,
}

impl World {
    fn event(&mut self, step: &Step, life: &Life) -> Option<LifecycleEvent> {
        let pick = |from: &[Serial], n: usize| (!from.is_empty()).then(|| from[n % from.len()]);
        Some(match step {
            Step::Reload => {
                self.edition += 1;
                LifecycleEvent::Wanted(Edition(self.edition))
            }
            Step::Remove => LifecycleEvent::Unwanted,
            Step::Start(n) => {
                LifecycleEvent::Started(pick(&self.alive, *n).filter(|s| !self.failed.contains(s))?)
            }
            Step::Fail(n) => {
                let serial = pick(&self.alive, *n).filter(|s| !self.failed.contains(s))?;
                self.failed.push(serial);
                LifecycleEvent::Failed { serial, reason: "r".into(), hopeless: false }
            }
            Step::Leave => LifecycleEvent::Leaving { serial: life.serving()?, reason: "r".into() },
            Step::Drained(n) => LifecycleEvent::Drained(pick(&self.alive, *n)?),
            Step::Gone(n) => {
                let ending: Vec<_> =
                    self.ordered_to_stop.iter().chain(&self.failed).copied().collect();
                LifecycleEvent::Gone(pick(&ending, *n)?)
            }
            Step::EndStart(well) => {
                let serial = self.alive.iter().copied().find(|s| life.awaits(*s))?;
                self.end_start(serial, *well)
            }
            Step::Alarm => {
                self.now = self.now.max(life.deadline()?);
                LifecycleEvent::Tick
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(*millis);
                LifecycleEvent::Tick
            }
        })
    }

    fn end_start(&mut self, serial: Serial, well: bool) -> LifecycleEvent {
        if well {
            return LifecycleEvent::Started(serial);
        }
        self.failed.push(serial);
        LifecycleEvent::Failed { serial, reason: "r".into(), hopeless: false }
    }

    /// Lets something happen, and checks every promise that can be checked at one moment.
    fn happen(&mut self, life: &mut Life, event: &LifecycleEvent, chance: f64) {
        self.note(life, event);
        let actions = life.on(event.clone(), Moment { at: self.now, chance });
        if let LifecycleEvent::Started(serial) = event
            && life.serving() == Some(*serial)
        {
            self.serving_since.get_or_insert(self.now);
        }
        self.obey(life, &actions, event);
        self.check(life);
    }

    /// Keeps count of failures as the rules say.
    fn note(&mut self, life: &Life, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::Wanted(_) | LifecycleEvent::Unwanted | LifecycleEvent::Quit => {
                self.failures.clear();
            }
            LifecycleEvent::Started(serial) if life.awaits(*serial) => self.serving_since = None,
            LifecycleEvent::Gone(serial) => {
                for list in [
                    &mut self.alive,
                    &mut self.leaving,
                    &mut self.draining,
                    &mut self.ordered_to_stop,
                    &mut self.failed,
                ] {
                    list.retain(|s| s != serial);
                }
            }
            LifecycleEvent::Failed { serial, .. } => {
                let served = life.serving() == Some(*serial);
                let healthy = self
                    .serving_since
                    .filter(|_| served)
                    .is_some_and(|since| self.now - since >= limits().healthy_after);
                if healthy {
                    self.failures.clear();
                }
                if served || (life.serving().is_none() && life.awaits(*serial)) {
                    self.failures.push(self.now);
                }
                if served {
                    self.serving_since = None;
                }
                self.draining.retain(|s| s != serial);
                self.leaving.push(*serial);
            }
            LifecycleEvent::Leaving { serial, .. } => {
                self.note(
                    life,
                    &LifecycleEvent::Failed {
                        serial: *serial,
                        reason: "r".into(),
                        hopeless: false,
                    },
                );
                self.draining.push(*serial);
            }
            _ => {}
        }
    }

    fn obey(&mut self, life: &Life, actions: &[Action], event: &LifecycleEvent) {
        let mut starts = 0;
        for action in actions {
            match action {
                Action::Start(serial, edition) => {
                    starts += 1;
                    assert_eq!(*edition, Edition(self.edition), "starts what is wanted last");
                    assert!(life.is_wanted());
                    self.check_pause(event);
                    self.alive.push(*serial);
                }
                Action::Stop(serial) => {
                    assert!(self.alive.contains(serial), "stops only what lives");
                    assert!(!self.ordered_to_stop.contains(serial), "stops once");
                    self.ordered_to_stop.push(*serial);
                    self.draining.retain(|s| s != serial);
                    self.leaving.push(*serial);
                }
                Action::Drain(serial) => {
                    assert!(self.alive.contains(serial));
                    self.draining.push(*serial);
                    self.leaving.push(*serial);
                }
            }
        }
        assert!(starts <= 1);
    }

    /// A start after failures keeps the pause they demand, whatever happens meanwhile.
    fn check_pause(&self, event: &LifecycleEvent) {
        let limits = limits();
        let Some(last) = self.failures.last() else { return };
        let window = last.saturating_sub(limits.window);
        let count = self.failures.iter().filter(|at| **at >= window).count();
        assert!(count < limits.park_after, "started although parked, by {event:?}");
        if let Some(doublings) = count.checked_sub(2) {
            let factor = 1u32 << u32::try_from(doublings).unwrap();
            let pause = limits.base.saturating_mul(factor).min(limits.max);
            let waited = self.now - *last;
            assert!(
                waited >= pause,
                "failure {count}: {waited:?} instead of {pause:?}, by {event:?}"
            );
        }
    }

    fn check(&self, life: &Life) {
        let limits = limits();
        // One that serves and one beside it while it starts; the others are on their way out.
        let here: Vec<_> = self.alive.iter().filter(|s| !self.leaving.contains(s)).collect();
        let starting = here.iter().filter(|s| life.awaits(***s)).count();
        assert!(starting <= 1 && here.len() - starting <= 1, "{here:?} run");
        assert!(self.alive.len() <= limits.max_retiring + 1, "{} alive", self.alive.len());
        if let Some(serving) = life.serving() {
            assert!(here.contains(&&serving));
        }
        if !life.is_wanted() {
            assert_eq!((life.serving(), life.is_starting()), (None, false));
        }
        // Never stuck: what is wanted serves, is on its way, waits for a moment, or is parked.
        if life.is_wanted() && life.serving().is_none() {
            let moving = life.is_starting() || life.deadline().is_some();
            assert!(moving || life.state() == PluginState::Parked);
        }
        // What is parked waits for nothing, and what happens by itself has its moment.
        if life.state() == PluginState::Parked {
            assert!(
                life.deadline().is_none() || !self.draining.is_empty(),
                "a parked one has a timer"
            );
            assert!(life.reason().is_some());
        }
        assert!(self.draining.is_empty() || life.deadline().is_some());
    }

    /// Lets everything go its way, with starts that all go well or all fail, until nothing happens.
    fn come_to_rest(&mut self, life: &mut Life, starts_go_well: bool) {
        for _ in 0..100 {
            let ending = self.ordered_to_stop.iter().chain(&self.failed).next().copied();
            let starting = self.alive.iter().copied().find(|s| life.awaits(*s));
            let event = if let Some(serial) = ending {
                LifecycleEvent::Gone(serial)
            } else if let Some(event) = starting.map(|s| self.end_start(s, starts_go_well)) {
                event
            } else if let Some(deadline) = life.deadline() {
                self.now = self.now.max(deadline);
                LifecycleEvent::Tick
            } else {
                return;
            };
            self.happen(life, &event, 0.5);
        }
        panic!("it never comes to rest: {life:?}");
    }
}

fn lived(steps: &[Step], chance: f64) -> (Life, World) {
    let (mut life, mut world) = (Life::new(limits(), DRAIN), World::default());
    for step in steps {
        if let Some(event) = world.event(step, &life) {
            world.happen(&mut life, &event, chance);
        }
    }
    (life, world)
}

/// A failing order is printed whole, after what it does not need was taken out of it. Its seed is
/// printed too and kept beside the tests, so that it is tried first from then on.
#[test]
fn a_failing_order_is_told_step_by_step() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let orders = proptest::collection::vec(step(), 1..120);
    let outcome = proptest::test_runner::TestRunner::new(config).run(&orders, |steps| {
        let removals = steps.iter().filter(|step| matches!(step, Step::Remove)).count();
        prop_assert!(removals < 2, "as if two removals broke a promise");
        Ok(())
    });
    let told = outcome.unwrap_err().to_string();
    let minimal: String = told.split_whitespace().collect();
    assert!(minimal.contains("minimalfailinginput:[Remove,Remove,]"), "{told}");
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_promises(
        steps in proptest::collection::vec(step(), 1..120),
        chance in 0.0..=1.0f64,
    ) {
        lived(&steps, chance);
    }

    #[test]
    fn after_any_order_good_starts_serve_and_bad_ones_park(
        steps in proptest::collection::vec(step(), 1..120),
        starts_go_well: bool,
    ) {
        let (mut life, mut world) = lived(&steps, 0.5);
        world.come_to_rest(&mut life, starts_go_well);
        prop_assert!(world.leaving.is_empty(), "all that was on its way out is gone");
        if !life.is_wanted() {
            prop_assert!(world.alive.is_empty());
        } else if starts_go_well {
            prop_assert!(life.serving().is_some() || life.state() == PluginState::Parked);
        } else if life.serving().is_none() {
            prop_assert_eq!(life.state(), PluginState::Parked);
            // An operator who speaks is heard.
            world.edition += 1;
            let wanted = LifecycleEvent::Wanted(Edition(world.edition));
            world.happen(&mut life, &wanted, 0.5);
            world.come_to_rest(&mut life, true);
            prop_assert_eq!(life.state(), PluginState::Ready);
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
