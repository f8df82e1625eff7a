//! One shard's connections to one plugin process: gRPC calls written straight onto HTTP/2.
//!
//! Unary calls and streams travel on separate connections, so that readers who stall on a stream
//! never hold up an ordinary answer. Knows frames and gRPC framing, nothing of endpoints.

use arc_swap::ArcSwap;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use percent_encoding::percent_decode;
use sidegate_transport::codec::Encoded;
use sidegate_transport::deferred::{Deferred, drive};
use sidegate_transport::frame::{FrameError, MessageReader};
use sidegate_transport::pinned::Connector;
use std::cell::RefCell;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Largest unary answer that is taken, in bytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;
/// How long connecting to a plugin's socket may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// The plugin is told a little more than our own limit, so that ours decides.
const DEADLINE_MARGIN: Duration = Duration::from_secs(1);

/// How much of a status's text is kept.
const STATUS_TEXT_CHARS: usize = 1000;

const MIB: u32 = 1024 * 1024;

/// Which of a lane's connections a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// One answer.
    Unary,
    /// A stream of messages.
    Streaming,
}

/// Why a call to a plugin came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The process cannot be reached; nothing was sent.
    #[error("plugin cannot be reached: {0}")]
    Unreachable(String),
    /// The connection or the stream ended before the answer did.
    #[error("plugin broke off: {0}")]
    BrokeOff(String),
    /// The plugin answered with a gRPC status.
    #[error("plugin answered with gRPC status {code}: {message}")]
    Status {
        /// The numeric gRPC status.
        code: i32,
        /// The plugin's text; internal, never shown to a client.
        message: String,
    },
    /// The answer breaks the contract.
    #[error("plugin answer breaks the contract: {0}")]
    Protocol(String),
}

struct Connection {
    requests: SendRequest<Bytes>,
}

/// A slot for one connection: made at first use, replaced when it breaks.
struct Slot {
    kind: CallKind,
    cell: ArcSwap<OnceCell<Connection>>,
}

/// Where a plugin process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

/// The connections of one shard to one process.
pub struct Lane {
    address: Address,
    tls: Option<Connector>,
    unary: Slot,
    streaming: Slot,
    closed: CancellationToken,
}

impl Lane {
    /// Prepares a lane to the address, encrypted where there is `tls`; connects at first use.
    /// `closed` ends all its calls at once.
    pub fn new(address: Address, tls: Option<Connector>, closed: CancellationToken) -> Self {
        let slot = |kind| Slot { kind, cell: ArcSwap::from_pointee(OnceCell::new()) };
        Self {
            address,
            tls,
            unary: slot(CallKind::Unary),
            streaming: slot(CallKind::Streaming),
            closed,
        }
    }

