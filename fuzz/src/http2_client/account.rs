//! What a server allowed a client, and what the client made of it. Reads frames by itself.

use crate::verdict::ensure;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most bytes that a client sends for a request, besides its content.
const HEAD_BYTES: usize = 400;

/// Bytes in which each place tells; as many as the longest request has.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    let byte_at = |place: usize| (place ^ (place >> 8) ^ (place >> 16)) as u8;
    (0..LONGEST).map(byte_at).collect()
});

/// The longest request, in bytes.
const LONGEST: usize = 2_000_000;

/// The first bytes of all requests.
pub fn pattern(length: usize) -> Bytes {
    PATTERN.slice(..length.min(LONGEST))
}

/// A frame.
#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// Takes the first whole one out of `bytes`.
    fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let head = *bytes.first_chunk::<9>()?;
        let length =
            (usize::from(head[0]) << 16) + (usize::from(head[1]) << 8) + usize::from(head[2]);
        if bytes.len() < 9 + length {
            return None;
        }
        let payload = bytes[9..9 + length].to_vec();
        bytes.drain(..9 + length);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some(Self { kind: head[3], flags: head[4], stream, payload })
    }

    fn word(&self, at: usize) -> u32 {
        self.payload
            .get(at..at + 4)
            .map_or(0, |four| four.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// What no client may take, whatever went before.
    fn is_fault(&self) -> bool {
        let length = self.payload.len();
        match self.kind {
            0 | 1 => self.stream.is_multiple_of(2),
            3 => length != 4 || self.stream.is_multiple_of(2),
            4 if self.flags & 1 != 0 => self.stream != 0 || length != 0,
            4 => self.stream != 0 || !length.is_multiple_of(6),
            5 => true,
            6 => self.stream != 0 || length != 8,
            7 => self.stream != 0 || length < 8,
            8 => length != 4 || self.stream == 0 && self.word(0) & 0x7fff_ffff == 0,
            9 => self.stream == 0,
            _ => false,
        }
    }

    /// The content of data, without padding.
    fn content(&self) -> &[u8] {
        if self.flags & 8 == 0 {
            return &self.payload;
        }
        let padding = self.payload.first().map_or(0, |n| usize::from(*n));
        let end = self.payload.len().saturating_sub(padding);
        self.payload.get(1..end.max(1)).unwrap_or_default()
    }
}

/// A request as it came.
#[derive(Debug, Default)]
struct Request {
    bytes: usize,
    is_over: bool,
    granted: u64,
}

/// What was allowed and what came.
#[derive(Debug, Default)]
pub struct Account {
    greeted: bool,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    probe: Vec<u8>,
    requests: BTreeMap<u32, Request>,
    /// Answers, as they were sent.
    answers: BTreeMap<u32, Vec<u8>>,
    granted: u64,
    widest: u64,
    longest: usize,
    came: u64,
    settings: u32,
    pings: u32,
    farewell: bool,
    fault: bool,
    kinds: [u8; 12],
}

impl Account {
    /// The first words of a server.
    pub fn settings(&self) -> Vec<u8> {
        vec![0, 0, 0, 4, 0, 0, 0, 0, 0]
    }

    /// What the client waits for.
    pub fn answer_to_ping(&self) -> Vec<u8> {
        [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &self.probe].concat()
    }

    /// Takes note of what the server sends.
    pub fn server_sends(&mut self, bytes: &[u8]) {
        self.from_server.extend_from_slice(bytes);
        while let Some(frame) = Frame::take(&mut self.from_server) {
            // Nobody reads behind a fault.
            if self.fault {
                continue;
            }
            self.fault = frame.is_fault();
            self.kinds[usize::from(frame.kind).min(11)] |= 1 << (frame.stream & 3);
            match frame.kind {
                0 => self.answers.entry(frame.stream).or_default().extend(frame.content()),
                4 if frame.flags & 1 == 0 => self.sets(&frame),
                6 if frame.flags & 1 == 0 => self.pings += 1,
                8 => self.grants(frame.stream, frame.word(0) & 0x7fff_ffff),
                _ => {}
            }
        }
    }

    fn sets(&mut self, frame: &Frame) {
        self.settings += 1;
        for entry in frame.payload.chunks_exact(6) {
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            match (entry[0], entry[1]) {
                (0, 4) => self.widest = self.widest.max(value.into()),
                (0, 5) => self.longest = self.longest.max(value as usize),
                _ => {}
            }
        }
    }

    fn grants(&mut self, stream: u32, more: u32) {
        if stream == 0 {
            self.granted += u64::from(more);
        } else {
            // Where there is none the client must find fault.
            let request = self.requests.get_mut(&stream);
            request.into_iter().for_each(|request| request.granted += u64::from(more));
        }
    }

    /// Holds what the client sends against what was allowed.
    ///
    /// # Errors
    /// What it must not send.
    pub fn client_sends(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.from_client.extend_from_slice(bytes);
        if !self.greeted && !self.from_client.is_empty() {
            ensure(self.from_client.starts_with(PREFACE), || "no preface".into())?;
            self.from_client.drain(..PREFACE.len());
            self.greeted = true;
        }
        while let Some(frame) = Frame::take(&mut self.from_client) {
            ensure(!self.farewell, || format!("it sends behind its farewell: {frame:?}"))?;
            self.comes(&frame)?;
        }
        ensure(self.from_client.is_empty(), || "it sends a frame that is cut".into())
    }

    fn comes(&mut self, frame: &Frame) -> Result<(), String> {
        let begun = self.requests.contains_key(&frame.stream);
        match frame.kind {
            0 => self.data(frame)?,
            1 => {
                let last = self.requests.keys().last().copied().unwrap_or(0);
                ensure(frame.stream % 2 == 1 && frame.stream > last && !begun, || {
                    format!("a request on stream {}", frame.stream)
                })?;
                ensure(frame.payload.len() < HEAD_BYTES, || "a very long head".into())?;
                self.requests.entry(frame.stream).or_default();
            }
            3 => {
                let request =
                    self.requests.get_mut(&frame.stream).ok_or("an idle stream is reset")?;
                request.is_over = true;
            }
            4 if frame.flags & 1 != 0 => {
                self.settings =
                    self.settings.checked_sub(1).ok_or("settings acknowledged twice")?;
            }
            6 if frame.flags & 1 != 0 => {
                self.pings = self.pings.checked_sub(1).ok_or("a ping is answered twice")?;
            }
            6 => self.probe.clone_from(&frame.payload),
            7 => self.farewell = true,
            4 | 8 => {}
            other => return Err(format!("a frame of kind {other}")),
        }
        Ok(())
    }

    fn data(&mut self, frame: &Frame) -> Result<(), String> {
        let length = frame.payload.len() as u64;
        ensure(frame.payload.len() <= self.longest.max(16_384), || "a frame too long".into())?;
        self.came += length;
        let granted = 65_535 + self.granted;
        ensure(self.came <= granted, || format!("{} bytes came of {granted}", self.came))?;
        let widest = self.widest.max(65_535);
        let request = self.requests.get_mut(&frame.stream).ok_or("data on an idle stream")?;
        ensure(!request.is_over, || format!("data after the end of {}", frame.stream))?;
        let (from, sent) = (request.bytes, &frame.payload);
        let sound = PATTERN.get(from..from + sent.len()) == Some(sent);
        request.bytes += sent.len();
        request.is_over = frame.flags & 1 != 0;
        let (came, granted) = (request.bytes as u64, widest + request.granted);
        ensure(came <= granted, || format!("{came} bytes came on a stream of {granted}"))?;
        let at = (frame.stream as usize - 1) / 2;
        let length = super::LENGTHS.get(at).copied().unwrap_or(0);
        let fits = if request.is_over { request.bytes == length } else { request.bytes < length };
        ensure(sound && fits, || format!("the request on {} is another", frame.stream))
    }

    /// After a fault nobody goes on.
    ///
    /// # Errors
    /// When it does.
    pub fn must_have_ended(&self, ended: bool) -> Result<(), String> {
        ensure(ended || !self.fault, || "it goes on though the server breaks the rules".into())
    }

    /// What a reader saw is what was sent for him, from its beginning.
    ///
    /// # Errors
    /// When it is not.
    pub fn is_answer(&self, stream: u32, seen: &[u8]) -> Result<(), String> {
        let sent = self.answers.get(&stream).map_or(&[][..], Vec::as_slice);
        ensure(sent.starts_with(seen), || format!("{} bytes on {stream} were not sent", seen.len()))
    }

    /// What came about, roughly.
    pub fn shape(&self) -> impl std::fmt::Debug + use<> {
        let over = self.requests.values().filter(|request| request.is_over).count();
        (self.kinds, self.farewell, self.fault, over, self.came / 65_536)
    }
}
