//! One shard's connections to one plugin process: gRPC calls on HTTP/2.
//!
//! Unary calls and streams travel on separate connections, so that readers who stall on a stream
//! never hold up an ordinary answer. Knows frames and gRPC framing, nothing of endpoints.

use super::super::answer::CallError;
use super::super::presence::InService;
use arc_swap::ArcSwap;
use bytes::Bytes;
use percent_encoding::percent_decode;
use sidegate_transport::codec::Encoded;
use sidegate_transport::grpc_message::{FrameError, MessageReader};
use sidegate_transport::http2::{Call, Client, Failure, Reading, Settings, connect};
use sidegate_transport::pinned::Connector;
use sidegate_wire::calls;
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

/// How often a process is asked that did not hear of a call, as when it closes one connection and
/// takes another.
const TRIES: usize = 3;

/// How much of a status's text is kept.
const STATUS_TEXT_CHARS: usize = 1000;

/// Which of a lane's connections a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    /// One answer.
    Unary,
    /// A stream of messages.
    Streaming,
}

impl CallKind {
    fn reading(self) -> Reading {
        match self {
            Self::Unary => Reading::Whole,
            Self::Streaming => Reading::Pieces,
        }
    }
}

/// A slot for one connection: made at first use, replaced when it breaks.
struct Slot {
    kind: CallKind,
    cell: ArcSwap<OnceCell<Client>>,
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
pub(super) struct Lane {
    address: Address,
    tls: Option<Connector>,
    /// Where another process may listen by and by.
    watched: Option<(InService, usize)>,
    unary: Slot,
    streaming: Slot,
    closed: CancellationToken,
}

impl Lane {
    /// Prepares a lane to the address, encrypted where there is `tls`; connects at first use.
    /// `closed` ends all its calls at once.
    pub(super) fn new(address: Address, tls: Option<Connector>, closed: CancellationToken) -> Self {
        let slot = |kind| Slot { kind, cell: ArcSwap::from_pointee(OnceCell::new()) };
        Self {
            address,
            tls,
            watched: None,
            unary: slot(CallKind::Unary),
            streaming: slot(CallKind::Streaming),
            closed,
        }
    }

    /// For an address where another process may listen one day: somebody looks after the one that is
    /// `in_service` there, at this position. A new connection carries nothing before it is known that this
    /// process was still there when the connection was made.
    pub(super) fn watched(self, in_service: InService, at: usize) -> Self {
        Self { watched: Some((in_service, at)), ..self }
    }

    /// Sends one request message on a connection that is there, as it nearly always is; `None` where it takes
    /// no more or there is none yet. It is to be waited for as [`Lane::call`] does.
    pub(super) fn begin_at_once(
        &self,
        kind: CallKind,
        request: &Encoded,
        limit: Duration,
    ) -> Option<Messages> {
        let slot = self.slot(kind);
        let cell = slot.cell.load();
        let message = (request.head.clone(), request.body.clone());
        let timeout = limit.saturating_add(DEADLINE_MARGIN);
        let call = cell.get()?.call(message, timeout, kind.reading()).ok()?;
        Some(Messages::of(call))
    }

    fn slot(&self, kind: CallKind) -> &Slot {
        match kind {
            CallKind::Unary => &self.unary,
            CallKind::Streaming => &self.streaming,
        }
    }

