//! Reads an event stream: the events in the chunks of an answer. An event that is missing, out of
//! order or damaged is an error, and so is a stream that ends without its last chunk.

use crate::dechunk::Dechunker;
use crate::http::Head;
use crate::payload::{EVENT_BYTES, Event};
use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 64 * 1024;
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
            dechunker: Dechunker::new(),
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
        if self.dechunker.is_over() {
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
