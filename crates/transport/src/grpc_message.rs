//! The prefix before each gRPC message, and messages cut out of whatever pieces arrive.
//!
//! Knows no message and no connection.

use bytes::{Buf as _, Bytes, BytesMut};

const PREFIX_BYTES: usize = 5;
/// Memory is asked for as a message arrives, at most this much ahead.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// Why a message cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Compression was never agreed on.
    #[error("compressed message")]
    Compressed,
    /// The prefix announces more than is taken.
    #[error("a message of {length} bytes, where {most} are the most")]
    TooLong {
        /// What it announces.
        length: usize,
        /// What is taken.
        most: usize,
    },
}

/// Cuts messages out of pieces. A message that lies within one piece is not copied.
#[derive(Debug)]
pub struct MessageReader {
    most: usize,
    /// What came and was not looked at.
    piece: Bytes,
    /// A message of which a part came, with its prefix.
    partial: BytesMut,
}

impl MessageReader {
    /// A reader of messages with at most this many bytes.
    pub fn new(most: usize) -> Self {
        Self { most, piece: Bytes::new(), partial: BytesMut::new() }
    }

    /// Takes the next piece. Free when [`take`](Self::take) has no more to give.
    pub fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() {
            self.piece = piece;
        } else {
            self.partial.extend_from_slice(&self.piece);
            self.piece = piece;
        }
    }

    /// Whether nothing of a message is there.
    pub fn is_empty(&self) -> bool {
        self.piece.is_empty() && self.partial.is_empty()
    }

    /// The next whole message, without its prefix.
    ///
    /// # Errors
    /// See [`FrameError`]; after one nothing can be read any more.
    pub fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.partial.is_empty()
            && let Some(length) = self.length(&self.piece)?
            && self.piece.len() >= PREFIX_BYTES + length
        {
            self.piece.advance(PREFIX_BYTES);
            return Ok(Some(self.piece.split_to(length)));
        }
        self.gather(PREFIX_BYTES);
        let Some(length) = self.length(&self.partial)? else {
            return Ok(None);
        };
        let whole = PREFIX_BYTES + length;
        self.gather(whole);
        if self.partial.len() < whole {
            return Ok(None);
        }
        let rest = self.partial.split_off(whole);
        let mut message = std::mem::replace(&mut self.partial, rest).freeze();
        message.advance(PREFIX_BYTES);
        Ok(Some(message))
    }

    /// Brings what is there together, up to this size.
    fn gather(&mut self, size: usize) {
        let missing = size.saturating_sub(self.partial.len());
        if missing > 0 {
            self.partial.reserve(missing.min(AHEAD_BYTES));
            let taken = self.piece.split_to(missing.min(self.piece.len()));
            self.partial.extend_from_slice(&taken);
        }
    }

    /// What the prefix announces, if it is there.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let [compressed, length @ ..] = *prefix;
        if compressed != 0 {
            return Err(FrameError::Compressed);
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > self.most {
            return Err(FrameError::TooLong { length, most: self.most });
        }
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[0][..], &length, payload].concat()
    }

    proptest! {
        #[test]
        fn messages_come_out_whole_however_they_are_cut(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..10),
            cut in 1_usize..200,
            hurried in any::<bool>(),
        ) {
            let wire: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload)).collect();
            let (mut reader, mut seen) = (MessageReader::new(1000), Vec::new());
            for piece in wire.chunks(cut) {
                reader.push(Bytes::copy_from_slice(piece));
                while !hurried && let Some(message) = reader.take().unwrap() {
                    seen.push(message.to_vec());
                }
            }
            while let Some(message) = reader.take().unwrap() {
                seen.push(message.to_vec());
            }
            prop_assert_eq!(seen, payloads);
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn cutting_arbitrary_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = MessageReader::new(40);
            reader.push(bytes.into());
            while let Ok(Some(_)) = reader.take() {}
        }
    }

    #[test]
    fn a_message_within_one_piece_is_not_copied() {
        let piece = Bytes::from([framed(b"one"), framed(b"two")].concat());
        let mut reader = MessageReader::new(10);
        reader.push(piece.clone());
        let one = reader.take().unwrap().unwrap();
        assert_eq!(one.as_ptr(), piece[5..].as_ptr());
        assert_eq!(reader.take().unwrap().unwrap(), "two");
        assert!(reader.is_empty());
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_reserved() {
        let mut reader = MessageReader::new(1000);
        reader.push(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]));
        let length = u32::MAX as usize;
        assert_eq!(reader.take(), Err(FrameError::TooLong { length, most: 1000 }));
        let mut reader = MessageReader::new(1000);
        reader.push(Bytes::from_static(&[1, 0, 0, 0, 0]));
        assert_eq!(reader.take(), Err(FrameError::Compressed));
    }
}
