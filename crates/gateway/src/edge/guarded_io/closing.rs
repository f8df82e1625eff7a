//! The end of a client's connection: a refusal that is still to be told, the end of what we send,
//! and the taking of what the client still sends, so that the last answer reaches it.

use super::super::connection::ClientConnection;
use super::super::socket::SocketIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep};

/// How long the rest of an unread request is taken after an early answer; also how long the last
/// bytes may take to leave.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// How much of it is taken, in bytes.
pub(crate) const LINGER_BYTES: u64 = 128 * 1024 * 1024;
const READ_STEP: usize = 8 * 1024;

enum Phase {
    /// So much of the last bytes has not left.
    Telling(Vec<u8>),
    Ending,
    /// So many bytes are still taken.
    Lingering(u64),
    Over,
}

/// A connection that is being closed.
pub(crate) struct Closing {
    phase: Phase,
    /// Ends each of the phases.
    timer: Pin<Box<Sleep>>,
    /// Whether the client may be sending.
    lingers: bool,
}

impl Closing {
    /// Begins with the last bytes, if there are any. A client that may still send is listened to
    /// for a while, because what it sends to a closed socket would cost it the answer.
    pub(crate) fn new(final_bytes: Vec<u8>, lingers: bool) -> Self {
        Self { phase: Phase::Telling(final_bytes), timer: Box::pin(sleep(LINGER)), lingers }
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// When the socket fails, or the client takes nothing.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut impl SocketIo,
        connection: &ClientConnection,
    ) -> Poll<io::Result<()>> {
        loop {
            let step = match &mut self.phase {
                Phase::Over => return Poll::Ready(Ok(())),
                Phase::Lingering(left) => {
                    // However it ends, there is no more to do.
                    let before = *left;
                    let lingered = poll_linger(cx, socket, left);
                    if *left < before {
                        // Over HTTP/2 whoever still reads says so.
                        connection.heard();
                    }
                    if lingered.is_ready() || self.timer.as_mut().poll(cx).is_ready() {
                        self.phase = Phase::Over;
                        continue;
                    }
                    return Poll::Pending;
                }
                Phase::Telling(words) => poll_tell(cx, socket, words),
                Phase::Ending => Pin::new(&mut *socket).poll_shutdown(cx),
            };
            match step {
                Poll::Ready(told) => told?,
                Poll::Pending => {
                    ready!(self.timer.as_mut().poll(cx));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            self.phase = match self.phase {
                Phase::Telling(_) => Phase::Ending,
                _ if self.lingers => {
                    self.timer.as_mut().reset(Instant::now() + LINGER);
                    Phase::Lingering(LINGER_BYTES)
                }
                _ => Phase::Over,
            };
        }
    }
}

fn poll_tell(
    cx: &mut Context<'_>,
    socket: &mut impl SocketIo,
    words: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    while !words.is_empty() {
        let written = ready!(Pin::new(&mut *socket).poll_write(cx, words))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        words.drain(..written);
    }
    Poll::Ready(Ok(()))
}

/// Takes what comes and forgets it, until there is nothing more or enough was taken.
fn poll_linger(cx: &mut Context<'_>, socket: &mut impl SocketIo, left: &mut u64) -> Poll<()> {
    let mut scratch = [0_u8; READ_STEP];
    while *left > 0 {
        let mut buf = ReadBuf::new(&mut scratch);
        match ready!(Pin::new(&mut *socket).poll_read(cx, &mut buf)) {
            Ok(()) if !buf.filled().is_empty() => {
                *left = left.saturating_sub(buf.filled().len() as u64);
            }
            _ => break,
        }
    }
    Poll::Ready(())
}

#[cfg(test)]
mod tests {
    use super::super::test_socket::{connection, pair};
    use super::*;
    use std::future::poll_fn;

    async fn close(
        final_bytes: &str,
        lingers: bool,
        capacity: usize,
    ) -> (io::Result<()>, Duration) {
        let ((mut socket, _client), connection) = (pair(capacity), connection());
        let mut closing = Closing::new(final_bytes.as_bytes().to_vec(), lingers);
        let begun = Instant::now();
        let closed = poll_fn(|cx| closing.poll(cx, &mut socket, &connection)).await;
        (closed, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_who_has_no_more_to_send() {
        let (closed, after) = close("bye", false, 64).await;
        closed.unwrap();
        assert_eq!(after, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_still_send_is_listened_to_for_a_while_only() {
        let (closed, after) = close("bye", true, 64).await;
        closed.unwrap();
        assert_eq!(after, LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_the_final_bytes_is_left() {
        let (closed, after) = close("too much for it", true, 4).await;
        assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(after, LINGER);
    }
}
