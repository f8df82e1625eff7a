//! The client's socket as the HTTP library sees it: strict framing on the way in ([`reading`], and [`frames`]
//! over HTTP/2), [`timeouts`] on waiting, and an end that lets an early answer reach a client that is still
//! sending ([`closing`]).

mod closing;
mod frames;
mod reading;
#[cfg(test)]
pub(super) mod test_socket;
#[cfg(test)]
mod tests;
mod timeouts;

use self::closing::Closing;
pub(super) use self::closing::{LINGER, LINGER_BYTES};
use self::timeouts::{ReadTimeouts, WriteTimeout};
use super::connection::ClientConnection;
use super::connection_timeouts::ConnectionTimeouts;
use super::disconnect_probe::DisconnectProbe;
use super::error::raw_response;
use super::framing::{Framing, is_begun};
use super::head::HeadLimits;
use super::rejected_request::RejectedRequest;
use super::request_id::RequestId;
use super::socket::SocketIo;
use bytes::BytesMut;
use sidegate_transport::http2::request_heads::RequestHeads;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const READ_STEP: usize = 8 * 1024;

/// A client socket under guard.
pub struct GuardedIo<S: SocketIo> {
    socket: S,
    connection: Arc<ClientConnection>,
    timeouts: ReadTimeouts,
    stalled: WriteTimeout,
    /// `None` for HTTP/2, which has frames of its own.
    framing: Option<Framing>,
    /// `None` for HTTP/1.
    heads: Option<Box<RequestHeads>>,
    /// What cannot be handed over yet; empty unless a head or a line comes in parts.
    inbox: BytesMut,
    approved: usize,
    rejected: Option<RejectedRequest>,
    /// The client sends nothing more, or too much, while its request is being answered.
    disconnect_probe: Option<DisconnectProbe>,
    /// The first byte of the answer was sent already.
    begun: bool,
    /// Everything that was written has left the HTTP library.
    flushed: bool,
    closing: Option<Closing>,
}

impl<S: SocketIo> GuardedIo<S> {
    /// Guards a socket of which `sniffed` has been read already. `limits` are for HTTP/1; `None`
    /// hands HTTP/2 through.
    pub fn new(
        socket: S,
        connection: Arc<ClientConnection>,
        timeouts: ConnectionTimeouts,
        sniffed: BytesMut,
        limits: Option<HeadLimits>,
    ) -> Self {
        Self {
            socket,
            connection,
            timeouts: ReadTimeouts::new(timeouts),
            stalled: WriteTimeout::new(timeouts.stalled_write),
            approved: 0,
            heads: limits.is_none().then(Box::default),
            framing: limits.map(Framing::new),
            inbox: sniffed,
            rejected: None,
            disconnect_probe: None,
            begun: false,
            flushed: true,
            closing: None,
        }
    }

    /// Guards a socket of which nothing is served: it is told why, and closed.
    pub async fn refuse(mut self, rejected: RejectedRequest) -> io::Result<()> {
        self.rejected = Some(rejected);
        poll_fn(|cx| Pin::new(&mut self).poll_shutdown(cx)).await
    }

    fn begin_closing(&mut self) -> Closing {
        self.connection.closes();
        let between = self.framing.as_ref().is_none_or(Framing::between_messages);
        let may_still_send = self.rejected.is_some() || !between || is_begun(&self.inbox);
        let mut final_bytes = match self.rejected {
            Some(rejected) if between => self.tell(rejected),
            _ => Vec::new(),
        };
        final_bytes.drain(..usize::from(self.begun).min(final_bytes.len()));
        Closing::new(final_bytes, may_still_send)
    }

    /// Puts a rejected request on record and into words.
    fn tell(&self, rejected: RejectedRequest) -> Vec<u8> {
        let id = RequestId::fresh();
        self.connection.metrics.unmatched().failed(rejected.code);
        tracing::info!(
            target: "access",
            request_id = %id,
            client = %self.connection.peer_text,
            code = rejected.code.as_str(),
            status = rejected.code.http_status(),
            "refused: {}", rejected.message
        );
        raw_response(rejected, id.as_str())
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
}

impl<S: SocketIo> Drop for GuardedIo<S> {
    fn drop(&mut self) {
        if self.connection.wants_reset() {
            self.socket.reset_on_close();
        }
    }
}

impl<S: SocketIo> AsyncRead for GuardedIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_guarded(cx, buf)
    }
}

impl<S: SocketIo> AsyncWrite for GuardedIo<S> {
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
        this.stalled.poll(cx, result)
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
        this.stalled.poll(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_flush(cx);
        this.flushed |= matches!(result, Poll::Ready(Ok(())));
        this.stalled.poll(cx, result)
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