    /// Sends one request message and waits for the answer's headers. `limit` travels as the
    /// call's deadline; keeping it is the caller's duty. Dropping the result cancels the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(super) async fn call(
        &self,
        kind: CallKind,
        request: &Encoded,
        limit: Duration,
    ) -> Result<Messages, CallError> {
        let slot = self.slot(kind);
        let message = (request.head.clone(), request.body.clone());
        let timeout = limit.saturating_add(DEADLINE_MARGIN);
        for again in (0..TRIES).rev() {
            let mut call = self.begin(slot, message.clone(), timeout).await?;
            match poll_fn(|cx| call.poll_answered(cx)).await {
                Ok(()) => return Ok(Messages::of(call)),
                // Where the process is still there, a new connection or one more try will do.
                Err(Failure::Unheard(_)) if again > 0 => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(CallError::Unreachable("connection closed".to_owned()))
    }

    /// Begins a call on the slot's connection, or on a new one where that takes no more.
    async fn begin(
        &self,
        slot: &Slot,
        message: (Bytes, Bytes),
        timeout: Duration,
    ) -> Result<Call, CallError> {
        let begin = |client: &Client| client.call(message.clone(), timeout, slot.kind.reading());
        // As it nearly always is: connected.
        if let Some(Ok(call)) = slot.cell.load().get().map(begin) {
            return Ok(call);
        }
        // In a box, because hardly any call needs the room for it.
        Box::pin(self.begin_anew(slot, begin)).await
    }

    async fn begin_anew(
        &self,
        slot: &Slot,
        begin: impl Fn(&Client) -> Result<Call, Failure>,
    ) -> Result<Call, CallError> {
        for _ in 0..2 {
            if self.closed.is_cancelled() {
                break;
            }
            let cell = slot.cell.load_full();
            // The deadline is for waiting as well: many calls may stand in line for one connection.
            let connecting = cell.get_or_try_init(|| self.connect(slot.kind));
            let client = tokio::select! {
                client = tokio::time::timeout(CONNECT_DEADLINE, connecting) => client,
                () = self.closed.cancelled() => break,
            };
            let client = client.map_err(|_| took_too_long())??;
            if let Ok(call) = begin(client) {
                return Ok(call);
            }
            slot.cell.compare_and_swap(&cell, Arc::new(OnceCell::new()));
        }
        Err(CallError::Unreachable("connection closed".to_owned()))
    }

    async fn connect(&self, kind: CallKind) -> Result<Client, CallError> {
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
    async fn secure<T>(&self, kind: CallKind, io: T) -> Result<Client, String>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else { return self.greet(kind, io).await };
        let io = tls.connect(io).await.map_err(|e| format!("TLS with the plugin failed: {e}"))?;
        self.greet(kind, io).await
    }

    /// Begins HTTP/2, and learns whether anybody answers: a dying process may still take connections.
    async fn greet<T>(&self, kind: CallKind, io: T) -> Result<Client, String>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, driver) = connect(io, settings(kind)).await.map_err(|e| e.to_string())?;
        if let Some((in_service, at)) = &self.watched
            && !in_service[*at].confirmed().await
        {
            return Err("another process may listen there now".to_owned());
        }
        let closed = self.closed.clone();
        tokio::spawn(async move {
            // Dropping the driver fails every call at once.
            tokio::select! {
                biased;
                () = closed.cancelled() => {}
                why = driver => tracing::debug!(%why, "connection to plugin ended"),
            }
        });
        Ok(client)
    }
}

fn took_too_long() -> CallError {
    CallError::Unreachable("connecting took too long".to_owned())
}

fn settings(kind: CallKind) -> Settings<'static> {
    let (path, window) = match kind {
        CallKind::Unary => (calls::UNARY_PATH, calls::UNARY_WINDOW_BYTES),
        CallKind::Streaming => (calls::STREAM_PATH, calls::STREAM_WINDOW_BYTES),
    };
    Settings { authority: "localhost", path, window }
}

/// The messages of one answer, in order. Dropping it cancels the call.
pub(crate) struct Messages {
    call: Call,
    reader: MessageReader,
}

impl Messages {
    fn of(call: Call) -> Self {
        Self { call, reader: MessageReader::new(MAX_MESSAGE_BYTES) }
    }

    /// The next whole message; `None` after an orderly end (gRPC status 0).
    ///
    /// # Errors
    /// See [`CallError`]; after an error the stream has ended.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, CallError>>> {
        loop {
            match self.reader.take() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            // Pieces are only taken when the client's side wants more: back-pressure reaches the
            // plugin.
            match ready!(self.call.poll_piece(cx)) {
                Some(Ok(piece)) => self.reader.push(piece),
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure.into()))),
                None if self.reader.is_empty() => return Poll::Ready(None),
                None => {
                    let error = CallError::BrokeOff("ended within a message".to_owned());
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// The single message of a unary answer.
    pub(super) fn only(self) -> OnlyMessage {
        OnlyMessage { messages: self, is_answered: false, first: None }
    }
}

/// The single message of a unary answer, as it comes. Written by hand, for every open call holds one.
pub(super) struct OnlyMessage {
    messages: Messages,
    is_answered: bool,
    first: Option<Bytes>,
}

impl OnlyMessage {
    /// The message, at the end of the call.
    ///
    /// # Errors
    /// See [`CallError`]; no message or a second one is a broken contract. [`CallError::Unreachable`] where
    /// nobody heard of the call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, CallError>> {
        if !self.is_answered {
            ready!(self.messages.call.poll_answered(cx))?;
            self.is_answered = true;
        }
        loop {
            let next = ready!(self.messages.poll_next(cx)).transpose()?;
            match (next, self.first.take()) {
                (Some(first), None) => self.first = Some(first),
                (None, Some(first)) => return Poll::Ready(Ok(first)),
                (None, None) => return Poll::Ready(Err(broken("no message in the answer"))),
                (Some(_), Some(_)) => {
                    return Poll::Ready(Err(broken("two messages in a unary answer")));
                }
            }
        }
    }
}

