//! The client's side of one HTTP/2 connection as a machine without input and output: bytes that came
//! go in, bytes to be written come out.
//!
//! The dynamic table of our side has no room, so header blocks have no memory and those of calls
//! that are over need not be read.

mod receiving;
mod sending;

use super::failure::Failure;
use super::frame::{self, Fault, Head, MAX_31_BITS, Reason, setting};
use super::meaning::{MAX_FIELD_BYTES, Meanings};
use super::outbox::Outbox;
use super::request_head::RequestHeads;
use super::stream::{Progress, Reading, Stream, Unsent};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::task::Waker;
use std::time::Duration;

/// Frames that are taken; large ones cost a fraction. In bytes.
const MAX_FRAME_BYTES: usize = 1 << 20;
/// What may be on its way on all streams together, given back as it comes: readers who stall hold up
/// nobody else. In bytes.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// What both ends assume before they are told.
const INITIAL_WINDOW: u32 = 65_535;
const INITIAL_FRAME_BYTES: usize = 16_384;
/// What is sent to learn whether anybody answers.
const PROBE: [u8; 8] = *b"sidegate";

/// How a connection is set up.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The authority that calls name.
    pub authority: &'a str,
    /// The path of the method that is called.
    pub path: &'a str,
    /// What one answer may have on its way before it is read, in bytes.
    pub window: u32,
}

/// Identifiers of streams are numbers that we choose ourselves.
#[derive(Debug, Default)]
struct StreamHasher(u64);

impl Hasher for StreamHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "identifiers are numbers");
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Streams = HashMap<u32, Stream, BuildHasherDefault<StreamHasher>>;

/// A header block that comes in pieces.
#[derive(Debug)]
struct Block {
    head: Head,
    bytes: Vec<u8>,
    pieces: usize,
}

/// What the other end allows.
#[derive(Debug)]
struct Peer {
    window: u32,
    frame_bytes: usize,
    streams: usize,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    heads: RequestHeads,
    meanings: Meanings,
    streams: Streams,
    /// Calls that wait for a place, or for others to leave, in order. The first of them is still wanted.
    waiting: VecDeque<u32>,
    /// Calls that have more to send and room for it, in turns.
    line: VecDeque<u32>,
    peer: Peer,
    /// Of each stream, in bytes.
    window: u32,
    /// What the other end takes on all streams.
    send_window: i64,
    /// What came on all streams since we gave it back.
    received: u32,
    next_id: u32,
    /// The last stream the other end was told of.
    begun: u32,
    /// Calls that take one of the other end's places.
    open: usize,
    block: Option<Block>,
    settled: bool,
    probed: bool,
    /// No call begins any more.
    closed: bool,
    /// Nobody will make a call any more.
    abandoned: bool,
    /// Answers to pings and settings that were not handed over.
    replies: usize,
    /// Why the other end begins no more calls.
    farewell: Reason,
    out: Outbox,
    /// Whoever reads and writes; to be woken only while it sleeps.
    driver: Option<Waker>,
    driver_sleeps: bool,
}

impl Connection {
    /// A connection with its first words ready to be written.
    pub(super) fn new(settings: Settings<'_>) -> Self {
        let mut out = Outbox::default();
        out.put(|out| {
            out.extend_from_slice(frame::PREFACE);
            frame::put_settings(
                out,
                &[
                    (setting::HEADER_TABLE_SIZE, 0),
                    (setting::ENABLE_PUSH, 0),
                    (setting::INITIAL_WINDOW_SIZE, settings.window),
                    (setting::MAX_FRAME_SIZE, MAX_FRAME_BYTES as u32),
                    (setting::MAX_HEADER_LIST_SIZE, MAX_FIELD_BYTES as u32),
                ],
            );
            frame::put_window_update(out, 0, CONNECTION_WINDOW - INITIAL_WINDOW);
            frame::put_ping(out, 0, PROBE);
        });
        Self {
            heads: RequestHeads::new(settings.authority, settings.path),
            meanings: Meanings::default(),
            streams: Streams::default(),
            waiting: VecDeque::new(),
            line: VecDeque::new(),
            peer: Peer {
                window: INITIAL_WINDOW,
                frame_bytes: INITIAL_FRAME_BYTES,
                streams: usize::MAX,
            },
            window: settings.window,
            send_window: i64::from(INITIAL_WINDOW),
            received: 0,
            next_id: 1,
            begun: 0,
            open: 0,
            block: None,
            settled: false,
            probed: false,
            closed: false,
            abandoned: false,
            replies: 0,
            farewell: Reason::NO_ERROR,
            out,
            driver: None,
            driver_sleeps: false,
        }
    }

