//! A client that sends nothing more while its request is being answered: it may be waiting for its
//! answer, having closed its own half of the connection, or it may have gone. Only what is sent to it
//! tells: a client that has gone answers with a reset.
//!
//! What is sent is the first byte of the answer, which is the same for all of them.

use super::socket::SocketIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Every answer of HTTP/1 begins with it.
const FIRST_BYTE: &[u8] = b"H";
/// The first pause between two looks, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the connection knows of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answering {
    /// It is a stream, and may pause for as long as it likes.
    pub is_stream: bool,
    /// Its first byte can be sent: all that was to be sent before has been, and nothing of it.
    pub can_begin: bool,
}

/// A client that may have gone.
pub(crate) struct DisconnectProbe {
    /// It was read to its end; else it may only be that too much is unread.
    ended: bool,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

/// What is known of it after a look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has gone.
    Gone,
    /// The first byte of its answer was sent.
    Begun,
}

impl DisconnectProbe {
    /// Of a client that was read to its end (`ended`), or of which too much is unread to know.
    pub(crate) fn new(ended: bool) -> Self {
        Self { ended, pause: FIRST_PAUSE, timer: Box::pin(sleep(FIRST_PAUSE)) }
    }

    /// Looks now and then. A client that cannot be asked, because its answer is a stream that has
    /// begun, has gone when it sends nothing more.
    ///
    /// # Errors
    /// When the connection broke off.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut impl SocketIo,
        answering: Answering,
    ) -> Poll<io::Result<Verdict>> {
        loop {
            if socket.has_failed() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if self.ended || socket.is_read_closed() {
                if answering.is_stream {
                    return Poll::Ready(Ok(Verdict::Gone));
                }
                if answering.can_begin
                    && let Poll::Ready(sent) = Pin::new(&mut *socket).poll_write(cx, FIRST_BYTE)
                {
                    let verdict = sent.map(|_| Verdict::Begun);
                    // Over TLS it would stay here otherwise.
                    return match Pin::new(&mut *socket).poll_flush(cx) {
                        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                        _ => Poll::Ready(verdict),
                    };
                }
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.timer.as_mut().reset(Instant::now() + self.pause);
        }
    }
}
