//! Windows, from both sides.

use super::machine::{Machine, begin, data, data_bytes, end, frame, of, room, settings, word};
use super::{READINGS, WINDOW, pattern};
use crate::http2::Reading;
use crate::http2::frame::{Reason, flag, kind, setting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

const TOP: u32 = (1 << 31) - 1;

#[test]
fn a_body_follows_its_window_below_zero_and_back() {
    let mut machine = Machine::greeted(&[(setting::INITIAL_WINDOW_SIZE, 1000)]);
    let id = machine.call(5000);
    assert_eq!(data_bytes(&machine.sent()), 1000);
    // The window is -900 now.
    machine.sends(&settings(&[(setting::INITIAL_WINDOW_SIZE, 100)])).unwrap();
    machine.sends(&room(id, 900)).unwrap();
    assert_eq!(data_bytes(&machine.sent()), 0);
    machine.sends(&room(id, 1)).unwrap();
    assert_eq!(data_bytes(&machine.sent()), 1);
    machine.sends(&settings(&[(setting::INITIAL_WINDOW_SIZE, 300)])).unwrap();
    assert_eq!(data_bytes(&machine.sent()), 200);
    machine.sends(&room(id, 100_000)).unwrap();
    let rest = machine.sent();
    assert_eq!(data_bytes(&rest), 5000 - 1201);
    assert_eq!(rest.last().unwrap().flags, flag::END_STREAM);
}

#[test]
fn only_the_last_of_several_windows_in_one_frame_counts() {
    let mut machine = Machine::greeted(&[]);
    let window = setting::INITIAL_WINDOW_SIZE;
    machine.sends(&settings(&[(window, 100_000), (window, 7), (window, 10)])).unwrap();
    machine.call(50);
    assert_eq!(data_bytes(&machine.sent()), 10);
}

#[test]
fn calls_share_what_the_connection_takes_in_turns() {
    let mut machine = Machine::greeted(&[(setting::INITIAL_WINDOW_SIZE, TOP)]);
    let (first, second) = (machine.call(100_000), machine.call(100_000));
    assert_eq!(data_bytes(&machine.sent()), 65_535);
    for _ in 0..2 {
        machine.sends(&room(0, 2 * 16_384)).unwrap();
        let mut turns: Vec<u32> = machine.sent().iter().map(|frame| frame.stream).collect();
        turns.sort_unstable();
        assert_eq!(turns, [first, second]);
    }
}

#[test]
fn a_window_that_overflows_ends_its_call_or_all() {
    let mut machine = Machine::greeted(&[]);
    let (first, second) = (machine.call(100_000), machine.call(10));
    machine.sent();
    machine.sends(&room(first, TOP)).unwrap();
    assert_eq!(machine.sent(), []);
    machine.sends(&room(first, 1)).unwrap();
    let sent = machine.sent();
    let [reset] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((reset.kind, reset.stream), (kind::RST_STREAM, first));
    assert_eq!(word(&reset.payload), Reason::FLOW_CONTROL_ERROR.0);
    assert_eq!([machine.outcome(first), machine.outcome(second)], ["broke off", "open"]);
    machine.sends(&room(0, TOP)).unwrap();
    let fault = machine.sends(&room(0, TOP)).unwrap_err();
    assert_eq!(fault.reason, Reason::FLOW_CONTROL_ERROR);
}

#[test]
fn a_setting_that_overflows_a_window_ends_the_connection() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(100_000);
    machine.sends(&room(id, TOP - 65_535)).unwrap();
    let fault = machine.sends(&settings(&[(setting::INITIAL_WINDOW_SIZE, TOP)])).unwrap_err();
    assert_eq!(fault.reason, Reason::FLOW_CONTROL_ERROR);
}

#[test]
fn room_of_no_bytes_is_a_fault_of_whom_it_is_given_to() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sent();
    machine.sends(&room(id, 0)).unwrap();
    assert_eq!(word(&machine.sent()[0].payload), Reason::PROTOCOL_ERROR.0);
    assert_eq!(machine.outcome(id), "broke off");
    assert_eq!(machine.sends(&room(0, 0)).unwrap_err().reason, Reason::PROTOCOL_ERROR);
}

