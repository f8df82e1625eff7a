//! Bytes on their way to the other end: small ones gathered, large ones left where they are. Knows
//! no frames.

use bytes::{Buf as _, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Pieces up to this many bytes are copied: one part of a write costs more than that.
const SMALL_BYTES: usize = 8 * 1024;
/// Parts of one write.
const PARTS: usize = 32;
/// With so many bytes waiting nothing is added that can wait elsewhere.
const FULL_BYTES: u64 = 1024 * 1024;
/// How much memory is kept for what comes next.
const KEPT_BYTES: usize = 256 * 1024;

/// Bytes that wait to be written, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parts: VecDeque<Bytes>,
    /// The last part, which still grows.
    tail: BytesMut,
    /// How many bytes were ever put in, and how many of them were taken.
    total: u64,
    taken: u64,
    /// The last word is in.
    sealed: bool,
}

impl Outbox {
    /// Takes nothing more: what is put in after the last word is lost, and there is no room.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Writes with `put` at the end.
    pub(super) fn put(&mut self, put: impl FnOnce(&mut BytesMut)) {
        if self.sealed {
            return;
        }
        let before = self.tail.len();
        put(&mut self.tail);
        self.total += (self.tail.len() - before) as u64;
    }

    /// Adds a piece at the end.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.len() <= SMALL_BYTES {
            self.put(|tail| tail.extend_from_slice(&piece));
            return;
        }
        if self.sealed {
            return;
        }
        if !self.tail.is_empty() {
            self.parts.push_back(self.tail.split().freeze());
        }
        self.total += piece.len() as u64;
        self.parts.push_back(piece);
    }

    /// How many bytes were ever put in.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Whether so much waits that more should wait elsewhere: nobody can tell when it will leave.
    pub(super) fn is_full(&self) -> bool {
        self.sealed || self.total - self.taken >= FULL_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tail.is_empty()
    }

    /// Takes what waits; `emptied`, which was written, gives its memory for what comes next.
    pub(super) fn take_into(&mut self, emptied: &mut Self) {
        debug_assert!(emptied.is_empty(), "what was not written would be lost");
        self.taken = self.total;
        std::mem::swap(&mut self.parts, &mut emptied.parts);
        std::mem::swap(&mut self.tail, &mut emptied.tail);
        if self.tail.capacity() > KEPT_BYTES {
            self.tail = BytesMut::new();
        }
    }

    /// Writes all of it; each write's size is told to `written`.
    pub(super) fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        written: &mut u64,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let sent = ready!(self.poll_some(io, cx))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += sent as u64;
            self.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_some<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(io);
        if self.parts.is_empty() {
            return io.poll_write(cx, &self.tail);
        }
        if !io.is_write_vectored() {
            return io.poll_write(cx, &self.parts[0]);
        }
        let mut slices = [IoSlice::new(&[]); PARTS];
        let all = self.parts.iter().map(|part| &part[..]).chain([&self.tail[..]]);
        let mut used = 0;
        for (slice, part) in slices.iter_mut().zip(all) {
            *slice = IoSlice::new(part);
            used += 1;
        }
        io.poll_write_vectored(cx, &slices[..used])
    }

    fn advance(&mut self, mut sent: usize) {
        while let Some(first) = self.parts.front_mut() {
            if sent < first.len() {
                return first.advance(sent);
            }
            sent -= first.len();
            self.parts.pop_front();
        }
        if sent == self.tail.len() {
            // Keeps the memory, which `advance` would not give back.
            self.tail.clear();
        } else {
            self.tail.advance(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::task::Waker;

    /// Takes at most `most` bytes at once.
    struct Narrow {
        got: Vec<u8>,
        most: usize,
        vectored: bool,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let n = bytes.len().min(self.most);
            self.got.extend_from_slice(&bytes[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let n = all.len().min(self.most);
            self.got.extend_from_slice(&all[..n]);
            Poll::Ready(Ok(n))
        }

        fn is_write_vectored(&self) -> bool {
            self.vectored
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn bytes_leave_in_order_however_little_is_taken(
            sizes in proptest::collection::vec(prop_oneof![0_usize..20, 8000_usize..9000], 0..8),
            most in 1_usize..20_000,
            vectored in any::<bool>(),
        ) {
            let (mut waiting, mut leaving) = (Outbox::default(), Outbox::default());
            let mut expected = Vec::new();
            for (at, size) in sizes.iter().enumerate() {
                let piece = vec![at as u8; *size];
                expected.extend_from_slice(&piece);
                waiting.push(piece.into());
                waiting.put(|tail| tail.extend_from_slice(b"x"));
                expected.push(b'x');
            }
            prop_assert_eq!(waiting.total(), expected.len() as u64);
            waiting.take_into(&mut leaving);
            prop_assert!(waiting.is_empty());
            let mut io = Narrow { got: Vec::new(), most, vectored };
            let (mut cx, mut written) = (Context::from_waker(Waker::noop()), 0);
            prop_assert!(leaving.poll_write(&mut io, &mut cx, &mut written).is_ready());
            prop_assert_eq!(written, expected.len() as u64);
            prop_assert_eq!(io.got, expected);
        }
    }
}