    /// Sends one request message and waits for the answer's headers. `limit` travels as the
    /// call's deadline; keeping it is the caller's duty. Dropping the result cancels the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(
        &self,
        kind: CallKind,
        request: &Encoded,
        limit: Duration,
    ) -> Result<Messages, CallError> {
        let slot = match kind {
            CallKind::Unary => &self.unary,
            CallKind::Streaming => &self.streaming,
        };
        let mut requests = self.ready(slot).await?;
        let (answer, mut body) = requests
            .send_request(request_head(kind, limit), false)
            .map_err(|e| CallError::Unreachable(e.to_string()))?;
        let broke_off = |e: h2::Error| CallError::BrokeOff(e.to_string());
        body.send_data(request.head.clone(), request.body.is_empty()).map_err(broke_off)?;
        if !request.body.is_empty() {
            body.send_data(request.body.clone(), true).map_err(broke_off)?;
        }
        let answer = answer.await.map_err(|e| CallError::BrokeOff(e.to_string()))?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(CallError::Protocol(format!("HTTP status {}", head.status)));
        }
        let reader = MessageReader::new(MAX_MESSAGE_BYTES);
        let mut messages = Messages { body, reader, ended: false };
        if head.headers.contains_key("grpc-status") {
            messages.ended = true;
            status(&head.headers)?;
        }
        Ok(messages)
    }

    async fn ready(&self, slot: &Slot) -> Result<SendRequest<Bytes>, CallError> {
        for _ in 0..2 {
            if self.closed.is_cancelled() {
                break;
            }
            // As it nearly always is: connected, and with room for a call.
            let known = slot.cell.load().get().map(|connection| connection.requests.clone());
            if let Some(mut requests) = known
                && let Some(Ok(())) =
                    poll_fn(|cx| Poll::Ready(at_once(requests.poll_ready(cx)))).await
            {
                return Ok(requests);
            }
            let cell = slot.cell.load_full();
            // The deadline is for waiting as well: many calls may stand in line for one connection.
            let connecting = cell.get_or_try_init(|| self.connect(slot.kind));
            let connection = tokio::select! {
                connection = tokio::time::timeout(CONNECT_DEADLINE, connecting) => connection,
                () = self.closed.cancelled() => break,
            };
            let connection = connection.map_err(|_| took_too_long())??;
            if let Ok(requests) = connection.requests.clone().ready().await {
                return Ok(requests);
            }
            slot.cell.compare_and_swap(&cell, Arc::new(OnceCell::new()));
        }
        Err(CallError::Unreachable("connection closed".to_owned()))
    }

    async fn connect(&self, kind: CallKind) -> Result<Connection, CallError> {
        let unreachable = |e: String| CallError::Unreachable(e);
        let connecting = async {
            match &self.address {
                Address::Unix(path) => {
                    let io = UnixStream::connect(path).await.map_err(|e| e.to_string())?;
                    self.secure(kind, io).await
                }
                Address::Tcp(address) => {
                    let io = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
                    io.set_nodelay(true).map_err(|e| e.to_string())?;
                    self.secure(kind, io).await
                }
            }
        };
        connecting.await.map_err(unreachable)
    }

    /// Encrypts a fresh connection where that is agreed, and begins HTTP/2 on it.
    async fn secure<T>(&self, kind: CallKind, io: T) -> Result<Connection, String>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else { return self.begin(kind, io).await };
        let io = tls.connect(io).await.map_err(|e| format!("TLS with the plugin failed: {e}"))?;
        self.begin(kind, io).await
    }

    /// Begins HTTP/2.
    async fn begin<T>(&self, kind: CallKind, io: T) -> Result<Connection, String>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, held) = Deferred::new(io);
        let handshake = drive(client(kind).handshake::<_, Bytes>(io), held.clone());
        let (requests, mut connection) = handshake.await.map_err(|e| e.to_string())?;
        let ping = connection.ping_pong();
        let closed = self.closed.clone();
        tokio::spawn(async move {
            // Dropping the connection fails every call on it at once.
            tokio::select! {
                ended = drive(connection, held) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection to plugin ended");
                    }
                }
                () = closed.cancelled() => {}
            }
        });
        // A dying process may still take connections, but it answers no more.
        if let Some(mut ping) = ping {
            ping.ping(h2::Ping::opaque()).await.map_err(|e| e.to_string())?;
        }
        Ok(Connection { requests })
    }
}

fn at_once<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn took_too_long() -> CallError {
    CallError::Unreachable("connecting took too long".to_owned())
}

fn client(kind: CallKind) -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_connection_window_size(1 << 30)
        .initial_window_size(match kind {
            CallKind::Unary => 4 * MIB,
            CallKind::Streaming => 64 * 1024,
        })
        .max_frame_size(MIB)
        .max_send_buffer_size(16 * MIB as usize)
        .max_concurrent_reset_streams(1024)
        // Small chunks that wait for a slow reader must not end the connection of all others.
        .data_frame_budget(1 << 40);
    builder
}