fn broken(what: &str) -> CallError {
    CallError::Protocol(what.to_owned())
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unheard(why) => Self::Unreachable(why.into_owned()),
            Failure::BrokeOff(why) => Self::BrokeOff(why.into_owned()),
            Failure::Status { code, message } => {
                Self::Status { code, message: status_text(&message) }
            }
            Failure::Protocol(why) => Self::Protocol(why.into_owned()),
        }
    }
}

impl From<FrameError> for CallError {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
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
    use crate::instance::Presence;
    use h2::Reason;
    use h2::server::SendResponse;
    use std::path::Path;
    use tokio::net::{TcpListener, UnixListener};

    fn answer(mut respond: SendResponse<Bytes>) {
        let head = http::Response::builder().header("grpc-status", "0").body(()).unwrap();
        respond.send_response(head, true).unwrap();
    }

    /// A process that refuses its first call and answers the second.
    async fn moody(socket: &Path) {
        let (io, _) = UnixListener::bind(socket).unwrap().accept().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        connection.accept().await.unwrap().unwrap().1.send_reset(Reason::REFUSED_STREAM);
        answer(connection.accept().await.unwrap().unwrap().1);
        assert!(connection.accept().await.is_none(), "there is no third one");
    }

    #[tokio::test]
    async fn a_call_that_a_living_process_did_not_hear_of_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let process = tokio::spawn({
            let socket = socket.clone();
            async move { moody(&socket).await }
        });
        while !socket.exists() {
            tokio::task::yield_now().await;
        }
        let lane = Lane::new(Address::Unix(socket), None, CancellationToken::new());
        let request = Encoded { head: Bytes::from_static(&[0; 5]), body: Bytes::new() };
        let limit = Duration::from_secs(10);
        let mut messages = lane.call(CallKind::Unary, &request, limit).await.unwrap();
        assert!(poll_fn(|cx| messages.poll_next(cx)).await.is_none());
        drop((messages, lane));
        process.await.unwrap();
    }

    /// A connection is made, and then nothing is sent on it.
    async fn nothing_is_sent(listener: &TcpListener) {
        let (io, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        let call = connection.accept().await;
        assert!(
            !matches!(call, Some(Ok(_))),
            "a call reached a process that nobody has initialised"
        );
    }

    #[tokio::test]
    async fn a_new_connection_carries_nothing_before_the_process_behind_it_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        let in_service: InService = [Presence::new(true)].into();
        let lane =
            Lane::new(address, None, CancellationToken::new()).watched(in_service.clone(), 0);
        let request = Encoded { head: Bytes::from_static(&[0; 5]), body: Bytes::new() };
        let limit = Duration::from_secs(10);
        // The process that was initialised is gone, which is noticed when it is looked for.
        let gone = async {
            drop(in_service[0].asked().await);
            in_service[0].set(false);
        };
        let call = lane.call(CallKind::Unary, &request, limit);
        let all = async { tokio::join!(call, nothing_is_sent(&listener), gone) };
        let (result, (), ()) = tokio::time::timeout(limit, all).await.expect("it is refused");
        assert!(matches!(result, Err(CallError::Unreachable(_))), "{:?}", result.err());
        // Now that the new one is initialised too, it gets the next call.
        in_service[0].set(true);
        let known = async { in_service[0].asked().await.confirm() };
        tokio::spawn(async move {
            let (io, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(io).await.unwrap();
            while let Some(Ok((_, respond))) = connection.accept().await {
                answer(respond);
            }
        });
        let call = tokio::time::timeout(limit, lane.call(CallKind::Unary, &request, limit));
        let (result, ()) = tokio::join!(call, known);
        result.expect("it is answered").unwrap();
    }

    #[test]
    fn the_text_of_a_status_is_decoded_bounded_and_harmless() {
        assert_eq!(status_text(b"the%20handler%20panicked"), "the handler panicked");
        assert_eq!(status_text("plain ä %C3%A4 %FF %zz %".as_bytes()), "plain ä ä \u{fffd} %zz %");
        assert_eq!(status_text(b"a%0Ab%1B[31m%C2%9B"), r"a\nb\u{1b}[31m\u{9b}");
        assert_eq!(status_text("%C3%A4".repeat(5000).as_bytes()), "ä".repeat(STATUS_TEXT_CHARS));
    }
}
