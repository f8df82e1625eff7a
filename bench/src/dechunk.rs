//! Takes the framing of HTTP/1.1 chunks away.

use anyhow::{Context as _, Result, bail, ensure};

/// Longer than any line with the size of a chunk.
const SIZE_LINE: usize = 32;

/// Takes the framing away.
#[derive(Debug)]
pub(crate) struct Dechunker {
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum State {
    Size,
    Content(usize),
    /// The line end after a chunk; how many bytes of it are missing.
    After(usize),
    /// The same after the last chunk.
    Last(usize),
    Over,
}

impl Dechunker {
    pub(crate) fn new() -> Self {
        Self { state: State::Size, line: Vec::new() }
    }

    /// Whether the last chunk has come.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the next bytes; what they carry is added to `out`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Size => self.size(bytes)?,
                State::Content(left) => {
                    let (content, rest) = bytes.split_at(left.min(bytes.len()));
                    out.extend_from_slice(content);
                    let left = left - content.len();
                    self.state = if left == 0 { State::After(2) } else { State::Content(left) };
                    rest
                }
                State::After(left) => {
                    self.state = if left == 1 { State::Size } else { State::After(left - 1) };
                    &bytes[1..]
                }
                State::Last(left) => {
                    self.state = if left == 1 { State::Over } else { State::Last(left - 1) };
                    &bytes[1..]
                }
                State::Over => bail!("bytes after the last chunk"),
            };
        }
        Ok(())
    }

    fn size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(bytes);
            ensure!(self.line.len() < SIZE_LINE, "no size of a chunk: {:?}", self.line);
            return Ok(&[]);
        };
        self.line.extend_from_slice(&bytes[..end]);
        let text = std::str::from_utf8(&self.line).context("a size of a chunk")?;
        let size = usize::from_str_radix(text.trim_end(), 16);
        let size = size.with_context(|| format!("{text:?} is no size of a chunk"))?;
        self.line.clear();
        self.state = if size == 0 { State::Last(2) } else { State::Content(size) };
        Ok(&bytes[end + 1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed_in_pieces(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, State)> {
        let mut dechunker = Dechunker::new();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            dechunker.feed(piece, &mut out)?;
        }
        Ok((out, dechunker.state))
    }

    proptest! {
        #[test]
        fn chunks_are_joined_however_they_arrive(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10),
            piece in 1_usize..40,
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            let (out, state) = feed_in_pieces(&bytes, piece).unwrap();
            prop_assert_eq!(out, chunks.concat());
            prop_assert_eq!(state, State::Over);
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error() {
        assert!(feed_in_pieces(b"xyz\r\n", 10).is_err());
        assert!(feed_in_pieces(b"0\r\n\r\nmore", 3).is_err());
        assert_eq!(feed_in_pieces(b"5\r\nab", 10).unwrap().1, State::Content(3));
    }
}
