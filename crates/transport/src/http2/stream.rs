//! One call on a connection: what of its request has not left, and what of its answer has come.

use super::failure::Failure;
use bytes::{Buf as _, Bytes, BytesMut};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Pieces of a stream up to this many bytes are copied together, so that however small they are,
/// what waits takes no more memory than it has bytes.
const SMALL_BYTES: usize = 4 * 1024;

/// Who reads the answer, and so how it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Somebody who needs all of it.
    Whole,
    /// Somebody who wants each piece as soon as it is there.
    Pieces,
}

/// What of a request has not left.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    pub(super) head: Bytes,
    pub(super) body: Bytes,
}

impl Unsent {
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Takes at most so many bytes from the front, in at most two pieces.
    pub(super) fn take(&mut self, most: usize) -> (Bytes, Bytes) {
        let head = self.head.split_to(most.min(self.head.len()));
        let body = self.body.split_to((most - head.len()).min(self.body.len()));
        (head, body)
    }
}

/// Pieces that came and were not taken.
#[derive(Debug, Default)]
struct Inbox {
    /// Mostly there is one at a time.
    front: Option<Bytes>,
    more: VecDeque<Bytes>,
    /// Small pieces, gathered.
    tail: BytesMut,
    bytes: usize,
}

impl Inbox {
    fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.bytes += piece.len();
        if !self.tail.is_empty() {
            self.more.push_back(self.tail.split().freeze());
        }
        if self.front.is_none() && self.more.is_empty() {
            self.front = Some(piece);
        } else {
            self.more.push_back(piece);
        }
    }

    fn copy(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        self.tail.extend_from_slice(piece);
    }

    fn take(&mut self) -> Option<Bytes> {
        let next = self.front.take().or_else(|| self.more.pop_front());
        let next = next
            .or_else(|| (!self.tail.is_empty()).then(|| std::mem::take(&mut self.tail).freeze()))?;
        self.bytes -= next.len();
        Some(next)
    }
}

/// How far a call's request has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits for a place.
    Waiting,
    /// Its head begins at this byte of all that was ever sent on the connection.
    Begun(u64),
}

/// One call.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) reading: Reading,
    pub(super) progress: Progress,
    /// How long the call may take.
    pub(super) timeout: Duration,
    pub(super) unsent: Unsent,
    /// It stands in line to send more.
    pub(super) in_line: bool,
    /// What the other end takes of this stream.
    pub(super) send_window: i64,
    /// What we still take of it, and what was read since we said so.
    receive_window: i64,
    read: u32,
    /// The answer has begun.
    pub(super) answered: bool,
    pub(super) end: Option<Result<(), Failure>>,
    inbox: Inbox,
    waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(
        reading: Reading,
        timeout: Duration,
        unsent: Unsent,
        windows: (i64, u32),
    ) -> Self {
        Self {
            reading,
            progress: Progress::Waiting,
            timeout,
            unsent,
            in_line: false,
            send_window: windows.0,
            receive_window: i64::from(windows.1),
            read: 0,
            answered: false,
            end: None,
            inbox: Inbox::default(),
            waker: None,
        }
    }

    /// Takes note of so many bytes on the wire; `false` when that is more than was allowed.
    pub(super) fn receive(&mut self, bytes: usize) -> bool {
        self.receive_window -= bytes as i64;
        self.receive_window >= 0
    }

    /// Takes over a piece that begins `buffer`: cut off, or copied where it is small, unless it is
    /// the only one and probably all of an answer.
    pub(super) fn store(&mut self, buffer: &mut BytesMut, length: usize) {
        let joins = self.reading == Reading::Pieces || self.inbox.bytes > 0;
        if joins && length < SMALL_BYTES {
            self.inbox.copy(&buffer[..length]);
            buffer.advance(length);
        } else {
            self.inbox.push(buffer.split_to(length).freeze());
        }
    }

    /// Whether its reader should look now.
    pub(super) fn is_worth_a_look(&self, window: u32) -> bool {
        self.end.is_some()
            || self.reading == Reading::Pieces
            || self.inbox.bytes as u64 >= u64::from(window) / 4
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The answer begins, or the call has ended without one.
    pub(super) fn poll_answered(&mut self, cx: &Context<'_>) -> Poll<Result<(), Failure>> {
        match &self.end {
            _ if self.answered => Poll::Ready(Ok(())),
            Some(end) => Poll::Ready(end.clone()),
            None => self.wait(cx),
        }
    }

    /// The next piece; what it makes room for is told by [`Stream::room`].
    pub(super) fn poll_piece(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if let Some(piece) = self.inbox.take() {
            self.read = self.read.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
            return Poll::Ready(Some(Ok(piece)));
        }
        match &self.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(failure)) => Poll::Ready(Some(Err(failure.clone()))),
            None => self.wait(cx),
        }
    }

    /// How much more the other end may send, when that is worth telling.
    pub(super) fn room(&mut self, window: u32) -> Option<u32> {
        if self.end.is_some() || self.read < (window / 2).max(1) {
            return None;
        }
        let read = std::mem::take(&mut self.read);
        self.receive_window += i64::from(read);
        Some(read)
    }

    /// Takes note of bytes that are no content, which nobody reads; answers whether there are any.
    pub(super) fn skip(&mut self, bytes: usize) -> bool {
        self.read = self.read.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        bytes > 0
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
