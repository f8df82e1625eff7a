//! How long a client may keep the gateway waiting, over HTTP/1: for its first byte, for the end of a head,
//! for the next request, and with an answer that it does not take. Knows no socket.

use super::super::connection::ClientConnection;
use super::super::connection_timeouts::ConnectionTimeouts;
use super::super::framing::is_begun;
use super::super::poll_when_woken::PollWhenWoken;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How soon at the earliest a busy connection is looked at again.
const SOONEST_LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    FirstByte,
    NextRequest,
    HeadEnd,
    Nothing,
}

/// How far a connection is.
#[derive(Clone, Copy)]
pub(super) struct Progress<'a> {
    /// Its last message is complete, and the next is none yet.
    pub(super) is_between: bool,
    /// What was received of the next one.
    pub(super) received: &'a [u8],
}

/// What a connection is waited for, and until when.
pub(super) struct ReadTimeouts {
    limits: ConnectionTimeouts,
    waiting: Waiting,
    served_any: bool,
    /// When a head must be there, while one is waited for.
    head_end: Instant,
    timer: Option<PollWhenWoken<Pin<Box<Sleep>>>>,
}

impl ReadTimeouts {
    /// For a connection that has just begun.
    pub(super) fn new(limits: ConnectionTimeouts) -> Self {
        let (waiting, head_end) = (Waiting::Nothing, Instant::now());
        Self { limits, waiting, served_any: false, head_end, timer: None }
    }

    /// Something of a request was handed over.
    pub(super) fn handed_over(&mut self) {
        self.served_any = true;
        self.waiting = Waiting::Nothing;
    }

    /// Whether it is the end of a head that has begun which is waited for.
    pub(super) fn waits_for_head(&self) -> bool {
        self.waiting == Waiting::HeadEnd
    }

    /// Resolves when what is waited for took too long.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        connection: &ClientConnection,
        progress: Progress<'_>,
    ) -> Poll<()> {
        let Progress { is_between, received } = progress;
        let now_waiting = match is_between && connection.is_idle() {
            false => Waiting::Nothing,
            true if is_begun(received) => Waiting::HeadEnd,
            true if !self.served_any => Waiting::FirstByte,
            true => Waiting::NextRequest,
        };
        if now_waiting != self.waiting {
            self.waiting = now_waiting;
            if matches!(now_waiting, Waiting::FirstByte | Waiting::HeadEnd) {
                self.head_end = Instant::now() + self.limits.head;
            }
        }
        match now_waiting {
            // To be woken at the end of each answer would cost more than to look now and then.
            Waiting::Nothing if is_between && received.is_empty() => self.poll_timer(cx, None),
            Waiting::Nothing => {
                connection.wake_when_idle(cx.waker());
                Poll::Pending
            }
            Waiting::NextRequest => {
                let end = connection.idle_since() + self.limits.idle;
                self.poll_timer(cx, Some(end))
            }
            Waiting::FirstByte | Waiting::HeadEnd => self.poll_timer(cx, Some(self.head_end)),
        }
    }

    /// Waits for this moment; without one yet, wakes the task in time to look for it. The timer may be set
    /// too early, because setting it anew for each request would cost more.
    fn poll_timer(&mut self, cx: &mut Context<'_>, end: Option<Instant>) -> Poll<()> {
        let idle = self.limits.idle.max(SOONEST_LOOK);
        loop {
            let next = || end.unwrap_or_else(|| Instant::now() + idle);
            let timer = self.timer.get_or_insert_with(|| {
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
}

/// How long a client may take nothing of what is written to it.
pub(super) struct WriteTimeout {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl WriteTimeout {
    /// So long.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// What a write has come to, or that the client took nothing for too long.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.timer = None;
            return result;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "client takes nothing")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_socket::connection;
    use super::*;
    use std::future::poll_fn;
    use tokio::time::timeout;

    const LIMITS: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(120),
        stalled_write: Duration::from_secs(300),
    };

    async fn wait(
        timeouts: &mut ReadTimeouts,
        connection: &ClientConnection,
        received: &[u8],
    ) -> Duration {
        let begun = Instant::now();
        let progress = || Progress { is_between: true, received };
        poll_fn(|cx| timeouts.poll(cx, connection, progress())).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte_on_and_a_connection_between_requests_its_own()
    {
        let (mut timeouts, connection) = (ReadTimeouts::new(LIMITS), connection());
        assert_eq!(wait(&mut timeouts, &connection, b"").await, LIMITS.head);
        assert!(!timeouts.waits_for_head());
        assert_eq!(wait(&mut timeouts, &connection, b"G").await, LIMITS.head);
        assert!(timeouts.waits_for_head());
        timeouts.handed_over();
        drop(connection.begin(None));
        assert_eq!(wait(&mut timeouts, &connection, b"").await, LIMITS.idle);
        // Empty lines before a request are none of it.
        timeouts.handed_over();
        drop(connection.begin(None));
        assert_eq!(wait(&mut timeouts, &connection, b"\r\n").await, LIMITS.idle);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_hurried_while_his_request_is_answered() {
        let (mut timeouts, connection) = (ReadTimeouts::new(LIMITS), connection());
        let _open = connection.begin(None);
        let waiting = wait(&mut timeouts, &connection, b"");
        assert!(timeout(Duration::from_secs(3600), waiting).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_goes_on_now_and_then_is_never_too_late() {
        let mut stalled = WriteTimeout::new(LIMITS.stalled_write);
        let pending = || Poll::<io::Result<()>>::Pending;
        for _ in 0..3 {
            let waiting = poll_fn(|cx| stalled.poll(cx, pending()));
            assert!(timeout(LIMITS.stalled_write - Duration::from_secs(1), waiting).await.is_err());
            poll_fn(|cx| stalled.poll(cx, Poll::Ready(Ok(())))).await.unwrap();
        }
        let ended = poll_fn(|cx| stalled.poll(cx, pending())).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
