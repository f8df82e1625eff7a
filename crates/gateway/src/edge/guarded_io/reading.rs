//! The way in over HTTP/1: strict framing, one message at a time, and an eye on whether the client is still
//! there while its request is answered.

use super::super::disconnect_probe::{Answering, DisconnectProbe, Verdict};
use super::super::framing::Framing;
use super::super::rejected_request::RejectedRequest;
use super::super::socket::SocketIo;
use super::timeouts::Progress;
use super::{GuardedIo, READ_STEP};
use bytes::{Buf as _, BytesMut};
use sidegate_wire::ErrorCode;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// How much is kept of what a client sends while its request is being answered; more is left unread.
const MOST_AHEAD: usize = 64 * 1024;

const TOO_SLOW: RejectedRequest = RejectedRequest {
    code: ErrorCode::RequestTimeout,
    message: "the request headers did not arrive in time",
};

impl<S: SocketIo> GuardedIo<S> {
    pub(super) fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let n = self.approved.min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        self.approved -= n;
        if self.inbox.is_empty() {
            // Most connections never need it again.
            self.inbox = BytesMut::new();
        }
        self.timeouts.handed_over();
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
            Some(Err(rejected)) => {
                self.rejected = Some(rejected);
                0
            }
            None => fresh.len(),
        };
        let is_end = fresh.is_empty();
        self.inbox.extend_from_slice(&fresh[sound..]);
        buf.set_filled(before + sound);
        if sound > 0 {
            self.timeouts.handed_over();
        }
        Poll::Ready(Ok(is_end || sound > 0))
    }

    pub(super) fn poll_guarded(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.approved > 0 {
                self.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            if self.rejected.is_some() {
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
                    Err(rejected) => {
                        self.rejected = Some(rejected);
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
                    ready!(self.poll_timeout(cx));
                    if self.timeouts.waits_for_head() {
                        self.rejected = Some(TOO_SLOW);
                        continue;
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Whether the connection has kept us waiting for too long.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let progress = Progress {
            is_between: self.framing.as_ref().is_some_and(Framing::between_messages),
            received: &self.inbox,
        };
        self.timeouts.poll(cx, &self.connection, progress)
    }

    /// While a request is being answered: tells when its client has gone. What that sends meanwhile
    /// is kept here, so that there is always somebody who reads and would notice.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(probe) = &mut self.disconnect_probe {
                let answering = Answering {
                    is_stream: self.connection.is_streaming(),
                    can_begin: self.flushed && !self.begun,
                };
                self.connection.wake_when_idle(cx.waker());
                match ready!(probe.poll(cx, &mut self.socket, answering))? {
                    Verdict::Gone => return Poll::Ready(Ok(())),
                    Verdict::Begun => self.begun = true,
                }
            } else if self.inbox.len() >= MOST_AHEAD {
                self.disconnect_probe = Some(DisconnectProbe::new(false));
            } else {
                let before = buf.filled().len();
                let Poll::Ready(read) = Pin::new(&mut self.socket).poll_read(cx, buf) else {
                    return self.poll_timeout(cx).map(Ok);
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
}