    /// Goes on with this identifier, as if all before were used.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, id: u32) {
        self.next_id = id;
    }

    /// Whether the other end has shown that it is there.
    pub(super) fn is_greeted(&self) -> bool {
        self.settled && self.probed
    }

    /// Whether calls can begin.
    pub(super) fn is_open(&self) -> bool {
        !self.closed
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        (self.closed || self.abandoned) && self.open == 0 && self.waiting.is_empty()
    }

    /// Nobody will make a call any more.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
        self.wake_driver();
    }

    /// Whoever reads and writes is at work and sees for itself what there is to write.
    pub(super) fn awake(&mut self) {
        self.driver_sleeps = false;
    }

    /// Whoever reads and writes sleeps, and is woken when there is something to write.
    pub(super) fn sleep(&mut self, driver: &Waker) {
        self.driver_sleeps = true;
        match &self.driver {
            Some(known) if known.will_wake(driver) => {}
            _ => self.driver = Some(driver.clone()),
        }
    }

    /// Hands over what waits to be written, where all that was handed over before was written;
    /// `false` when nothing waits.
    pub(super) fn hand_over(&mut self, leaving: &mut Outbox) -> bool {
        self.replies = 0;
        if self.out.is_empty() {
            return false;
        }
        self.out.take_into(leaving);
        // There is room again for what did not fit.
        self.start_waiting();
        self.send();
        true
    }

    fn wake_driver(&mut self) {
        if std::mem::take(&mut self.driver_sleeps)
            && let Some(driver) = &self.driver
        {
            driver.wake_by_ref();
        }
    }

    /// Begins a call, or lets it wait for a place; answers its identifier.
    ///
    /// # Errors
    /// When no call can begin any more.
    pub(super) fn begin(
        &mut self,
        request: (Bytes, Bytes),
        timeout: Duration,
        reading: Reading,
    ) -> Result<u32, Failure> {
        if self.closed {
            return Err(Failure::Unheard("the connection takes no more calls".into()));
        }
        let id = self.next_id;
        self.next_id += 2;
        // The next one would be too large: somebody else makes a new connection in time.
        self.closed = self.next_id > MAX_31_BITS;
        let unsent = Unsent { head: request.0, body: request.1 };
        let windows = (i64::from(self.peer.window), self.window);
        self.streams.insert(id, Stream::new(reading, timeout, unsent, windows));
        self.waiting.push_back(id);
        self.start_waiting();
        self.wake_driver();
        Ok(id)
    }

    /// A call has ended; `by_both` unless the other end may still send on its stream.
    fn end(&mut self, id: u32, end: Result<(), Failure>, by_both: bool) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.end.is_none()) else {
            return;
        };
        stream.end = Some(end);
        stream.wake();
        let has_more = stream.unsent.len() > 0;
        stream.unsent = Unsent::default();
        if matches!(stream.progress, Progress::Begun(_)) {
            self.open -= 1;
            if has_more || !by_both {
                self.out.put(|out| frame::put_reset(out, id, Reason::CANCEL));
            }
            self.start_waiting();
        }
    }

    /// The call of a reader, who is told with `f` how it stands; what it read makes room for more.
    pub(super) fn read<T>(&mut self, id: u32, f: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let stream = self.streams.get_mut(&id)?;
        let seen = f(stream);
        if let Some(more) = stream.room(self.window) {
            self.out.put(|out| frame::put_window_update(out, id, more));
            self.wake_driver();
        }
        Some(seen)
    }

    /// Nobody waits for a call any more.
    pub(super) fn forget(&mut self, id: u32) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.trim();
        if stream.end.is_some() {
            return;
        }
        if let Progress::Begun(_) = stream.progress {
            self.open -= 1;
            self.out.put(|out| frame::put_reset(out, id, Reason::CANCEL));
            self.start_waiting();
        }
        self.wake_driver();
    }

    /// Lets no queue begin with, and so be kept long by, calls that nobody waits for.
    fn trim(&mut self) {
        for queue in [&mut self.waiting, &mut self.line] {
            while queue.front().is_some_and(|id| !self.streams.contains_key(id)) {
                queue.pop_front();
            }
        }
    }

    /// The connection has ended after so many bytes had left.
    pub(super) fn close(&mut self, written: u64, why: Cow<'static, str>) {
        let why = match self.farewell {
            Reason::NO_ERROR => why,
            other => other.text().into(),
        };
        self.closed = true;
        self.waiting.clear();
        self.line.clear();
        self.open = 0;
        self.out = Outbox::default();
        for stream in self.streams.values_mut().filter(|stream| stream.end.is_none()) {
            let unheard = match stream.progress {
                Progress::Waiting => true,
                Progress::Begun(at) => at >= written,
            };
            let failure = if unheard { Failure::Unheard } else { Failure::BrokeOff };
            stream.end = Some(Err(failure(why.clone())));
            stream.unsent = Unsent::default();
            stream.wake();
        }
    }

    /// Says why the connection ends, as the last that is ever said on it.
    pub(super) fn complain(&mut self, fault: Fault) {
        self.closed = true;
        self.out.put(|out| frame::put_goaway(out, fault));
        self.out.seal();
    }
}
