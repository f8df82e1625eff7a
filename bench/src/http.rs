//! A client of HTTP/1.1 that does as little as possible for a request: it writes prepared bytes,
//! reads status and length, and counts the body. So the load's own core is never the limit.

use crate::dechunk::Dechunker;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Large enough for a head; bodies are only counted.
const BUFFER_BYTES: usize = 256 * 1024;

/// The bytes of a request with the eight headers a usual client sends.
pub fn request(method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench.example.com\r\n\
         User-Agent: bench/1.0 (measures what a request costs)\r\nAccept: */*\r\n\
         Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n\
         Cache-Control: no-cache\r\nX-Client-Version: 4.2.1\r\n"
    );
    let authorization =
        token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
    text.push_str(&authorization);
    if !body.is_empty() {
        let length = body.len();
        text.push_str("Content-Type: application/octet-stream\r\n");
        text.push_str(&format!("Content-Length: {length}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Its length with the blank line, in bytes.
    pub length: usize,
    /// How long the body is; `None` is a chunked one.
    pub body: Option<usize>,
}

impl Head {
    /// Reads the head at the start of `bytes`; `None` when it is not there as a whole, or is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let length = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = &bytes[..length];
        let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
        let mut body = None;
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let name = b"content-length:";
            if line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) {
                let value = std::str::from_utf8(&line[name.len()..]).ok()?;
                body = Some(value.trim().parse().ok()?);
            }
        }
        Some(Self { status, length, body })
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request and reads the whole answer, which has to be a 200 with this length.
    ///
    /// # Errors
    /// When it is anything else, or the connection ends.
    pub async fn exchange(&mut self, request: &[u8], expected: usize) -> io::Result<()> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(head) = Head::read(&self.buffer[..filled]) {
                break head;
            }
        };
        if head.status != 200 || head.body.is_some_and(|length| length != expected) {
            let text = String::from_utf8_lossy(&self.buffer[..filled.min(600)]);
            return Err(io::Error::other(format!("wanted 200 and {expected} bytes, got {text}")));
        }
        if head.body.is_none() {
            return self.chunks(head.length..filled, expected).await;
        }
        let mut seen = filled - head.length;
        while seen < expected {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            seen += read;
        }
        if seen > expected {
            return Err(io::Error::other("the answer is longer than it said"));
        }
        Ok(())
    }

    /// Reads a chunked body; its beginning is in the buffer.
    async fn chunks(&mut self, mut piece: Range<usize>, expected: usize) -> io::Result<()> {
        let (mut dechunker, mut content) = (Dechunker::new(), Vec::with_capacity(expected));
        loop {
            let fed = dechunker.feed(&self.buffer[piece], &mut content);
            fed.map_err(io::Error::other)?;
            if dechunker.is_over() {
                break;
            }
            piece = 0..self.stream.read(&mut self.buffer).await?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if content.len() == expected {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&content[..content.len().min(600)]).into_owned();
        Err(io::Error::other(format!("wanted {expected} bytes, got {text}")))
    }

    /// Sends a request and gives the head of the answer, before whose body nothing is waited for.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn head_of(&mut self, request: &[u8]) -> io::Result<String> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(head) = Head::read(&self.buffer[..filled]) {
                return Ok(String::from_utf8_lossy(&self.buffer[..head.length]).into_owned());
            }
        }
    }

    /// Reads nothing more and keeps the connection.
    pub fn stall(self) -> TcpStream {
        self.stream
    }

    /// Sends a request and gives the body of the answer, which has to be a 200 with a length.
    ///
    /// # Errors
    /// When it is anything else, or the connection ends.
    pub async fn body_of(mut self, request: &[u8]) -> io::Result<String> {
        self.stream.write_all(request).await?;
        let mut answer = Vec::new();
        loop {
            if self.stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match Head::read(&answer) {
                Some(Head { status: 200, length, body: Some(body) })
                    if answer.len() >= length + body =>
                {
                    return Ok(String::from_utf8_lossy(&answer[length..]).into_owned());
                }
                Some(Head { status: 200, body: Some(_), .. }) | None => {}
                Some(_) => return Err(io::Error::other("the answer is no 200 with a length")),
            }
        }
    }

    /// Sends a request and leaves the answer to the caller.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn send(mut self, request: &[u8]) -> io::Result<TcpStream> {
        self.stream.write_all(request).await?;
        Ok(self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-Length: 13\r\n\r\nhello";
        assert_eq!(Head::read(text), Some(Head { status: 200, length: 45, body: Some(13) }));
        assert_eq!(Head::read(&text[..40]), None);
        let chunked = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(Head::read(chunked).map(|head| (head.status, head.body)), Some((503, None)));
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let text = String::from_utf8(request("POST", "/echo", Some("t"), b"abc")).unwrap();
        assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\nabc"));
        assert!(text.contains("Authorization: Bearer t\r\n"));
    }

    /// What a server says to the first request that it gets.
    async fn answered(answer: &'static [u8], expected: usize) -> io::Result<()> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let mut connection = Connection::open(listener.local_addr()?).await?;
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(answer).await?;
        drop(stream);
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n", expected).await
    }

    #[tokio::test]
    async fn an_answer_in_chunks_counts_when_it_is_whole_and_as_long_as_it_should() {
        let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        answered(whole, 5).await.unwrap();
        assert!(answered(whole, 4).await.is_err());
        assert!(answered(&whole[..whole.len() - 5], 5).await.is_err());
        let failed = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(answered(failed, 0).await.is_err());
    }
}
