//! A client that sends bytes: for messages no well-behaved client would send, for slow ones, and for
//! looking at how exactly a connection ends.

use crate::answer::Answer;
use crate::eventually::{PATIENCE, within};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How a connection ended, from the client's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an orderly end of file.
    Closed,
    /// With a reset.
    Reset,
}

/// A TCP connection under the story's control.
pub struct Raw {
    tcp: TcpStream,
    inbox: BytesMut,
}

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn connect(addr: SocketAddr) -> Self {
        let tcp = TcpStream::connect(addr).await.expect("the gateway accepts connections");
        tcp.set_nodelay(true).expect("a fresh socket takes options");
        Self { tcp, inbox: BytesMut::new() }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the other side does not take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the gateway takes what is sent");
    }

    /// Sends bytes, if the other side still takes them.
    ///
    /// # Errors
    /// When it does not.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let sending = self.tcp.write_all(bytes.as_ref());
        within(PATIENCE, "sending bytes", sending).await
    }

    /// Sends nothing more, and goes on reading.
    ///
    /// # Panics
    /// When the connection has ended.
    pub async fn finish(&mut self) {
        self.tcp.shutdown().await.expect("the connection is open");
    }

    /// Ends the connection with a reset instead of an end of file.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.tcp);
        socket.set_linger(Some(std::time::Duration::ZERO)).expect("a socket takes options");
    }

    /// Reads one answer to a request that was not HEAD, and checks it. A body without a length ends
    /// with the connection.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn answer(&mut self) -> Answer {
        let (status, headers) = self.head().await;
        let body = self.body(status, &headers).await;
        Answer { status, headers, body }.checked(!matches!(status.as_u16(), 204 | 304))
    }

    /// Reads an interim answer (1xx) and tells its status.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn interim(&mut self) -> u16 {
        let (status, _) = self.head().await;
        assert!(status.is_informational(), "an interim answer and not {status}");
        status.as_u16()
    }

    /// Reads the status and the headers of an answer.
    ///
    /// # Panics
    /// When none comes.
    pub async fn head(&mut self) -> (StatusCode, HeaderMap) {
        let text = self.take_through("\r\n\r\n").await;
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {text:?}"));
        let mut headers = HeaderMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            let name: HeaderName = name.parse().expect("a header has a name");
            headers.append(name, HeaderValue::from_str(value.trim()).expect("a header value"));
        }
        (status, headers)
    }

    async fn body(&mut self, status: StatusCode, headers: &HeaderMap) -> Bytes {
        if matches!(status.as_u16(), 204 | 304) {
            return Bytes::new();
        }
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            let mut body = BytesMut::new();
            while let Some(chunk) = self.chunk().await {
                body.extend_from_slice(&chunk);
            }
            return body.freeze();
        }
        let length = headers.get("content-length").and_then(|length| length.to_str().ok());
        match length.and_then(|length| length.parse().ok()) {
            Some(length) => self.take(length).await,
            None => self.rest().await.0,
        }
    }

    /// Reads one chunk of a chunked body; `None` for the last.
    ///
    /// # Panics
    /// When the connection ends within it.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        let line = self.take_through("\r\n").await;
        let size = usize::from_str_radix(line.trim(), 16).expect("a chunk begins with its size");
        let data = self.take(size).await;
        assert_eq!(self.take_through("\r\n").await, "\r\n", "a chunk ends in an empty line");
        (size > 0).then_some(data)
    }

    async fn take(&mut self, length: usize) -> Bytes {
        while self.inbox.len() < length {
            let ended = self.read_more().await;
            assert!(ended.is_none(), "{ended:?} after {:?}", self.inbox);
        }
        self.inbox.split_to(length).freeze()
    }

    /// Everything up to and with `end`, as text.
    ///
    /// # Panics
    /// When the connection ends first.
    pub async fn take_through(&mut self, end: &str) -> String {
        loop {
            let found = self.inbox.windows(end.len()).position(|part| part == end.as_bytes());
            if let Some(at) = found {
                let text = self.inbox.split_to(at + end.len());
                return String::from_utf8_lossy(&text).into_owned();
            }
            let ended = self.read_more().await;
            assert!(ended.is_none(), "{ended:?} before {end:?}, after {:?}", self.inbox);
        }
    }

    /// Reads until the connection ends.
    pub async fn rest(&mut self) -> (Bytes, Ending) {
        loop {
            if let Some(ending) = self.read_more().await {
                return (self.inbox.split().freeze(), ending);
            }
        }
    }

    async fn read_more(&mut self) -> Option<Ending> {
        let reading = self.tcp.read_buf(&mut self.inbox);
        match within(PATIENCE, "more bytes", reading).await {
            Ok(0) => Some(Ending::Closed),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Some(Ending::Reset),
            Err(error) => panic!("reading failed: {error}"),
        }
    }
}
