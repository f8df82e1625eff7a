//! Frames of HTTP/2: their heads, and the small ones as a whole. Knows no stream's state.

use bytes::{BufMut as _, BytesMut};

/// What every frame begins with.
pub(super) const HEAD_BYTES: usize = 9;
/// The largest identifier of a stream, and the largest window.
pub(super) const MAX_31_BITS: u32 = (1 << 31) - 1;

/// What a client sends first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 0x1;
    pub(in super::super) const ACK: u8 = 0x1;
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    pub(in super::super) const PADDED: u8 = 0x8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// Names of settings.
pub(super) mod setting {
    pub(in super::super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in super::super) const ENABLE_PUSH: u16 = 2;
    pub(in super::super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in super::super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in super::super) const MAX_FRAME_SIZE: u16 = 5;
    pub(in super::super) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection ends, as HTTP/2 numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reason(pub(super) u32);

impl Reason {
    pub(super) const NO_ERROR: Self = Self(0);
    pub(super) const PROTOCOL_ERROR: Self = Self(1);
    pub(super) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(super) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(super) const REFUSED_STREAM: Self = Self(7);
    pub(super) const CANCEL: Self = Self(8);
    pub(super) const COMPRESSION_ERROR: Self = Self(9);
    pub(super) const ENHANCE_YOUR_CALM: Self = Self(11);

    /// What the number means.
    pub(super) fn text(self) -> &'static str {
        const TEXTS: [&str; 14] = [
            "no error",
            "protocol error",
            "internal error",
            "flow control error",
            "settings timeout",
            "stream closed",
            "frame size error",
            "refused",
            "cancelled",
            "compression error",
            "connect error",
            "too much of something, calm down",
            "inadequate security",
            "HTTP/1.1 required",
        ];
        TEXTS.get(self.0 as usize).copied().unwrap_or("an unknown reason")
    }
}

/// What the other end did that ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    pub(super) text: &'static str,
}

impl Fault {
    pub(super) const fn protocol(text: &'static str) -> Self {
        Self { reason: Reason::PROTOCOL_ERROR, text }
    }

    pub(super) const fn size(text: &'static str) -> Self {
        Self { reason: Reason::FRAME_SIZE_ERROR, text }
    }

    pub(super) const fn flow(text: &'static str) -> Self {
        Self { reason: Reason::FLOW_CONTROL_ERROR, text }
    }

    pub(super) const fn too_much(text: &'static str) -> Self {
        Self { reason: Reason::ENHANCE_YOUR_CALM, text }
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Of what follows, in bytes.
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    pub(super) fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, stream @ ..] = bytes;
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & MAX_31_BITS }
    }

    pub(super) fn put(self, out: &mut BytesMut) {
        debug_assert!(self.length < 1 << 24, "a length has three bytes");
        let [_, l0, l1, l2] = (self.length as u32).to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        out.extend_from_slice(&[l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]);
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Where in its payload the content of a frame lies that may be padded or carry a priority.
    pub(super) fn content(self, payload: &[u8]) -> Result<std::ops::Range<usize>, Fault> {
        let (mut start, mut padding) = (0, 0);
        if self.has(flag::PADDED) {
            padding = usize::from(*payload.first().ok_or(Fault::size("no length of padding"))?);
            start = 1;
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            start += 5;
        }
        let end = payload.len().checked_sub(padding).filter(|end| *end >= start);
        end.map(|end| start..end).ok_or(Fault::protocol("more padding than frame"))
    }
}

fn put_word(out: &mut BytesMut, kind: u8, stream: u32, word: u32) {
    Head { length: 4, kind, flags: 0, stream }.put(out);
    out.put_u32(word);
}

pub(super) fn put_reset(out: &mut BytesMut, stream: u32, reason: Reason) {
    put_word(out, kind::RST_STREAM, stream, reason.0);
}

pub(super) fn put_window_update(out: &mut BytesMut, stream: u32, more: u32) {
    put_word(out, kind::WINDOW_UPDATE, stream, more);
}

pub(super) fn put_settings(out: &mut BytesMut, settings: &[(u16, u32)]) {
    Head { length: settings.len() * 6, kind: kind::SETTINGS, flags: 0, stream: 0 }.put(out);
    for (name, value) in settings {
        out.put_u16(*name);
        out.put_u32(*value);
    }
}

pub(super) fn put_settings_ack(out: &mut BytesMut) {
    Head { length: 0, kind: kind::SETTINGS, flags: flag::ACK, stream: 0 }.put(out);
}

pub(super) fn put_ping(out: &mut BytesMut, flags: u8, opaque: [u8; 8]) {
    Head { length: 8, kind: kind::PING, flags, stream: 0 }.put(out);
    out.extend_from_slice(&opaque);
}

/// A client's farewell; servers open no streams here.
pub(super) fn put_goaway(out: &mut BytesMut, fault: Fault) {
    Head { length: 8 + fault.text.len(), kind: kind::GOAWAY, flags: 0, stream: 0 }.put(out);
    out.put_u32(0);
    out.put_u32(fault.reason.0);
    out.extend_from_slice(fault.text.as_bytes());
}

/// The number a payload of four bytes holds.
pub(super) fn word(payload: &[u8]) -> Result<u32, Fault> {
    let bytes = payload.try_into().map_err(|_| Fault::size("not four bytes"))?;
    Ok(u32::from_be_bytes(bytes))
}
