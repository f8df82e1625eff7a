//! Ordinary HTTP: requests over HTTP/1.1 or HTTP/2, plain or over TLS, one connection for each or a
//! shared one.

use crate::answer::Answer;
use crate::body::{BrokenOff, Stream};
use crate::eventually::{PATIENCE, within};
use crate::invariants;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The version of HTTP that a request travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// A client connection that several requests can share.
#[derive(Clone)]
pub struct Connection {
    sender: Sender,
    authority: String,
}

#[expect(
    clippy::disallowed_types,
    reason = "who asks holds the connection until the answer begins"
)]
type InTurn<T> = std::sync::Arc<tokio::sync::Mutex<T>>;

#[derive(Clone)]
enum Sender {
    One(InTurn<http1::SendRequest<Body>>),
    Two(http2::SendRequest<Body>),
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn open(addr: SocketAddr, version: Version) -> Self {
        let tcp = TcpStream::connect(addr).await.expect("the gateway accepts connections");
        tcp.set_nodelay(true).expect("a fresh socket takes options");
        Self::over(tcp, version, &addr.to_string()).await
    }

    /// Speaks over a byte stream that is connected already.
    ///
    /// # Panics
    /// When the other side does not speak this version.
    pub async fn over(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        version: Version,
        authority: &str,
    ) -> Self {
        let io = TokioIo::new(io);
        let sender = match version {
            Version::Http1 => {
                let (sender, driving) = http1::Builder::new()
                    .handshake(io)
                    .await
                    .expect("HTTP/1 has no handshake that could fail");
                tokio::spawn(driving);
                Sender::One(InTurn::new(sender.into()))
            }
            Version::Http2 => {
                let (sender, driving) = http2::Builder::new(TokioExecutor::new())
                    .handshake(io)
                    .await
                    .expect("the other side speaks HTTP/2");
                tokio::spawn(driving);
                Sender::Two(sender)
            }
        };
        Self { sender, authority: authority.to_owned() }
    }

    /// The same connection, on which another host is asked.
    #[must_use]
    pub fn at(&self, authority: &str) -> Self {
        Self { sender: self.sender.clone(), authority: authority.to_owned() }
    }

    /// Begins a request on this connection.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = method.parse().expect("stories use well-formed methods here");
        Request {
            target: Target::Shared(self.clone()),
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: full(Bytes::new()),
        }
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Stream, hyper::Error> {
        let keep = Box::new(self.clone());
        let answer = match &self.sender {
            Sender::One(sender) => {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Two(sender) => sender.clone().send_request(request).await?,
        };
        Ok(Stream::new(answer, keep))
    }
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

enum Target {
    Fresh(SocketAddr, Version),
    Shared(Connection),
}

/// A request that is being put together.
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    target: Target,
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Request {
    /// A request over a connection of its own.
    pub(crate) fn new(addr: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            target: Target::Fresh(addr, Version::Http1),
            method: method.parse().expect("stories use well-formed methods here"),
            path: path.to_owned(),
            headers: Vec::new(),
            body: full(Bytes::new()),
        }
    }

    /// Over HTTP/2 instead of HTTP/1.1.
    pub fn http2(self) -> Self {
        self.version(Version::Http2)
    }

    /// Over this version.
    ///
    /// # Panics
    /// On a shared connection, which has its version already.
    pub fn version(mut self, wanted: Version) -> Self {
        match &mut self.target {
            Target::Fresh(_, version) => *version = wanted,
            Target::Shared(_) => panic!("the connection has its version already"),
        }
        self
    }

    /// Adds a header.
    ///
    /// # Panics
    /// When it is not well-formed.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = name.parse().expect("stories use well-formed headers here");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("well-formed header value");
        self.headers.push((name, value));
        self
    }

    /// Presents a token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// A body of known length.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = full(body.into());
        self
    }

    /// A body whose length is not told beforehand.
    pub fn chunks(mut self, chunks: Vec<Bytes>) -> Self {
        let frames = chunks.into_iter().map(|chunk| Ok(http_body::Frame::data(chunk)));
        self.body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        self
    }

    /// Sends it and reads the whole answer, which is checked.
    ///
    /// # Panics
    /// When there is no complete answer.
    pub async fn send(self) -> Answer {
        let shown = format!("{} {}", self.method, self.path);
        match self.try_send().await {
            Ok(answer) => answer,
            Err(broken) => panic!("{shown}: {broken:?}"),
        }
    }

    /// Sends it and reads the answer, which may turn out to be cut.
    ///
    /// # Errors
    /// When the answer is cut, be it before its first byte.
    pub async fn try_send(self) -> Result<Answer, BrokenOff> {
        let is_head = self.method == Method::HEAD;
        let nothing = |error| BrokenOff { error, received: Bytes::new() };
        let stream = self.try_open().await.map_err(nothing)?;
        invariants::check_head(stream.status, &stream.headers);
        let answer = stream.whole().await?;
        let has_body = !is_head && !matches!(answer.status.as_u16(), 204 | 304);
        Ok(answer.checked(has_body))
    }

    /// Sends it and reads the head of the answer, which is checked.
    ///
    /// # Panics
    /// When there is no head.
    pub async fn open(self) -> Stream {
        let shown = format!("{} {}", self.method, self.path);
        let stream = match self.try_open().await {
            Ok(stream) => stream,
            Err(error) => panic!("{shown}: {error:?}"),
        };
        invariants::check_head(stream.status, &stream.headers);
        stream
    }

    /// Sends it and reads the head of the answer, unchecked.
    ///
    /// # Errors
    /// When there is none.
    pub async fn try_open(self) -> Result<Stream, hyper::Error> {
        let connection = match self.target {
            Target::Fresh(addr, version) => Connection::open(addr, version).await,
            Target::Shared(connection) => connection,
        };
        let is_two = matches!(connection.sender, Sender::Two(_));
        let authority = &connection.authority;
        let uri = if is_two { format!("http://{authority}{}", self.path) } else { self.path };
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.parse().expect("stories use well-formed addresses here");
        request.headers_mut().extend(self.headers.into_iter().fold(
            http::HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        ));
        if !is_two && !request.headers().contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority).expect("an address is a header value");
            request.headers_mut().insert(header::HOST, host);
        }
        within(PATIENCE, "the head of an answer", connection.exchange(request)).await
    }
}
