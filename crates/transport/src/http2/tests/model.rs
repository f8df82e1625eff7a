//! A server's own account of what it granted and what came of it.

use super::machine::{Frame, word};
use super::pattern;
use crate::http2::frame::{flag, kind, setting};
use std::collections::{BTreeMap, VecDeque};

/// A request as it comes.
#[derive(Debug)]
pub(super) struct Request {
    window: i64,
    pub(super) bytes: Vec<u8>,
    pub(super) ended: bool,
    answered: bool,
    /// Nothing more may come.
    closed: bool,
}

/// What a server granted; every frame of a client is held against it.
#[derive(Debug)]
pub(super) struct Model {
    window: i64,
    initial_window: u32,
    frame_bytes: usize,
    most: u32,
    /// Settings that were not acknowledged.
    settings: VecDeque<Vec<(u16, u32)>>,
    pub(super) requests: BTreeMap<u32, Request>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            window: 65_535,
            initial_window: 65_535,
            frame_bytes: 16_384,
            most: u32::MAX,
            settings: VecDeque::new(),
            requests: BTreeMap::new(),
        }
    }

    pub(super) fn grants(&mut self, id: u32, more: u32) {
        if id == 0 {
            self.window += i64::from(more);
        } else if let Some(request) = self.requests.get_mut(&id) {
            request.window += i64::from(more);
        }
    }

    pub(super) fn sets(&mut self, settings: &[(u16, u32)]) {
        self.settings.push_back(settings.to_vec());
    }

    /// Whether the server may still say something about this call.
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.requests.get(&id).is_some_and(|request| !request.closed && !request.answered)
    }

    /// The server answers to the end.
    pub(super) fn answers(&mut self, id: u32) {
        let request = self.requests.get_mut(&id).unwrap();
        request.answered = true;
        request.closed |= request.ended;
    }

    /// The server resets.
    pub(super) fn resets(&mut self, id: u32) {
        self.requests.get_mut(&id).unwrap().closed = true;
    }

    pub(super) fn comes(&mut self, frame: &Frame) {
        match frame.kind {
            kind::HEADERS => self.head(frame),
            kind::DATA => self.data(frame),
            kind::RST_STREAM => {
                let request =
                    self.requests.get_mut(&frame.stream).expect("an idle stream is reset");
                assert!(!request.closed, "it is reset though it is closed");
                request.closed = true;
            }
            kind::SETTINGS => self.acknowledged(frame),
            kind::WINDOW_UPDATE => assert!(word(&frame.payload) > 0),
            other => panic!("a frame of kind {other}"),
        }
    }

    fn head(&mut self, frame: &Frame) {
        let last = self.requests.keys().last().copied().unwrap_or(0);
        assert!(frame.stream > last && frame.stream % 2 == 1);
        let open = self.requests.values().filter(|request| !request.closed).count();
        assert!((open as u32) < self.most, "{open} are open, {} may be", self.most);
        let request = Request {
            window: i64::from(self.initial_window),
            bytes: Vec::new(),
            ended: false,
            answered: false,
            closed: false,
        };
        self.requests.insert(frame.stream, request);
    }

    fn data(&mut self, frame: &Frame) {
        let request = self.requests.get_mut(&frame.stream).expect("data on an idle stream");
        assert!(!request.closed && !request.ended, "data after the end");
        let length = frame.payload.len();
        assert!(length > 0 && length <= self.frame_bytes);
        request.window -= length as i64;
        self.window -= length as i64;
        assert!(request.window >= 0 && self.window >= 0, "more than was granted");
        request.bytes.extend_from_slice(&frame.payload);
        request.ended = frame.flags & flag::END_STREAM != 0;
        request.closed = request.ended && request.answered;
    }

    fn acknowledged(&mut self, frame: &Frame) {
        assert_eq!(frame.flags, flag::ACK);
        for (name, value) in self.settings.pop_front().expect("there is one to acknowledge") {
            match name {
                setting::INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - i64::from(self.initial_window);
                    self.initial_window = value;
                    self.requests.values_mut().for_each(|request| request.window += change);
                }
                setting::MAX_FRAME_SIZE => self.frame_bytes = value as usize,
                setting::MAX_CONCURRENT_STREAMS => self.most = value,
                _ => {}
            }
        }
    }

    /// A request that came as a whole came as it was sent.
    pub(super) fn is_whole(&self, id: u32, length: usize) -> bool {
        self.requests[&id].ended && self.requests[&id].bytes == pattern(1, length)
    }
}