#[test]
fn a_call_that_ended_and_is_unread_costs_no_answer_to_frames() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sends(&[begin(id), end(id, "0")].concat()).unwrap();
    machine.sent();
    machine.sends(&[room(id, 0), room(id, TOP), room(id, TOP), data(id, b"x")].concat()).unwrap();
    assert_eq!(machine.sent(), []);
    assert_eq!(machine.outcome(id), "well");
}

#[test]
fn more_than_the_window_ends_the_call_only() {
    for reading in READINGS {
        let mut machine = Machine::greeted(&[]);
        let (id, other) = (machine.call_for(10, reading), machine.call_for(10, reading));
        machine.sends(&begin(id)).unwrap();
        machine.sends(&data(id, &pattern(1, WINDOW as usize))).unwrap();
        assert_eq!(of(kind::RST_STREAM, &machine.sent()).len(), 0);
        machine.sends(&data(id, b"x")).unwrap();
        let sent = machine.sent();
        assert_eq!(word(&of(kind::RST_STREAM, &sent)[0].payload), Reason::FLOW_CONTROL_ERROR.0);
        assert_eq!([machine.outcome(id), machine.outcome(other)], ["broke off", "open"]);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Sends an answer in frames like this one until it is cut off by the window; reads whenever woken.
fn streams_on(reading: Reading, one: &[u8], flags: u8, times: usize) -> usize {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call_for(10, reading);
    machine.sends(&begin(id)).unwrap();
    machine.sent();
    let woken = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = Context::from_waker(&waker);
    let look = |machine: &mut Machine| {
        let poll = |machine: &mut Machine| machine.near.read(id, |stream| stream.poll_piece(&cx));
        while let Some(Poll::Ready(Some(Ok(_)))) = poll(machine) {}
    };
    look(&mut machine);
    let (mut window, mut seen) = (WINDOW as usize, 0);
    for nth in 0..times {
        if window < one.len() {
            return nth;
        }
        window -= one.len();
        machine.sends(&frame(kind::DATA, flags, id, one)).unwrap();
        let now = woken.0.load(SeqCst);
        if now > seen {
            seen = now;
            look(&mut machine);
        }
        for more in of(kind::WINDOW_UPDATE, &machine.sent()) {
            assert_eq!(more.stream, id);
            window += word(&more.payload) as usize;
            assert!(window <= WINDOW as usize, "no more than there is room for");
        }
    }
    times
}

#[test]
fn a_reader_who_looks_when_woken_never_stalls_an_answer() {
    let padded = [&[255, b'x'][..], &[0; 255]].concat();
    let only_padding = [&[255][..], &[0; 255]].concat();
    for reading in READINGS {
        assert_eq!(streams_on(reading, &pattern(1, 16_384), 0, 100), 100);
        assert_eq!(streams_on(reading, &pattern(1, 1000), 0, 1000), 1000);
        assert_eq!(streams_on(reading, &padded, flag::PADDED, 2000), 2000);
        assert_eq!(streams_on(reading, &only_padding, flag::PADDED, 2000), 2000);
    }
}

#[test]
fn room_on_the_connection_is_given_back_whoever_reads() {
    let mut machine = Machine::greeted(&[]);
    let piece = pattern(1, WINDOW as usize);
    let (mut sent, mut back) = (0, 0);
    for nth in 0..600 {
        let id = machine.call(10);
        machine.sends(&begin(id)).unwrap();
        if nth % 3 == 0 {
            machine.near.forget(id);
        }
        machine.sends(&data(id, &piece)).unwrap();
        sent += piece.len();
        let frames = machine.sent();
        let updates = of(kind::WINDOW_UPDATE, &frames);
        back += updates.iter().map(|more| word(&more.payload) as usize).sum::<usize>();
        assert!(updates.iter().all(|more| more.stream == 0));
        machine.near.forget(id);
        assert!(sent - back < 1 << 25);
    }
    assert!(back > 0);
}
