//! What a server must not do ends the connection, with a farewell that says why; nothing hangs.

use super::machine::{BEGIN, Machine, begin, data, frame, of, room, settings};
use super::wire::wired;
use super::{TIMEOUT, request, soon, whole};
use crate::http2::frame::{Reason, flag, kind, setting};
use crate::http2::{Failure, Reading};

const PING: [u8; 8] = *b"01234567";

/// What is sent while calls 1 and 3 are open, and the reason that is due for it.
fn faults() -> Vec<(&'static str, Vec<u8>, Reason)> {
    let open = frame(kind::HEADERS, 0, 1, BEGIN);
    let within = |bytes: Vec<u8>| [&open[..], &bytes].concat();
    let bad_setting = |name, value| settings(&[(name, value)]);
    let protocol = [
        ("a push", frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("data on an idle stream", data(5, b"x")),
        ("data on the server's own stream", data(2, b"x")),
        ("data on the connection", data(0, b"x")),
        ("a head on an idle stream", begin(5)),
        ("a reset of an idle stream", frame(kind::RST_STREAM, 0, 5, &[0; 4])),
        ("room for an idle stream", room(5, 1)),
        ("room for the server's own stream", room(2, 1)),
        ("a ping on a stream", frame(kind::PING, 0, 1, &PING)),
        ("settings on a stream", frame(kind::SETTINGS, 0, 1, &[])),
        ("a farewell on a stream", frame(kind::GOAWAY, 0, 1, &[0; 8])),
        ("data within a header block", within(data(1, b"x"))),
        ("a ping within a header block", within(frame(kind::PING, 0, 0, &PING))),
        ("a head within a header block", within(begin(3))),
        ("an unknown frame within a header block", within(frame(77, 0, 1, b"x"))),
        ("a continuation of another", within(frame(kind::CONTINUATION, 4, 3, b""))),
        ("a continuation of nothing", frame(kind::CONTINUATION, 4, 1, b"")),
        ("more padding than frame", frame(kind::DATA, flag::PADDED, 1, b"\x02x")),
        ("frames that are too small", bad_setting(setting::MAX_FRAME_SIZE, 16_383)),
        ("frames that are too large", bad_setting(setting::MAX_FRAME_SIZE, 1 << 24)),
    ]
    .map(|(what, bytes)| (what, bytes, Reason::PROTOCOL_ERROR));
    let size = [
        ("a short ping", frame(kind::PING, 0, 0, &PING[1..])),
        ("a short reset", frame(kind::RST_STREAM, 0, 1, &[0; 3])),
        ("a short farewell", frame(kind::GOAWAY, 0, 0, &[0; 7])),
        ("cut settings", frame(kind::SETTINGS, 0, 0, &[0; 7])),
        ("an acknowledgement that says more", frame(kind::SETTINGS, flag::ACK, 0, &[0; 6])),
        ("long room", frame(kind::WINDOW_UPDATE, 0, 1, &[1; 5])),
        ("a frame larger than announced", vec![0x10, 0, 1, kind::DATA, 0, 0, 0, 0, 1]),
    ]
    .map(|(what, bytes)| (what, bytes, Reason::FRAME_SIZE_ERROR));
    let window = bad_setting(setting::INITIAL_WINDOW_SIZE, 1 << 31);
    let block = |block: &[u8]| frame(kind::HEADERS, flag::END_HEADERS, 1, block);
    let without_end = [open.clone(), frame(kind::CONTINUATION, 0, 1, b"").repeat(1000)].concat();
    let others = [
        ("a window that is too large", window, Reason::FLOW_CONTROL_ERROR),
        ("room that overflows", room(0, (1 << 31) - 1), Reason::FLOW_CONTROL_ERROR),
        ("a reference to no entry", block(&[0xbe]), Reason::COMPRESSION_ERROR),
        ("a cut header block", block(&[0x00, 0x05, b'x']), Reason::COMPRESSION_ERROR),
        ("a header block without end", without_end, Reason::ENHANCE_YOUR_CALM),
        ("very many pings", frame(kind::PING, 0, 0, &PING).repeat(1800), Reason::ENHANCE_YOUR_CALM),
    ];
    protocol.into_iter().chain(size).chain(others).collect()
}

#[tokio::test]
async fn a_fault_ends_the_connection_with_its_reason_and_every_call() {
    for (what, bytes, reason) in faults() {
        let (client, driver, mut wire) = wired(64 * 1024).await;
        let call = || client.call(request(10), TIMEOUT, Reading::Whole).unwrap();
        let (first, second) = (call(), call());
        wire.until(kind::DATA).await;
        wire.send(&bytes).await;
        let said = wire.until(kind::GOAWAY).await;
        let (last, rest) = said.payload.split_at(4);
        assert_eq!((last, &rest[..4]), (&[0; 4][..], &reason.0.to_be_bytes()[..]), "{what}");
        let why = soon(driver).await.unwrap();
        assert_eq!(why.as_bytes(), &rest[4..], "{what}");
        for call in [first, second] {
            let told = soon(whole(call)).await.1;
            assert_eq!(told, Err(Failure::BrokeOff(why.clone())), "{what}");
        }
        assert!(!client.is_open());
    }
}

/// Calls that have more to send, that wait for a place, or are given up: none of it follows.
#[test]
fn nothing_is_sent_behind_a_farewell_of_our_own() {
    let mut machine = Machine::greeted(&[(setting::MAX_CONCURRENT_STREAMS, 2)]);
    // More than is handed over at once.
    machine.sends(&settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 28)])).unwrap();
    machine.sends(&room(0, 1 << 28)).unwrap();
    let ids = [4 << 20, 10, 10].map(|length| machine.call(length));
    machine.sends(&[begin(ids[0]), data(ids[0], &[7; 40_000])].concat()).unwrap();
    let fault = machine.sends(&frame(kind::PING, 0, 0, b"short")).unwrap_err();
    machine.near.complain(fault);
    machine.read(ids[0]);
    ids.iter().for_each(|id| machine.near.forget(*id));
    assert!(machine.near.begin(request(10), TIMEOUT, Reading::Whole).is_err());
    let sent = machine.sent();
    let farewell = sent.iter().position(|frame| frame.kind == kind::GOAWAY).unwrap();
    assert_eq!(sent[farewell + 1..], []);
}