fn request_head(kind: CallKind, limit: Duration) -> Request<()> {
    let uri = match kind {
        CallKind::Unary => "http://localhost/plugin.PluginService/HandleEndpointRequest",
        CallKind::Streaming => "http://localhost/plugin.PluginService/HandleEndpointRequestStream",
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = Uri::from_static(uri);
    let headers = request.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-timeout", timeout_value(kind, limit));
    request
}

thread_local! {
    /// The last limit of each kind of call as its header says it: it hardly ever changes.
    static TIMEOUTS: RefCell<[Option<(Duration, HeaderValue)>; 2]> = const { RefCell::new([None, None]) };
}

fn timeout_value(kind: CallKind, limit: Duration) -> HeaderValue {
    TIMEOUTS.with_borrow_mut(|timeouts| {
        let last = &mut timeouts[usize::from(kind == CallKind::Streaming)];
        if let Some((known, value)) = last
            && *known == limit
        {
            return value.clone();
        }
        let millis = (limit + DEADLINE_MARGIN).as_millis().min(99_999_999);
        let value = HeaderValue::try_from(format!("{millis}m"))
            .expect("digits and a letter are a header's value");
        last.insert((limit, value)).1.clone()
    })
}

/// The messages of one answer, in order. Dropping it cancels the call.
pub struct Messages {
    body: RecvStream,
    reader: MessageReader,
    ended: bool,
}

impl Messages {
    /// The next whole message; `None` after an orderly end (gRPC status 0).
    ///
    /// # Errors
    /// See [`CallError`]; after an error the stream has ended.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        loop {
            match self.reader.take() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Room is given back as frames are taken, and frames are only taken when the
                    // client's side wants more: back-pressure reaches the plugin.
                    let _ = self.body.flow_control().release_capacity(data.len());
                    self.reader.push(data);
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(broke_off(&error))));
                }
                None => {
                    let end = ready!(self.poll_end(cx));
                    self.ended = true;
                    return Poll::Ready(end.err().map(Err));
                }
            }
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        let trailers = match ready!(self.body.poll_trailers(cx)) {
            Ok(trailers) => trailers,
            Err(error) => return Poll::Ready(Err(broke_off(&error))),
        };
        if !self.reader.is_empty() {
            return Poll::Ready(Err(CallError::BrokeOff("ended within a message".to_owned())));
        }
        Poll::Ready(match trailers {
            Some(trailers) => status(&trailers),
            None => Err(CallError::BrokeOff("ended without a status".to_owned())),
        })
    }

    /// [`Messages::poll_next`] as a future.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The single message of a unary answer.
    ///
    /// # Errors
    /// See [`CallError`]; no message or a second one is a broken contract.
    pub async fn only(mut self) -> Result<Bytes, CallError> {
        let Some(first) = self.next().await else {
            return Err(CallError::Protocol("no message in the answer".to_owned()));
        };
        let first = first?;
        match self.next().await {
            None => Ok(first),
            Some(Ok(_)) => Err(CallError::Protocol("two messages in a unary answer".to_owned())),
            Some(Err(error)) => Err(error),
        }
    }
}

fn broke_off(error: &h2::Error) -> CallError {
    match error.reason() {
        Some(reason) if reason != Reason::NO_ERROR => CallError::BrokeOff(reason.to_string()),
        _ => CallError::BrokeOff(error.to_string()),
    }
}

impl From<FrameError> for CallError {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

fn status(headers: &HeaderMap) -> Result<(), CallError> {
    let code = headers
        .get("grpc-status")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<i32>().ok())
        .ok_or_else(|| CallError::Protocol("no readable grpc-status".to_owned()))?;
    if code == 0 {
        return Ok(());
    }
    let message = headers.get("grpc-message").map(|value| status_text(value.as_bytes()));
    Err(CallError::Status { code, message: message.unwrap_or_default() })
}

/// The text of a status, which travels percent-encoded: bounded, and harmless to a terminal.
fn status_text(encoded: &[u8]) -> String {
    // No character takes more than four bytes, each of them three letters long.
    let encoded = &encoded[..encoded.len().min(STATUS_TEXT_CHARS * 12)];
    let decoded = percent_decode(encoded).decode_utf8_lossy();
    let escaped = decoded.chars().flat_map(|c| {
        let (plain, escaped) = match c.is_control() {
            true => (None, Some(c.escape_default())),
            false => (Some(c), None),
        };
        plain.into_iter().chain(escaped.into_iter().flatten())
    });
    escaped.take(STATUS_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_status_is_decoded_bounded_and_harmless() {
        assert_eq!(status_text(b"the%20handler%20panicked"), "the handler panicked");
        assert_eq!(status_text("plain ä %C3%A4 %FF %zz %".as_bytes()), "plain ä ä \u{fffd} %zz %");
        assert_eq!(status_text(b"a%0Ab%1B[31m%C2%9B"), r"a\nb\u{1b}[31m\u{9b}");
        assert_eq!(status_text("%C3%A4".repeat(5000).as_bytes()), "ä".repeat(STATUS_TEXT_CHARS));
    }
}
