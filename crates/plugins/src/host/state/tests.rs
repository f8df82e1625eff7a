//! The promises of the state machine, each as a single story.

mod orders;
mod parting;

use super::*;

const DRAIN: Duration = Duration::from_secs(300);

fn limits() -> RestartLimits {
    RestartLimits { park_after: 4, max_retiring: 3, ..RestartLimits::default() }
}

fn at(seconds: u64) -> Moment {
    Moment { at: Duration::from_secs(seconds), chance: 0.0 }
}

fn failed(serial: u64) -> LifecycleEvent {
    LifecycleEvent::Failed {
        serial: Serial(serial),
        reason: format!("reason {serial}"),
        hopeless: false,
    }
}

fn start(serial: u64, edition: u64) -> Vec<Action> {
    vec![Action::Start(Serial(serial), Edition(edition))]
}

/// A life whose first instance serves since second 0.
fn serving() -> Life {
    let mut life = Life::new(limits(), DRAIN);
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(1)), at(0)), start(1, 1));
    assert_eq!(life.state(), PluginState::Starting);
    assert_eq!(life.on(LifecycleEvent::Started(Serial(1)), at(0)), vec![]);
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
    assert_eq!(life.on(LifecycleEvent::Tick, at(2)), start(3, 1));
    assert_eq!(life.on(failed(3), at(2)), vec![]);
    assert_eq!(life.deadline(), Some(Duration::from_millis(2400)));
    assert_eq!(life.restarts(), 2, "the third one waits");
    assert_eq!(life.next_start(), life.deadline());
    assert_eq!(life.on(LifecycleEvent::Tick, at(3)), start(4, 1));
    assert_eq!((life.restarts(), life.next_start()), (3, None));
}

#[test]
fn too_many_failures_park_until_the_operator_speaks() {
    let mut life = serving();
    for serial in 1..=4 {
        life.on(failed(serial), at(serial * 10));
        life.on(LifecycleEvent::Gone(Serial(serial)), at(serial * 10));
        life.on(LifecycleEvent::Tick, at(serial * 10 + 5));
    }
    assert_eq!(life.state(), PluginState::Parked);
    assert_eq!(life.deadline(), None);
    assert!(life.reason().unwrap().contains("parked after 4 failures"));
    assert!(life.reason().unwrap().ends_with("reason 4"));
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(2)), at(100)), start(5, 2));
}

#[test]
fn a_healthy_period_makes_up_for_failures() {
    let mut life = serving();
    for serial in 1..=20 {
        let now = serial * 61;
        assert_eq!(life.on(failed(serial), at(now)), start(serial + 1, 1));
        life.on(LifecycleEvent::Gone(Serial(serial)), at(now));
        life.on(LifecycleEvent::Started(Serial(serial + 1)), at(now));
    }
    assert_eq!(life.state(), PluginState::Ready);
}

#[test]
fn a_hopeless_start_is_not_repeated() {
    let mut life = Life::new(limits(), DRAIN);
    life.on(LifecycleEvent::Wanted(Edition(1)), at(0));
    let event = LifecycleEvent::Failed { serial: Serial(1), reason: "no".into(), hopeless: true };
    assert_eq!(life.on(event, at(0)), vec![]);
    assert_eq!((life.state(), life.reason()), (PluginState::Stopped, Some("no".into())));
}

#[test]
fn a_reload_starts_beside_swaps_and_drains() {
    let mut life = serving();
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(2)), at(5)), start(2, 2));
    assert_eq!((life.serving(), life.state()), (Some(Serial(1)), PluginState::Ready));
    assert_eq!(life.on(LifecycleEvent::Started(Serial(2)), at(6)), vec![Action::Drain(Serial(1))]);
    assert_eq!(life.serving(), Some(Serial(2)));
    assert_eq!(life.on(LifecycleEvent::Drained(Serial(1)), at(7)), vec![Action::Stop(Serial(1))]);
    assert_eq!(life.on(LifecycleEvent::Gone(Serial(1)), at(8)), vec![]);
    assert!(life.retiring.is_empty());
}

#[test]
fn a_failed_reload_leaves_the_old_instance_serving_and_says_so() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(5));
    assert_eq!(life.on(failed(2), at(6)), vec![]);
    assert_eq!((life.serving(), life.state()), (Some(Serial(1)), PluginState::Ready));
    assert!(life.warning().unwrap().ends_with("reason 2"));
    assert_eq!((life.reload_failure(), life.reason()), (Some("reason 2"), None));
    life.on(LifecycleEvent::Gone(Serial(2)), at(6));
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(3)), at(7)), start(3, 3));
    assert_eq!((life.warning(), life.reload_failure()), (None, None));
}