#[tokio::test]
async fn a_server_sees_our_farewell_as_the_last() {
    let (client, driver, mut wire) = wired(16 << 20).await;
    let calls = [4 << 20, 4 << 20].map(|n| client.call(request(n), TIMEOUT, Reading::Whole));
    wire.until(kind::DATA).await;
    let roomy = [settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 28)]), room(0, 1 << 28)].concat();
    wire.send(&[roomy, frame(kind::PING, 0, 0, &PING[1..])].concat()).await;
    wire.until(kind::GOAWAY).await;
    soon(driver).await.unwrap();
    assert_eq!(wire.next().await, None);
    drop(calls);
}

#[test]
fn a_large_header_block_without_end_is_not_kept() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sends(&frame(kind::HEADERS, 0, id, b"")).unwrap();
    let piece = frame(kind::CONTINUATION, 0, id, &[0; 100_000]);
    let sent = (0..100).take_while(|_| machine.sends(&piece).is_ok()).count();
    assert!(sent <= 10, "{sent} pieces were kept");
}

#[test]
fn pings_of_a_server_that_reads_its_answers_are_answered_for_ever() {
    let mut machine = Machine::greeted(&[]);
    for _ in 0..5000 {
        machine.sends(&frame(kind::PING, 0, 0, &PING)).unwrap();
        assert_eq!(of(kind::PING, &machine.sent()).len(), 1);
    }
}

#[test]
fn pings_of_a_server_that_does_not_read_are_not_kept_without_end() {
    for flood in [frame(kind::PING, 0, 0, &PING), settings(&[])] {
        let mut machine = Machine::greeted(&[]);
        let answered = (0..5000).take_while(|_| machine.sends(&flood).is_ok()).count();
        assert!((100..=1000).contains(&answered), "{answered} answers were kept");
    }
}

#[test]
fn frames_nobody_knows_and_fields_of_later_standards_are_passed_over() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sent();
    machine.sends(&frame(77, 0xff, 0, b"new")).unwrap();
    machine.sends(&frame(2, 0, id, &[0; 5])).unwrap();
    machine.sends(&settings(&[(0xff, 1), (8, 1), (setting::MAX_HEADER_LIST_SIZE, 1)])).unwrap();
    machine.sends(&begin(id)).unwrap();
    // Reserved bits are ignored.
    machine.sends(&frame(kind::DATA, 0xf6, 1 << 31 | id, b"x")).unwrap();
    assert_eq!(machine.read(id), (b"x".to_vec(), None));
    let acked = machine.sent();
    assert_eq!((acked.len(), acked[0].kind), (1, kind::SETTINGS));
}
