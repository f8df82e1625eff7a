//! The client's socket as the HTTP library sees it: strict framing on the way in, deadlines on
//! waiting, and an end that lets an early answer reach a client that is still sending.

use super::closing::Closing;
use super::connection::ClientConnection;
use super::connection_timeouts::ConnectionTimeouts;
use super::disconnect_probe::{Answering, DisconnectProbe, Verdict};
use super::error::raw_refusal;
use super::framing::{Framing, is_begun};
use super::head::HeadLimits;
use super::poll_when_woken::PollWhenWoken;
use super::refusal::Refusal;
use super::request_id::RequestId;
use super::socket::ClientSocket;
use bytes::{Buf, BytesMut};
use sidegate_transport::http2::request_heads::{Look, RequestHeads, mark};
use sidegate_wire::ErrorCode;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

const READ_STEP: usize = 8 * 1024;
/// How much is kept of what a client sends while its request is being answered; more is left unread.
const MOST_AHEAD: usize = 64 * 1024;
/// How soon at the earliest a busy connection is looked at again.
const SOONEST_LOOK: Duration = Duration::from_millis(10);

const TOO_SLOW: Refusal = Refusal {
    code: ErrorCode::RequestTimeout,
    message: "the request headers did not arrive in time",
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    FirstByte,
    NextRequest,
    HeadEnd,
    Nothing,
}

/// A client socket under guard.
pub struct GuardedIo {
    socket: ClientSocket,
    connection: Arc<ClientConnection>,
    timeouts: ConnectionTimeouts,
    /// `None` for HTTP/2, which has frames of its own.
    framing: Option<Framing>,
    /// `None` for HTTP/1.
    heads: Option<Box<RequestHeads>>,
    /// What cannot be handed over yet; empty unless a head or a line comes in parts.
    inbox: BytesMut,
    approved: usize,
    served_any: bool,
    waiting: Waiting,
    /// When a head must be there, while one is waited for.
    head_end: Instant,
    read_timer: Option<PollWhenWoken<Pin<Box<Sleep>>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    refusal: Option<Refusal>,
    /// The client sends nothing more, or too much, while its request is being answered.
    disconnect_probe: Option<DisconnectProbe>,
    /// The first byte of the answer was sent already.
    begun: bool,
    /// Everything that was written has left the HTTP library.
    flushed: bool,
    closing: Option<Closing>,
}

impl GuardedIo {
    /// Guards a socket of which `sniffed` has been read already. `limits` are for HTTP/1; `None`
    /// hands HTTP/2 through.
    pub fn new(
        socket: ClientSocket,
        connection: Arc<ClientConnection>,
        timeouts: ConnectionTimeouts,
        sniffed: BytesMut,
        limits: Option<HeadLimits>,
    ) -> Self {
        Self {
            socket,
            connection,
            timeouts,
            approved: 0,
            heads: limits.is_none().then(Box::default),
            framing: limits.map(Framing::new),
            inbox: sniffed,
            served_any: false,
            waiting: Waiting::Nothing,
            head_end: Instant::now(),
            read_timer: None,
            write_timer: None,
            refusal: None,
            disconnect_probe: None,
            begun: false,
            flushed: true,
            closing: None,
        }
    }