#[test]
fn a_newer_wish_replaces_a_start_under_way() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(1));
    let actions = life.on(LifecycleEvent::Wanted(Edition(3)), at(1));
    assert_eq!(actions, vec![Action::Stop(Serial(2)), Action::Start(Serial(3), Edition(3))]);
    assert_eq!(life.on(LifecycleEvent::Started(Serial(2)), at(2)), vec![]);
    assert_eq!(life.serving(), Some(Serial(1)));
}

#[test]
fn draining_ends_at_its_deadline() {
    let mut life = serving();
    assert_eq!(life.on(LifecycleEvent::Unwanted, at(10)), vec![Action::Drain(Serial(1))]);
    assert_eq!(life.state(), PluginState::Draining);
    assert_eq!(life.deadline(), Some(Duration::from_secs(310)));
    assert_eq!(life.on(LifecycleEvent::Tick, at(310)), vec![Action::Stop(Serial(1))]);
    assert!(!life.is_over());
    life.on(LifecycleEvent::Gone(Serial(1)), at(311));
    assert!(life.is_over());
    assert_eq!(life.state(), PluginState::Stopped);
}

#[test]
fn the_end_of_the_host_stops_what_serves_and_what_drains() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(1));
    life.on(LifecycleEvent::Started(Serial(2)), at(1));
    life.on(LifecycleEvent::Wanted(Edition(3)), at(2));
    let mut stopped = life.on(LifecycleEvent::Quit, at(3));
    stopped.sort_by_key(|action| format!("{action:?}"));
    assert_eq!(stopped, [1, 2, 3].map(|serial| Action::Stop(Serial(serial))));
}

#[test]
fn reloads_wait_visibly_when_too_many_instances_drain() {
    let mut life = serving();
    for edition in 2..=4 {
        life.on(LifecycleEvent::Wanted(Edition(edition)), at(1));
        life.on(LifecycleEvent::Started(Serial(edition)), at(1));
    }
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(5)), at(2)), vec![]);
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(6)), at(2)), vec![]);
    assert!(life.warning().unwrap().contains("waits"));
    life.on(LifecycleEvent::Drained(Serial(1)), at(3));
    assert_eq!(life.on(LifecycleEvent::Gone(Serial(1)), at(3)), start(5, 6));
}

#[test]
fn a_parked_plugin_has_no_timer_and_time_alone_never_wakes_it() {
    let mut life = serving();
    for serial in 1..=4 {
        life.on(failed(serial), at(serial * 10));
        life.on(LifecycleEvent::Gone(Serial(serial)), at(serial * 10));
        life.on(LifecycleEvent::Tick, at(serial * 10 + 5));
    }
    assert_eq!((life.state(), life.deadline()), (PluginState::Parked, None));
    assert_eq!(life.on(LifecycleEvent::Tick, at(1_000_000)), vec![]);
    assert_eq!((life.state(), life.deadline()), (PluginState::Parked, None));
}

#[test]
fn other_limits_hold_from_the_next_event_on() {
    let mut life = serving();
    let base = Duration::from_secs(7);
    life.set_limits(RestartLimits { base, park_after: 3, ..limits() }, Duration::from_secs(1));
    assert_eq!(life.on(failed(1), at(1)), start(2, 1));
    life.on(failed(2), at(1));
    assert_eq!(life.deadline(), Some(Duration::from_secs(8)));
    assert_eq!(life.on(LifecycleEvent::Tick, at(8)), start(3, 1));
    assert_eq!(life.on(failed(3), at(8)), vec![]);
    assert_eq!(life.state(), PluginState::Parked);
    life.on(LifecycleEvent::Wanted(Edition(2)), at(9));
    life.on(LifecycleEvent::Started(Serial(4)), at(9));
    assert_eq!(life.on(LifecycleEvent::Unwanted, at(10)), vec![Action::Drain(Serial(4))]);
    assert_eq!(life.deadline(), Some(Duration::from_secs(11)));
}

#[test]
fn a_crash_while_its_replacement_starts_starts_nothing_more() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(1));
    assert_eq!(life.on(failed(1), at(2)), vec![]);
    assert_eq!(life.state(), PluginState::Starting);
    assert_eq!(life.on(LifecycleEvent::Started(Serial(2)), at(3)), vec![]);
    assert_eq!((life.serving(), life.state()), (Some(Serial(2)), PluginState::Ready));
}
