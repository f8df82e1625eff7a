//! How calls end when the server does not answer them to the end: each once, and told apart by
//! whether it may have been heard.

use super::SETTINGS;
use super::machine::{
    BEGIN, Machine, begin, data, data_bytes, end, farewell, frame, of, reset, room, settings, word,
};
use crate::http2::frame::{Reason, flag, kind, setting};
use crate::http2::{Failure, Reading};

#[test]
fn a_refused_call_is_unheard_unless_its_answer_began() {
    let mut machine = Machine::greeted(&[]);
    let ids = [machine.call(10), machine.call(10), machine.call(10)];
    machine.sends(&reset(ids[0], Reason::REFUSED_STREAM.0)).unwrap();
    machine.sends(&[begin(ids[1]), reset(ids[1], Reason::REFUSED_STREAM.0)].concat()).unwrap();
    machine.sends(&reset(ids[2], Reason::CANCEL.0)).unwrap();
    assert_eq!(ids.map(|id| machine.outcome(id)), ["unheard", "broke off", "broke off"]);
}

#[test]
fn a_reset_call_is_not_answered_with_another_reset_and_gives_its_place_back() {
    let mut machine = Machine::greeted(&[(setting::MAX_CONCURRENT_STREAMS, 1)]);
    let (first, second) = (machine.call(10), machine.call(10));
    machine.sent();
    machine.sends(&reset(first, Reason::CANCEL.0)).unwrap();
    let sent = machine.sent();
    assert_eq!(of(kind::RST_STREAM, &sent).len(), 0);
    assert_eq!(of(kind::HEADERS, &sent)[0].stream, second);
}

#[test]
fn an_end_without_a_status_broke_off_after_what_came() {
    let mut machine = Machine::greeted(&[]);
    let ids = [machine.call(10), machine.call(10)];
    machine.sends(&begin(ids[0])).unwrap();
    machine.sends(&frame(kind::DATA, flag::END_STREAM, ids[0], b"part")).unwrap();
    let (bytes, told) = machine.read(ids[0]);
    assert_eq!(bytes, b"part");
    assert!(matches!(told, Some(Err(Failure::BrokeOff(_)))));
    let flags = flag::END_STREAM | flag::END_HEADERS;
    machine.sends(&frame(kind::HEADERS, flags, ids[1], BEGIN)).unwrap();
    assert_eq!(machine.outcome(ids[1]), "broke off");
}

#[test]
fn data_before_the_head_ends_the_call_only() {
    let mut machine = Machine::greeted(&[]);
    let (id, other) = (machine.call(10), machine.call(10));
    machine.sent();
    machine.sends(&data(id, b"x")).unwrap();
    assert_eq!(word(&machine.sent()[0].payload), Reason::PROTOCOL_ERROR.0);
    assert_eq!([machine.outcome(id), machine.outcome(other)], ["broke off", "open"]);
}

#[test]
fn an_early_answer_counts_and_stops_the_request() {
    for code in ["0", "9"] {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call(1 << 20);
        assert_eq!(data_bytes(&machine.sent()), 65_535);
        machine.sends(&[begin(id), data(id, b"no need"), end(id, code)].concat()).unwrap();
        machine.sends(&[room(0, 1 << 20), room(id, 1 << 20)].concat()).unwrap();
        let sent = machine.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!((sent[0].kind, word(&sent[0].payload)), (kind::RST_STREAM, Reason::CANCEL.0));
        // Servers say that they need no more, which is no news.
        machine.sends(&reset(id, Reason::NO_ERROR.0)).unwrap();
        assert_eq!(machine.read(id).0, b"no need");
        assert_eq!(machine.outcome(id), if code == "0" { "well" } else { "status" });
    }
}

#[test]
fn after_a_farewell_earlier_calls_finish_and_later_ones_are_unheard() {
    let mut machine = Machine::greeted(&[(setting::MAX_CONCURRENT_STREAMS, 3)]);
    let ids: Vec<u32> = (0..4).map(|_| machine.call(100_000)).collect();
    machine.sent();
    machine.sends(&farewell(ids[1], 0)).unwrap();
    assert!(!machine.near.is_open());
    machine.sends(&room(0, 1 << 20)).unwrap();
    machine.sends(&[room(ids[1], 1 << 20), begin(ids[1]), end(ids[1], "0")].concat()).unwrap();
    let outcomes: Vec<_> = ids.iter().map(|id| machine.outcome(*id)).collect();
    assert_eq!(outcomes, ["open", "well", "unheard", "unheard"]);
    assert!(!machine.near.is_done());
    machine.sends(&[begin(ids[0]), end(ids[0], "0")].concat()).unwrap();
    assert_eq!(machine.outcome(ids[0]), "well");
    assert!(machine.near.is_done());
    assert!(of(kind::HEADERS, &machine.sent()).is_empty(), "what waited is never sent");
    let late = machine.near.begin(super::request(5), super::TIMEOUT, Reading::Whole);
    assert!(matches!(late, Err(Failure::Unheard(_))));
}