    /// Guards a socket of which nothing is served: it is told why, and closed.
    pub async fn refuse(mut self, refusal: Refusal) -> io::Result<()> {
        self.refusal = Some(refusal);
        poll_fn(|cx| Pin::new(&mut self).poll_shutdown(cx)).await
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let n = self.approved.min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        self.approved -= n;
        if self.inbox.is_empty() {
            // Most connections never need it again.
            self.inbox = BytesMut::new();
        }
        self.handed_over();
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

    /// Reads into the HTTP library's buffer and leaves there what is sound; the rest waits in the
    /// inbox. Answers whether there is something to tell the library: bytes, or the end.
    fn poll_fresh(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        let sound = match self.framing.as_mut().map(|framing| framing.approve(fresh)) {
            Some(Ok(sound)) => sound,
            Some(Err(refusal)) => {
                self.refusal = Some(refusal);
                0
            }
            None => fresh.len(),
        };
        let is_end = fresh.is_empty();
        self.inbox.extend_from_slice(&fresh[sound..]);
        buf.set_filled(before + sound);
        if sound > 0 {
            self.handed_over();
        }
        Poll::Ready(Ok(is_end || sound > 0))
    }

    fn handed_over(&mut self) {
        self.served_any = true;
        self.waiting = Waiting::Nothing;
    }

    /// What the connection keeps us waiting for, and whether that took too long.
    fn poll_timeouts(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let between = self.framing.as_ref().is_some_and(Framing::between_messages);
        let now_waiting = match between && self.connection.is_idle() {
            false => Waiting::Nothing,
            true if is_begun(&self.inbox) => Waiting::HeadEnd,
            true if !self.served_any => Waiting::FirstByte,
            true => Waiting::NextRequest,
        };
        if now_waiting != self.waiting {
            self.waiting = now_waiting;
            if matches!(now_waiting, Waiting::FirstByte | Waiting::HeadEnd) {
                self.head_end = Instant::now() + self.timeouts.head;
            }
        }
        match now_waiting {
            // To be woken at the end of each answer would cost more than to look now and then.
            Waiting::Nothing if between && self.inbox.is_empty() => self.poll_timer(cx, None),
            Waiting::Nothing => {
                self.connection.wake_when_idle(cx.waker());
                Poll::Pending
            }
            Waiting::NextRequest => {
                let end = self.connection.idle_since() + self.timeouts.idle;
                self.poll_timer(cx, Some(end))
            }
            Waiting::FirstByte | Waiting::HeadEnd => self.poll_timer(cx, Some(self.head_end)),
        }
    }

    /// Waits for the end of a timeout; without one yet, wakes the task in time to look for it. The
    /// timer may be set too early, because setting it anew for each request would cost more.
    fn poll_timer(&mut self, cx: &mut Context<'_>, end: Option<Instant>) -> Poll<()> {
        let idle = self.timeouts.idle.max(SOONEST_LOOK);
        loop {
            let next = || end.unwrap_or_else(|| Instant::now() + idle);
            let timer = self.read_timer.get_or_insert_with(|| {
                PollWhenWoken::new(Box::pin(tokio::time::sleep_until(next())))
            });
            if end.is_some_and(|end| timer.get().deadline() > end) {
                timer.change().as_mut().reset(next());
            }
            ready!(Pin::new(&mut *timer).poll(cx));
            if end.is_some_and(|end| timer.get().deadline() >= end) {
                return Poll::Ready(());
            }
            timer.change().as_mut().reset(next());
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
                return self.poll_frames(cx, buf);
            };
            if framing.between_messages() && !self.connection.is_idle() {
                return self.poll_ahead(cx, buf);
            }
            self.disconnect_probe = None;
            let read = if self.inbox.is_empty() {
                if let Some(left) = framing.plain_body_left() {
                    return self.poll_body(cx, buf, left);
                }
                self.poll_fresh(cx, buf)
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
                self.inbox.reserve(READ_STEP);
                let socket = Pin::new(&mut self.socket);
                tokio_util::io::poll_read_buf(socket, cx, &mut self.inbox).map_ok(|n| n == 0)
            };
            match read {
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(ended) => return Poll::Ready(ended.map(|_| ())),
                Poll::Pending => {
                    ready!(self.poll_timeouts(cx));
                    if self.waiting == Waiting::HeadEnd {
                        self.refusal = Some(TOO_SLOW);
                        continue;
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Over HTTP/2: hands everything over, but first marks the heads whose target has a fragment.
    fn poll_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(heads) = &mut self.heads else {
            return Poll::Ready(Ok(()));
        };
        if self.inbox.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
            self.connection.heard();
            let fresh = &buf.filled()[before..];
            let sound = match heads.look(fresh) {
                Look::Sound(sound) => sound,
                Look::Fragment { sound, frame, insert_at } => {
                    self.connection.sees_fragment();
                    self.inbox.extend_from_slice(&mark(&fresh[sound..sound + frame], insert_at));
                    self.approved = self.inbox.len();
                    self.inbox.extend_from_slice(&fresh[sound + frame..]);
                    buf.set_filled(before + sound);
                    if sound == 0 {
                        self.hand_over(buf);
                    }
                    return Poll::Ready(Ok(()));
                }
            };
            if sound == fresh.len() {
                return Poll::Ready(Ok(()));
            }
            self.inbox.extend_from_slice(&fresh[sound..]);
            buf.set_filled(before + sound);
            if sound > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            match heads.look(&self.inbox) {
                Look::Sound(0) => {}
                Look::Sound(sound) => self.approved = sound,
                Look::Fragment { sound, frame, insert_at } => {
                    self.connection.sees_fragment();
                    let rest = self.inbox.split_off(sound);
                    self.inbox.extend_from_slice(&mark(&rest[..frame], insert_at));
                    self.approved = self.inbox.len();
                    self.inbox.extend_from_slice(&rest[frame..]);
                }
            }
            if self.approved > 0 {
                self.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            self.inbox.reserve(READ_STEP);
            let socket = Pin::new(&mut self.socket);
            if ready!(tokio_util::io::poll_read_buf(socket, cx, &mut self.inbox))? == 0 {
                return Poll::Ready(Ok(()));
            }
            self.connection.heard();
        }
    }

    /// While a request is being answered: tells when its client has gone. What that sends meanwhile
    /// is kept here, so that there is always somebody who reads and would notice.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(disconnect_probe) = &mut self.disconnect_probe {
                let answering = Answering {
                    is_stream: self.connection.is_streaming(),
                    can_begin: self.flushed && !self.begun,
                };
                self.connection.wake_when_idle(cx.waker());
                match ready!(disconnect_probe.poll(cx, &mut self.socket, answering))? {
                    Verdict::Gone => return Poll::Ready(Ok(())),
                    Verdict::Begun => self.begun = true,
                }
            } else if self.inbox.len() >= MOST_AHEAD {
                self.disconnect_probe = Some(DisconnectProbe::new(false));
            } else {
                let before = buf.filled().len();
                let Poll::Ready(read) = Pin::new(&mut self.socket).poll_read(cx, buf) else {
                    return self.poll_timeouts(cx).map(Ok);
                };
                read?;
                let fresh = &buf.filled()[before..];
                if fresh.is_empty() {
                    self.disconnect_probe = Some(DisconnectProbe::new(true));
                }
                self.inbox.extend_from_slice(fresh);
                buf.set_filled(before);
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
        self.connection.closes();
        let between = self.framing.as_ref().is_none_or(Framing::between_messages);
        let may_still_send = self.refusal.is_some() || !between || is_begun(&self.inbox);
        let mut final_bytes = match self.refusal {
            Some(refusal) if between => self.tell(refusal),
            _ => Vec::new(),
        };
        final_bytes.drain(..usize::from(self.begun).min(final_bytes.len()));
        Closing::new(final_bytes, may_still_send)
    }

    /// Puts a refusal on record and into words.
    fn tell(&self, refusal: Refusal) -> Vec<u8> {
        let id = RequestId::fresh();
        self.connection.metrics.unmatched().failed(refusal.code);
        tracing::info!(
            target: "access",
            request_id = %id,
            client = %self.connection.peer_text,
            code = refusal.code.as_str(),
            status = refusal.code.http_status(),
            "refused: {}", refusal.message
        );
        raw_refusal(refusal, id.as_str())
    }

    /// Writes what follows the first byte of an answer, which was sent already.
    fn poll_write_rest(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let rest = bytes.get(1..).unwrap_or_default();
        let written = match rest {
            [] => 0,
            rest => ready!(Pin::new(&mut self.socket).poll_write(cx, rest))?,
        };
        self.begun = bytes.is_empty();
        Poll::Ready(Ok(bytes.len().min(written + 1)))
    }

    fn note_written(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(_)) = result {
            self.connection.wrote();
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
        let limit = self.timeouts.stalled_write;
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
        this.flushed = false;
        let result = match this.begun {
            false => Pin::new(&mut this.socket).poll_write(cx, buf),
            true => this.poll_write_rest(cx, buf),
        };
        this.note_written(&result);
        this.poll_stalled(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.flushed = false;
        let result = match this.begun {
            false => Pin::new(&mut this.socket).poll_write_vectored(cx, bufs),
            true => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                this.poll_write_rest(cx, first.map_or(&[], |first| first))
            }
        };
        this.note_written(&result);
        this.poll_stalled(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_flush(cx);
        this.flushed |= matches!(result, Poll::Ready(Ok(())));
        this.poll_stalled(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            this.closing = Some(this.begin_closing());
        }
        match &mut this.closing {
            Some(closing) => closing.poll(cx, &mut this.socket, &this.connection),
            None => Poll::Ready(Ok(())),
        }
    }
}
