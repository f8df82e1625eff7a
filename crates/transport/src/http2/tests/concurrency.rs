//! Places for calls that the server takes at one time.

use super::machine::{Machine, begin, end, of, reset, room, settings};
use crate::http2::frame::{Reason, kind, setting};

const MOST: u16 = setting::MAX_CONCURRENT_STREAMS;

fn heads(machine: &mut Machine) -> Vec<u32> {
    of(kind::HEADERS, &machine.sent()).iter().map(|frame| frame.stream).collect()
}

#[test]
fn calls_wait_for_a_place_in_order() {
    let mut machine = Machine::greeted(&[(MOST, 2)]);
    let ids: Vec<u32> = (0..6).map(|_| machine.call(10)).collect();
    assert_eq!(heads(&mut machine), ids[..2]);
    machine.sends(&[begin(ids[1]), end(ids[1], "0")].concat()).unwrap();
    assert_eq!(heads(&mut machine), ids[2..3]);
    machine.near.forget(ids[0]);
    assert_eq!(heads(&mut machine), ids[3..4]);
    machine.sends(&settings(&[(MOST, 3)])).unwrap();
    assert_eq!(heads(&mut machine), ids[4..5]);
    machine.sends(&settings(&[(MOST, 0)])).unwrap();
    for id in &ids[2..5] {
        machine.sends(&[begin(*id), end(*id, "0")].concat()).unwrap();
    }
    assert_eq!(heads(&mut machine), Vec::<u32>::new());
    machine.sends(&settings(&[(MOST, 1)])).unwrap();
    assert_eq!(heads(&mut machine), ids[5..]);
}

#[test]
fn a_new_call_does_not_overtake_one_that_waits() {
    let mut machine = Machine::greeted(&[(MOST, 0)]);
    let ids = [machine.call(10), machine.call(10), machine.call(10)];
    machine.near.forget(ids[0]);
    machine.near.forget(ids[2]);
    machine.sends(&settings(&[(MOST, 1)])).unwrap();
    let late = machine.call(10);
    assert_eq!(heads(&mut machine), [ids[1]]);
    machine.near.forget(ids[1]);
    assert_eq!(heads(&mut machine), [late]);
}

#[test]
fn calls_that_stopped_waiting_do_not_keep_a_connection_that_nobody_wants() {
    for forgotten in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut machine = Machine::greeted(&[(MOST, 1)]);
        let first = machine.call(10);
        let ids = [machine.call(10), machine.call(10), machine.call(10)];
        machine.near.abandon();
        for nth in forgotten {
            assert!(!machine.near.is_done());
            machine.near.forget(ids[nth]);
        }
        machine.sends(&settings(&[(MOST, 0)])).unwrap();
        machine.near.forget(first);
        assert!(machine.near.is_done());
        assert_eq!(heads(&mut machine), [first]);
    }
}

#[test]
fn a_connection_that_takes_no_call_is_done_once_nobody_waits() {
    let mut machine = Machine::greeted(&[(MOST, 0)]);
    let ids = [machine.call(10), machine.call(10)];
    machine.near.abandon();
    machine.near.forget(ids[1]);
    assert!(!machine.near.is_done());
    machine.near.forget(ids[0]);
    assert!(machine.near.is_done());
}

#[test]
fn a_stale_place_in_the_queue_does_not_outlive_a_limit_of_none() {
    let mut machine = Machine::greeted(&[(MOST, 1)]);
    let ids = [machine.call(10), machine.call(10), machine.call(10)];
    machine.near.forget(ids[2]);
    // The second begins, and the third, which is gone, would be next.
    machine.near.forget(ids[0]);
    machine.sends(&settings(&[(MOST, 0)])).unwrap();
    machine.near.abandon();
    machine.sends(&[begin(ids[1]), end(ids[1], "0")].concat()).unwrap();
    assert!(machine.near.is_done());
}

#[test]
fn a_frame_for_a_call_that_still_waits_is_a_fault() {
    for bytes in [begin, |id| end(id, "0"), |id| reset(id, 8), |id| super::machine::room(id, 9)] {
        let mut machine = Machine::greeted(&[(MOST, 1)]);
        let waiting = [machine.call(10), machine.call(10)][1];
        assert_eq!(machine.sends(&bytes(waiting)).unwrap_err().reason, Reason::PROTOCOL_ERROR);
    }
}

#[test]
fn calls_that_are_given_up_while_nobody_reads_are_never_sent() {
    const ROOM: u32 = 1 << 30;
    let mut machine = Machine::greeted(&[(setting::INITIAL_WINDOW_SIZE, ROOM)]);
    machine.sends(&room(0, ROOM)).unwrap();
    let given_up: Vec<u32> = (0..1000).map(|_| machine.call(100_000)).collect();
    for id in &given_up {
        machine.near.forget(*id);
    }
    let last = machine.call(10);
    let sent = machine.sent();
    let bytes: usize = sent.iter().map(|frame| frame.payload.len()).sum();
    assert!(bytes < 1_500_000, "{bytes} bytes");
    let heads: Vec<u32> = of(kind::HEADERS, &sent).iter().map(|frame| frame.stream).collect();
    assert!(heads.len() < 15 && heads.ends_with(&[last]), "{heads:?}");
    assert_eq!(of(kind::RST_STREAM, &sent).len(), heads.len() - 1);
}
