//! What holds whatever a server does.

use super::machine::{Frame, Machine, begin, data, end, frame, reset, room, settings};
use super::model::Model;
use super::{READINGS, SETTINGS, pattern};
use crate::http2::Reading;
use crate::http2::frame::setting;
use proptest::collection::vec;
use proptest::prelude::*;

/// What a server, or somebody who waits for an answer, does. Calls are meant by their place among
/// all calls.
#[derive(Debug, Clone)]
enum Step {
    Call(usize, Reading),
    Forget(usize),
    Room(Option<usize>, u32),
    Set(u16, u32),
    Answer(usize, usize),
    Reset(usize, u32),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![1_usize..100, 1_usize..100_000];
    prop_oneof![
        3 => (length(), prop::sample::select(&READINGS[..])).prop_map(|(l, r)| Step::Call(l, r)),
        1 => (0_usize..16).prop_map(Step::Forget),
        3 => (prop::option::of(0_usize..16), 1_u32..100_000).prop_map(|(at, n)| Step::Room(at, n)),
        1 => (0_u32..100_000).prop_map(|n| Step::Set(setting::INITIAL_WINDOW_SIZE, n)),
        1 => (16_384_u32..40_000).prop_map(|n| Step::Set(setting::MAX_FRAME_SIZE, n)),
        1 => (0_u32..5).prop_map(|n| Step::Set(setting::MAX_CONCURRENT_STREAMS, n)),
        1 => (0_u32..8192).prop_map(|n| Step::Set(setting::HEADER_TABLE_SIZE, n)),
        2 => (0_usize..16, 0_usize..60_000).prop_map(|(at, n)| Step::Answer(at, n)),
        1 => (0_usize..16, 0_u32..14).prop_map(|(at, reason)| Step::Reset(at, reason)),
        1 => (0_usize..16).prop_map(Step::Read),
    ]
}

/// One call, and how it shall end once that is known.
struct Expected {
    id: u32,
    length: usize,
    forgotten: bool,
    answer: Option<(Vec<u8>, &'static str)>,
    read: Vec<u8>,
}

struct Play {
    machine: Machine,
    model: Model,
    calls: Vec<Expected>,
}

impl Play {
    fn new() -> Self {
        Self { machine: Machine::greeted(&[]), model: Model::new(), calls: Vec::new() }
    }

    fn sends(&mut self, bytes: &[u8]) {
        self.machine.sends(bytes).expect("nothing is wrong with it");
    }

    fn sets(&mut self, name: u16, value: u32) {
        self.model.sets(&[(name, value)]);
        self.sends(&settings(&[(name, value)]));
    }

    fn gives_room(&mut self, id: u32, more: u32) {
        self.model.grants(id, more);
        self.sends(&room(id, more));
    }

    /// The call at a place, where the server knows it and may speak of it.
    fn open(&self, at: usize) -> Option<u32> {
        let id = self.calls.get(at)?.id;
        self.model.is_open(id).then_some(id)
    }

    fn does(&mut self, step: &Step) {
        match *step {
            Step::Call(length, reading) => {
                let id = self.machine.call_for(length, reading);
                let (answer, read) = (None, Vec::new());
                self.calls.push(Expected { id, length, forgotten: false, answer, read });
            }
            Step::Forget(at) => {
                if let Some(call) = self.calls.get_mut(at) {
                    call.forgotten = true;
                    self.machine.near.forget(call.id);
                }
            }
            Step::Room(None, more) => self.gives_room(0, more),
            Step::Room(Some(at), more) => {
                if let Some(id) = self.open(at) {
                    self.gives_room(id, more);
                }
            }
            Step::Set(name, value) => self.sets(name, value),
            Step::Answer(at, length) => {
                if let Some(id) = self.open(at) {
                    self.answer(at, id, length);
                }
            }
            Step::Reset(at, reason) => {
                if let Some(id) = self.open(at) {
                    self.model.resets(id);
                    self.sends(&reset(id, reason));
                    let told = if reason == 7 { "unheard" } else { "broke off" };
                    self.calls[at].answer = Some((Vec::new(), told));
                }
            }
            Step::Read(at) => self.read(at),
        }
        self.look();
    }

    fn answer(&mut self, at: usize, id: u32, length: usize) {
        let bytes = pattern(u64::from(id), length);
        self.model.answers(id);
        self.sends(&[begin(id), data(id, &bytes), end(id, "0")].concat());
        self.calls[at].answer = Some((bytes, "well"));
    }

    /// What the reader of a call sees is what was answered, again and again.
    fn read(&mut self, at: usize) {
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.forgotten) else { return };
        call.read.extend_from_slice(&self.machine.read(call.id).0);
        let (bytes, told) = call.answer.clone().unwrap_or((Vec::new(), "open"));
        assert_eq!(self.machine.outcome(call.id), told);
        assert!(call.read == bytes);
    }

    /// Holds what was sent against what was granted.
    fn look(&mut self) {
        let sent: Vec<Frame> = self.machine.sent();
        sent.iter().for_each(|frame| self.model.comes(frame));
    }

    /// With room for everything all requests come, all answers are read, and nothing is left.
    fn comes_to_an_end(&mut self) {
        self.sets(setting::MAX_CONCURRENT_STREAMS, 1000);
        self.sets(setting::INITIAL_WINDOW_SIZE, 1 << 28);
        self.gives_room(0, 1 << 28);
        self.look();
        for at in 0..self.calls.len() {
            if let Some(id) = self.open(at) {
                assert!(self.model.is_whole(id, self.calls[at].length));
                self.answer(at, id, 10);
            }
            assert!(self.calls[at].forgotten || self.calls[at].answer.is_some());
            self.read(at);
        }
        self.look();
        self.machine.near.abandon();
        assert!(self.machine.near.is_done());
    }
}

proptest! {
    #[test]
    fn no_more_is_sent_than_granted_and_every_call_ends_as_it_should(steps in vec(step(), 0..60)) {
        let mut play = Play::new();
        steps.iter().for_each(|step| play.does(step));
        play.comes_to_an_end();
    }

    #[test]
    fn nothing_a_server_sends_breaks_or_bloats_the_client(
        frames in vec((0_u8..12, any::<u8>(), 0_u32..12, vec(any::<u8>(), 0..40)), 0..60),
        most in 0_u32..6,
        greeted in prop::bool::weighted(0.9),
        noise in vec(any::<u8>(), 0..30),
        cuts in vec(1_usize..50, 1..10),
    ) {
        let mut machine = Machine::silent(SETTINGS);
        let mut bytes = Vec::new();
        if greeted {
            bytes.extend_from_slice(&settings(&[(setting::MAX_CONCURRENT_STREAMS, most)]));
        }
        let ids: Vec<u32> = (0..5).map(|_| machine.call(2000)).collect();
        for (kind, flags, stream, payload) in &frames {
            bytes.extend_from_slice(&frame(*kind, *flags, *stream, payload));
        }
        bytes.extend_from_slice(&noise);
        let (mut rest, mut healthy) = (&bytes[..], true);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            rest = later;
            healthy = healthy && machine.sends(now).is_ok();
            if rest.is_empty() || !healthy {
                break;
            }
        }
        let sent: usize = machine.sent().iter().map(|frame| frame.payload.len()).sum();
        prop_assert!(sent <= 5 * 2200 + bytes.len(), "{} bytes were sent", sent);
        machine.near.close(machine.written, "over".into());
        for id in ids {
            prop_assert!(machine.outcome(id) != "open");
            machine.near.forget(id);
        }
    }
}
