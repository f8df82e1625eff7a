//! A stream whose small writes leave together.
//!
//! HTTP/2 wants to flush after each frame it queues; many requests that are ready at the same time
//! would each cost a system call. Here a flush does nothing, and [`drive`] flushes once after each
//! time the connection has done all it can. Knows bytes only.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes up to this many bytes are gathered; larger ones leave at once, uncopied.
const SMALL_BYTES: usize = 8 * 1024;
/// How much is gathered at most.
const BUFFER_BYTES: usize = 64 * 1024;
/// How many parts of one write leave with what was gathered before.
const PARTS: usize = 32;

/// A stream whose writes are held back until [`drive`] lets them go, the buffer is full or a large
/// write follows.
#[derive(Debug)]
pub struct Deferred<T>(Arc<Mutex<Gathering<T>>>);

/// The other handle of a [`Deferred`]: with it, [`drive`] sends what was gathered.
#[derive(Debug)]
pub struct Held<T>(Arc<Mutex<Gathering<T>>>);

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Gathering<T> {
    io: T,
    buffer: Vec<u8>,
    /// How much of the buffer has left.
    sent: usize,
    /// Something was written that the stream may still hold itself, as encryption does.
    unflushed: bool,
    /// Sending failed while nobody was writing; the next one to ask is told.
    failed: Option<io::Error>,
}

impl<T> Deferred<T> {
    /// Wraps a stream. Whatever is done with the result must be done within [`drive`].
    pub fn new(io: T) -> (Self, Held<T>) {
        let gathering =
            Gathering { io, buffer: Vec::new(), sent: 0, unflushed: false, failed: None };
        let shared = Arc::new(Mutex::new(gathering));
        (Self(Arc::clone(&shared)), Held(shared))
    }

    /// Both handles belong to one task, so nobody ever waits here.
    fn lock(&self) -> MutexGuard<'_, Gathering<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what reads and writes a [`Deferred`], and sends what it wrote each time it has done all it
/// can do now.
pub async fn drive<T, F>(doing: F, held: Held<T>) -> F::Output
where
    T: AsyncWrite + Unpin,
    F: Future,
{
    let mut doing = pin!(doing);
    std::future::poll_fn(|cx| {
        let done = doing.as_mut().poll(cx);
        held.0.lock().unwrap_or_else(PoisonError::into_inner).send(cx);
        done
    })
    .await
}

impl<T: AsyncWrite + Unpin> Gathering<T> {
    /// Sends what the stream takes now. The stream wakes the task when it takes more.
    fn send(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            self.failed = Some(error);
            cx.waker().wake_by_ref();
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn held(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Sends all that was gathered.
    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.held() > 0 {
            self.unflushed = true;
            let rest = &self.buffer[self.sent..];
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(sent) => self.sent += sent,
                Err(error) => {
                    self.forget();
                    return Poll::Ready(Err(error));
                }
            }
        }
        self.forget();
        Poll::Ready(Ok(()))
    }

    fn forget(&mut self) {
        self.buffer.clear();
        self.sent = 0;
    }

    fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if size > SMALL_BYTES {
            return self.poll_large(cx, parts);
        }
        if self.buffer.len() + size > BUFFER_BYTES {
            ready!(self.poll_empty(cx))?;
        }
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        Poll::Ready(Ok(size))
    }

    /// Sends what was gathered and the parts as one write.
    fn poll_large(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let held = self.held();
            let mut slices = [IoSlice::new(&[]); PARTS + 1];
            slices[0] = IoSlice::new(&self.buffer[self.sent..]);
            for (slice, part) in slices[1..].iter_mut().zip(parts) {
                *slice = *part;
            }
            self.unflushed = true;
            let used = &slices[usize::from(held == 0)..=parts.len().min(PARTS)];
            let io = Pin::new(&mut self.io);
            let sent = if io.is_write_vectored() {
                ready!(io.poll_write_vectored(cx, used))?
            } else {
                let first = used.iter().find(|slice| !slice.is_empty());
                ready!(io.poll_write(cx, first.map_or(&[], |slice| slice)))?
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let beyond = sent.saturating_sub(held);
            if beyond > 0 || sent == held {
                self.forget();
            } else {
                self.sent += sent;
            }
            if beyond > 0 {
                return Poll::Ready(Ok(beyond));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Deferred<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_gather(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_gather(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing leaves: [`drive`] sends it in a moment.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.lock().failed.take().map_or(Ok(()), Err))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.lock();
        ready!(gathering.poll_empty(cx))?;
        Pin::new(&mut gathering.io).poll_shutdown(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Deferred<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut gathering = self.lock();
        match Pin::new(&mut gathering.io).poll_read(cx, into) {
            // What came before the other end stopped listening is still read.
            Poll::Pending => gathering.failed.take().map_or(Poll::Pending, |e| Poll::Ready(Err(e))),
            read => read,
        }
    }
}

#[cfg(test)]
mod tests;
