//! The client's socket as the HTTP library sees it: strict framing on the way in, deadlines on
//! waiting, and an end that lets an early answer reach a client that is still sending.

use super::connection::Connection;
use super::error::raw_refusal;
use super::framing::Framing;
use super::head::HeadLimits;
use super::patience::Patience;
use super::refusal::Refusal;
use super::request_id;
use bytes::{Buf, BytesMut};
use sidegate_wire::ErrorCode;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

/// How long the rest of an unread request is taken after an early answer.
pub const LINGER: Duration = Duration::from_secs(5);
/// How much of it is taken, in bytes.
pub const LINGER_BYTES: u64 = 128 * 1024 * 1024;
const READ_STEP: usize = 8 * 1024;

const TOO_SLOW: Refusal = Refusal {
    code: ErrorCode::RequestTimeout,
    message: "the request headers did not arrive in time",
};

/// A plain or encrypted client socket.
pub enum Socket {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    FirstByte,
    NextRequest,
    HeadEnd,
    Nothing,
}

enum Closing {
    No,
    Refusing(Vec<u8>),
    Ending,
    Lingering(Pin<Box<Sleep>>, u64),
}

/// A client socket under guard.
pub struct GuardedIo {
    socket: Socket,
    connection: Arc<Connection>,
    patience: Patience,
    /// `None` for HTTP/2, which has frames of its own.
    framing: Option<Framing>,
    inbox: BytesMut,
    approved: usize,
    served_any: bool,
    waiting: Waiting,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    refusal: Option<Refusal>,
    closing: Closing,
}

impl GuardedIo {
    /// Guards a socket of which `sniffed` has been read already. `limits` are for HTTP/1; `None`
    /// hands HTTP/2 through.
    pub fn new(
        socket: Socket,
        connection: Arc<Connection>,
        patience: Patience,
        sniffed: BytesMut,
        limits: Option<HeadLimits>,
    ) -> Self {
        Self {
            socket,
            connection,
            patience,
            approved: if limits.is_none() { sniffed.len() } else { 0 },
            framing: limits.map(Framing::new),
            inbox: sniffed,
            served_any: false,
            waiting: Waiting::Nothing,
            read_timer: None,
            write_timer: None,
            refusal: None,
            closing: Closing::No,
        }
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let n = self.approved.min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        self.approved -= n;
        self.served_any = true;
    }

    /// Reads body bytes straight into the HTTP library's buffer, never past the body's end.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        left: u64,
    ) -> Poll<io::Result<()>> {
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let before = buf.filled().len();
        if left >= buf.remaining() {
            ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(left));
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut part))?;
            let n = part.filled().len();
            buf.advance(n);
        }
        if let Some(framing) = &mut self.framing {
            framing.skip((buf.filled().len() - before) as u64);
        }
        Poll::Ready(Ok(()))
    }

    /// What the connection keeps us waiting for, and whether that took too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now_waiting = match &self.framing {
            _ if !self.connection.is_idle() => Waiting::Nothing,
            Some(framing) if !framing.between_messages() => Waiting::Nothing,
            Some(_) if !self.inbox.is_empty() => Waiting::HeadEnd,
            Some(_) if !self.served_any => Waiting::FirstByte,
            Some(_) => Waiting::NextRequest,
            None => Waiting::Nothing,
        };
        if now_waiting != self.waiting {
            self.waiting = now_waiting;
            let limit = match now_waiting {
                Waiting::Nothing => None,
                Waiting::NextRequest => Some(self.patience.idle),
                Waiting::FirstByte | Waiting::HeadEnd => Some(self.patience.head),
            };
            match (limit, &mut self.read_timer) {
                (None, timer) => *timer = None,
                (Some(limit), Some(timer)) => timer.as_mut().reset(Instant::now() + limit),
                (Some(limit), timer) => *timer = Some(Box::pin(tokio::time::sleep(limit))),
            }
        }
        if now_waiting == Waiting::Nothing {
            self.connection.wake_when_idle(cx.waker());
        }
        match &mut self.read_timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn poll_guarded(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.approved > 0 {
                self.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            if self.refusal.is_some() {
                return self.poll_refused(cx);
            }
            let Some(framing) = &mut self.framing else {
                return Pin::new(&mut self.socket).poll_read(cx, buf);
            };
            if self.inbox.is_empty() {
                if let Some(left) = framing.plain_body_left() {
                    return self.poll_body(cx, buf, left);
                }
            } else {
                match framing.approve(&self.inbox) {
                    Ok(0) => {}
                    Ok(sound) => {
                        self.approved = sound;
                        continue;
                    }
                    Err(refusal) => {
                        self.refusal = Some(refusal);
                        continue;
                    }
                }
            }
            self.inbox.reserve(READ_STEP);
            match tokio_util::io::poll_read_buf(Pin::new(&mut self.socket), cx, &mut self.inbox) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.poll_patience(cx));
                    if self.waiting == Waiting::HeadEnd {
                        self.refusal = Some(TOO_SLOW);
                        continue;
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Within a body the reader learns of the fault; between messages the connection ends, and the
    /// refusal is written last.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let in_body = self.framing.as_ref().is_some_and(|f| !f.between_messages());
        if in_body {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "broken body")));
        }
        self.connection.wake_when_idle(cx.waker());
        if self.connection.is_idle() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn begin_closing(&mut self) -> Closing {
        let between = self.framing.as_ref().is_none_or(Framing::between_messages);
        match self.refusal {
            Some(refusal) if between => {
                let id = request_id::generate();
                tracing::info!(
                    target: "access",
                    request_id = %id,
                    client = %self.connection.peer_text,
                    code = refusal.code.as_str(),
                    status = refusal.code.http_status(),
                    "refused: {}", refusal.message
                );
                Closing::Refusing(raw_refusal(refusal, &id))
            }
            _ => Closing::Ending,
        }
    }

    fn may_still_send(&self) -> bool {
        let between = self.framing.as_ref().is_none_or(Framing::between_messages);
        self.refusal.is_some() || !between || !self.inbox.is_empty()
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Closing::Lingering(timer, left) = &mut self.closing else {
            return Poll::Ready(());
        };
        let mut scratch = [0_u8; READ_STEP];
        loop {
            if *left == 0 || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {
                    *left = left.saturating_sub(buf.filled().len() as u64);
                }
                _ => return Poll::Ready(()),
            }
        }
    }

    fn poll_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_timer = None;
            return result;
        }
        let limit = self.patience.stalled_write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "client takes nothing")))
    }
}

impl Drop for GuardedIo {
    fn drop(&mut self) {
        if self.connection.wants_reset() {
            let _ = socket2::SockRef::from(self.socket.tcp()).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for GuardedIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_guarded(cx, buf)
    }
}

impl AsyncWrite for GuardedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.poll_stalled(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        this.poll_stalled(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_flush(cx);
        this.poll_stalled(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::No => this.closing = this.begin_closing(),
                Closing::Refusing(answer) => {
                    let written = Pin::new(&mut this.socket).poll_write(cx, answer);
                    let left = answer.split_off(match ready!(written) {
                        Ok(n) if n > 0 => n,
                        _ => answer.len(),
                    });
                    this.closing =
                        if left.is_empty() { Closing::Ending } else { Closing::Refusing(left) };
                }
                Closing::Ending => {
                    ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
                    if !this.may_still_send() {
                        return Poll::Ready(Ok(()));
                    }
                    let timer = Box::pin(tokio::time::sleep(LINGER));
                    this.closing = Closing::Lingering(timer, LINGER_BYTES);
                }
                Closing::Lingering(..) => {
                    ready!(this.poll_linger(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
