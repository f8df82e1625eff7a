//! Ends that are no ordinary failure: an instance that takes leave, and a gateway that stops.

use super::*;

fn leaving(serial: u64) -> LifecycleEvent {
    LifecycleEvent::Leaving { serial: Serial(serial), reason: format!("reason {serial}") }
}

#[test]
fn an_instance_that_takes_leave_is_replaced_at_once_and_may_finish_what_it_has() {
    let mut life = serving();
    assert_eq!(life.on(leaving(1), at(5)), start(2, 1));
    assert_eq!((life.serving(), life.state()), (None, PluginState::Starting));
    assert_eq!(life.reason().as_deref(), Some("reason 1"));
    life.on(LifecycleEvent::Started(Serial(2)), at(6));
    assert_eq!(life.deadline(), Some(Duration::from_secs(5) + DRAIN), "it drains");
    assert_eq!(life.on(LifecycleEvent::Tick, at(305)), vec![Action::Stop(Serial(1))]);
    assert_eq!(life.restarts(), 1, "it counts as a failure");
}

#[test]
fn an_instance_that_takes_leave_while_it_drains_keeps_its_deadline() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(5));
    life.on(LifecycleEvent::Started(Serial(2)), at(6));
    assert_eq!(life.on(leaving(1), at(100)), vec![]);
    assert_eq!(life.deadline(), Some(Duration::from_secs(6) + DRAIN));
}

#[test]
fn a_gateway_that_stops_starts_nothing_whatever_ends() {
    let mut life = serving();
    assert_eq!(life.on(LifecycleEvent::Closing, at(1)), vec![]);
    assert_eq!(life.state(), PluginState::Ready, "what runs serves on");
    assert_eq!(life.on(LifecycleEvent::Wanted(Edition(2)), at(2)), vec![]);
    assert_eq!(life.on(failed(1), at(3)), vec![]);
    assert_eq!((life.is_starting(), life.deadline()), (false, None));
    life.on(LifecycleEvent::Gone(Serial(1)), at(4));
    assert_eq!(life.state(), PluginState::Stopped);
    assert_eq!(life.on(LifecycleEvent::Tick, at(1000)), vec![]);
}

#[test]
fn an_end_with_the_gateway_is_no_failure_wherever_a_process_was() {
    let mut life = serving();
    life.on(LifecycleEvent::Wanted(Edition(2)), at(1));
    life.on(LifecycleEvent::Closing, at(1));
    for serial in [2, 1] {
        assert_eq!(life.on(LifecycleEvent::Departed(Serial(serial)), at(2)), vec![]);
        life.on(LifecycleEvent::Gone(Serial(serial)), at(2));
    }
    assert_eq!((life.state(), life.reason(), life.warning()), (PluginState::Stopped, None, None));
    assert_eq!(life.restarts(), 0);
    let mut draining = serving();
    draining.on(LifecycleEvent::Unwanted, at(1));
    assert_eq!(draining.on(LifecycleEvent::Departed(Serial(1)), at(2)), vec![]);
    assert_eq!(draining.deadline(), None);
}
