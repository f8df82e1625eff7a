//! Reads an event stream: HTTP/1.1 chunks, and the events in them. An event that is missing, out of
//! order or damaged is an error, and so is a stream that ends without its last chunk.

use crate::http::Head;
use crate::payload::{EVENT_BYTES, Event};
use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 64 * 1024;
/// Longer than any line with the size of a chunk.
const SIZE_LINE: usize = 32;

/// Takes the framing away.
#[derive(Debug)]
struct Dechunker {
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
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
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

/// An event stream that is being read.
#[derive(Debug)]
pub struct EventReader {
    stream: TcpStream,
    buffer: Vec<u8>,
    content: Vec<u8>,
    dechunker: Dechunker,
    started: bool,
    next: u64,
}

impl EventReader {
    /// Reads what comes after a request for `/sse`.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            content: Vec::new(),
            dechunker: Dechunker { state: State::Size, line: Vec::new() },
            started: false,
            next: 0,
        }
    }

    /// How many events have come.
    pub fn count(&self) -> u64 {
        self.next
    }

    /// Reads once; hands each event that is there to `seen`. False is the proper end.
    ///
    /// # Errors
    /// When the stream breaks off, or anything in it is not as it was sent.
    pub async fn read(&mut self, mut seen: impl FnMut(Event)) -> Result<bool> {
        if self.dechunker.state == State::Over {
            return Ok(false);
        }
        let read = self.stream.read(&mut self.buffer).await?;
        ensure!(read > 0, "the stream broke off after {} events", self.next);
        let mut bytes = &self.buffer[..read];
        if !self.started {
            let head = Head::read(bytes).context("a head in one piece")?;
            let text = String::from_utf8_lossy(bytes);
            ensure!(head.status == 200 && head.body.is_none(), "no event stream: {text}");
            self.started = true;
            bytes = &bytes[head.length..];
        }
        self.dechunker.feed(bytes, &mut self.content)?;
        let whole = self.content.len() - self.content.len() % EVENT_BYTES;
        for bytes in self.content[..whole].chunks_exact(EVENT_BYTES) {
            let event = Event::read(bytes).context("the bytes of an event are damaged")?;
            ensure!(event.number == self.next, "event {} came as {}", self.next, event.number);
            self.next += 1;
            seen(event);
        }
        self.content.drain(..whole);
        Ok(true)
    }

    /// Reads nothing more and keeps the connection.
    pub fn stall(self) -> TcpStream {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed_in_pieces(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, State)> {
        let mut dechunker = Dechunker { state: State::Size, line: Vec::new() };
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