#[test]
fn after_a_farewell_that_names_no_call_only_those_that_wait_are_unheard() {
    let mut machine = Machine::greeted(&[(setting::MAX_CONCURRENT_STREAMS, 1)]);
    let (begun, waits) = (machine.call(10), machine.call(10));
    machine.sends(&farewell((1 << 31) - 1, 0)).unwrap();
    assert_eq!([machine.outcome(begun), machine.outcome(waits)], ["open", "unheard"]);
    machine.sends(&farewell(begun, 0)).unwrap();
    machine.sends(&[begin(begun), end(begun, "0")].concat()).unwrap();
    assert_eq!(machine.outcome(begun), "well");
}

#[test]
fn a_call_whose_answer_began_was_heard_whatever_a_farewell_says() {
    let mut machine = Machine::greeted(&[]);
    let ids = [machine.call(10), machine.call(10)];
    machine.sends(&begin(ids[0])).unwrap();
    machine.sends(&farewell(0, 0)).unwrap();
    assert_eq!(ids.map(|id| machine.outcome(id)), ["broke off", "unheard"]);
}

#[test]
fn a_call_is_heard_from_its_first_byte_on() {
    let mut machine = Machine::silent(SETTINGS);
    machine.sends(&settings(&[(setting::MAX_CONCURRENT_STREAMS, 3)])).unwrap();
    let ids: Vec<u32> = (0..4).map(|_| machine.call(100)).collect();
    let bytes = machine.bytes();
    let second = bytes.windows(9).rposition(|head| head[3..] == [1, 4, 0, 0, 0, 3]).unwrap();
    for (written, expected) in [(second, "unheard"), (second + 1, "broke off")] {
        let mut machine = Machine::silent(SETTINGS);
        machine.sends(&settings(&[(setting::MAX_CONCURRENT_STREAMS, 3)])).unwrap();
        assert_eq!((0..4).map(|_| machine.call(100)).collect::<Vec<_>>(), ids);
        machine.near.close(written as u64, "gone".into());
        let outcomes: Vec<_> = ids.iter().map(|id| machine.outcome(*id)).collect();
        assert_eq!(outcomes, ["broke off", expected, "unheard", "unheard"]);
    }
}

#[test]
fn an_answer_that_was_there_before_the_connection_closed_stays() {
    let mut machine = Machine::greeted(&[]);
    let (done, cut) = (machine.call(10), machine.call(10_000));
    machine.sends(&[begin(done), data(done, b"all"), end(done, "0")].concat()).unwrap();
    machine.sends(&[begin(cut), data(cut, b"some")].concat()).unwrap();
    machine.near.close(u64::MAX, "gone".into());
    machine.near.close(0, "again".into());
    assert!(machine.bytes().is_empty(), "what cannot be written is not kept");
    assert_eq!(machine.read(done), (b"all".to_vec(), Some(Ok(()))));
    let broke = Failure::BrokeOff("gone".into());
    assert_eq!(machine.read(cut), (b"some".to_vec(), Some(Err(broke))));
}

#[test]
fn why_the_server_said_farewell_is_told() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sends(&farewell(id, Reason::ENHANCE_YOUR_CALM.0)).unwrap();
    machine.near.close(u64::MAX, "hung up".into());
    let why = Failure::BrokeOff(Reason::ENHANCE_YOUR_CALM.text().into());
    assert_eq!(machine.read(id).1, Some(Err(why)));
}

#[test]
fn used_up_identifiers_end_a_connection_after_its_calls() {
    let mut machine = Machine::greeted(&[]);
    machine.near.skip_to((1 << 31) - 3);
    let (last_but_one, last) = (machine.call(10), { machine.call(10) });
    assert_eq!(last, (1 << 31) - 1);
    assert!(!machine.near.is_open());
    assert!(!machine.near.is_done());
    machine.sends(&[begin(last), end(last, "0")].concat()).unwrap();
    machine.sends(&[begin(last_but_one), end(last_but_one, "0")].concat()).unwrap();
    assert_eq!([machine.outcome(last), machine.outcome(last_but_one)], ["well", "well"]);
    assert!(machine.near.is_done());
}

#[test]
fn frames_for_forgotten_calls_change_nothing() {
    let mut machine = Machine::greeted(&[]);
    let (gone, id) = (machine.call(100_000), machine.call(10));
    machine.near.forget(gone);
    machine.sent();
    machine
        .sends(&[begin(gone), data(gone, b"x"), room(gone, 5), end(gone, "0")].concat())
        .unwrap();
    machine.sends(&reset(gone, 0)).unwrap();
    assert_eq!(machine.sent(), []);
    machine.sends(&[room(0, 1000), begin(id), end(id, "0")].concat()).unwrap();
    assert_eq!(data_bytes(&machine.sent()), 10);
    assert_eq!(machine.outcome(id), "well");
}
