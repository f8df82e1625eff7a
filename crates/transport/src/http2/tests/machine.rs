//! A connection without input and output, and the server's side of it, frame by frame.

use super::{SETTINGS, TIMEOUT, request};
use crate::http2::connection::Connection;
use crate::http2::frame::{Fault, HEAD_BYTES, Head, PREFACE, flag, kind, put_settings};
use crate::http2::hpack::{Indexing, put_literal};
use crate::http2::outbox::Outbox;
use crate::http2::{Failure, Reading, Settings};
use bytes::{Bytes, BytesMut};
use std::task::{Context, Poll, Waker};

/// `:status 200`, as a header block.
pub(super) const BEGIN: &[u8] = &[0x88];

/// A frame as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// The number a frame's payload begins with.
pub(super) fn word(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.first_chunk().unwrap())
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    Head { length: payload.len(), kind, flags, stream }.put(&mut out);
    out.extend_from_slice(payload);
    out.to_vec()
}

pub(super) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put_settings(&mut out, settings);
    out.to_vec()
}

pub(super) fn begin(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, BEGIN)
}

pub(super) fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(kind::DATA, 0, stream, bytes)
}

pub(super) fn status_block(code: &str) -> Vec<u8> {
    let mut block = Vec::new();
    put_literal(&mut block, Indexing::Without, 0, "grpc-status", code.as_bytes());
    block
}

/// The end of an answer, well or not.
pub(super) fn end(stream: u32, code: &str) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &status_block(code))
}

pub(super) fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &reason.to_be_bytes())
}

pub(super) fn room(stream: u32, bytes: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

pub(super) fn farewell(last: u32, reason: u32) -> Vec<u8> {
    frame(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat())
}

/// Whole frames at the beginning of `bytes`, which are taken out.
pub(super) fn take_frames(bytes: &mut BytesMut) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(head) = bytes.first_chunk::<HEAD_BYTES>() {
        let head = Head::read(*head);
        if bytes.len() < HEAD_BYTES + head.length {
            break;
        }
        let payload = bytes.split_to(HEAD_BYTES + head.length)[HEAD_BYTES..].to_vec();
        frames.push(Frame { kind: head.kind, flags: head.flags, stream: head.stream, payload });
    }
    frames
}

/// A client, looked at by its server.
pub(super) struct Machine {
    pub(super) near: Connection,
    came: BytesMut,
    pub(super) written: u64,
}

impl Machine {
    /// Nothing was said yet; the client's first words are in the frames it sent.
    pub(super) fn silent(settings: Settings<'static>) -> Self {
        Self { near: Connection::new(settings), came: BytesMut::new(), written: 0 }
    }

    /// The server's settings came, and the first words of the client are out.
    pub(super) fn greeted(server: &[(u16, u32)]) -> Self {
        let mut machine = Self::silent(SETTINGS);
        machine.sends(&settings(server)).unwrap();
        machine.sent();
        machine
    }

    /// What the server sends comes as a whole.
    pub(super) fn sends(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.came.extend_from_slice(bytes);
        self.near.receive(&mut self.came)
    }

    /// All bytes that the client has to write, which are written.
    pub(super) fn bytes(&mut self) -> BytesMut {
        let mut leaving = Outbox::default();
        let mut io = std::io::Cursor::new(Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        while self.near.hand_over(&mut leaving) {
            let written = leaving.poll_write(&mut io, &mut cx, &mut self.written);
            assert!(matches!(written, Poll::Ready(Ok(()))), "memory takes all");
        }
        BytesMut::from(&io.into_inner()[..])
    }

    /// All frames that the client sent since it was asked.
    pub(super) fn sent(&mut self) -> Vec<Frame> {
        let mut bytes = self.bytes();
        if bytes.starts_with(PREFACE) {
            let _ = bytes.split_to(PREFACE.len());
        }
        let frames = take_frames(&mut bytes);
        assert!(bytes.is_empty(), "nothing but whole frames is sent");
        frames
    }

    /// A call whose request has so many bytes.
    pub(super) fn call(&mut self, length: usize) -> u32 {
        self.call_for(length, Reading::Whole)
    }

    pub(super) fn call_for(&mut self, length: usize, reading: Reading) -> u32 {
        self.near.begin(request(length), TIMEOUT, reading).unwrap()
    }

    /// What the reader of a call sees at once.
    pub(super) fn piece(&mut self, id: u32) -> Poll<Option<Result<Bytes, Failure>>> {
        let cx = Context::from_waker(Waker::noop());
        self.near.read(id, |stream| stream.poll_piece(&cx)).unwrap()
    }

    /// All that the reader of a call sees at once; no end while it has to wait.
    pub(super) fn read(&mut self, id: u32) -> (Vec<u8>, Option<Result<(), Failure>>) {
        let mut bytes = Vec::new();
        loop {
            match self.piece(id) {
                Poll::Ready(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
                Poll::Ready(Some(Err(failure))) => return (bytes, Some(Err(failure))),
                Poll::Ready(None) => return (bytes, Some(Ok(()))),
                Poll::Pending => return (bytes, None),
            }
        }
    }

    /// How a call ended, in one word.
    pub(super) fn outcome(&mut self, id: u32) -> &'static str {
        match self.read(id).1 {
            None => "open",
            Some(Ok(())) => "well",
            Some(Err(Failure::Unheard(_))) => "unheard",
            Some(Err(Failure::BrokeOff(_))) => "broke off",
            Some(Err(Failure::Status { .. })) => "status",
            Some(Err(Failure::Protocol(_))) => "protocol",
        }
    }
}

/// Frames of one kind.
pub(super) fn of(kind: u8, frames: &[Frame]) -> Vec<&Frame> {
    frames.iter().filter(|frame| frame.kind == kind).collect()
}

/// How many bytes of requests are in frames.
pub(super) fn data_bytes(frames: &[Frame]) -> usize {
    of(kind::DATA, frames).iter().map(|frame| frame.payload.len()).sum()
}
