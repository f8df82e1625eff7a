//! Calls over one connection, and the task that reads and writes it.

use super::connection::{Connection, Settings};
use super::failure::Failure;
use super::outbox::Outbox;
use super::stream::{Reading, Stream};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

/// How much is read at once, unless a frame is larger. With what is left of the last read it stays
/// below the size from which allocators keep no memory at hand.
const READ_BYTES: usize = 24 * 1024;
/// With less room than this, room is made before reading.
const LEAST_READ_BYTES: usize = 4 * 1024;
/// After so many reads it is time to write.
const READS_IN_A_ROW: usize = 4;

type Why = Cow<'static, str>;

const CLOSED: &str = "the connection was closed";

#[derive(Debug)]
struct Shared(Mutex<Connection>);

impl Shared {
    /// Held for a moment only, mostly by tasks of one thread.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes calls on one connection. When it is dropped, the connection ends after the last call.
#[derive(Debug)]
pub struct Client(Arc<Shared>);

/// Begins HTTP/2 on a fresh connection and waits until the other end has answered a ping. The
/// [`Driver`] must run for anything to happen.
///
/// # Errors
/// When the other end does not speak HTTP/2, or hangs up.
pub async fn connect<T>(io: T, settings: Settings<'_>) -> Result<(Client, Driver<T>), Failure>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let shared = Arc::new(Shared(Mutex::new(Connection::new(settings))));
    let mut driver = Driver {
        io,
        came: BytesMut::new(),
        wanted: 0,
        leaving: Outbox::default(),
        written: 0,
        why: CLOSED.into(),
        shared: Arc::clone(&shared),
    };
    poll_fn(|cx| match driver.poll_work(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(Err(CLOSED.into())),
        Poll::Ready(Err(why)) => Poll::Ready(Err(why)),
        Poll::Pending if driver.shared.lock().is_greeted() => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await
    .map_err(Failure::Unheard)?;
    Ok((Client(shared), driver))
}

impl Client {
    /// Whether calls can begin.
    pub fn is_open(&self) -> bool {
        self.0.lock().is_open()
    }

    /// Sends a message with its gRPC prefix, in two parts, and tells that the call may take as long
    /// as `timeout`; keeping to that is the caller's duty. Where the other end takes no more calls at
    /// one time, the call waits here.
    ///
    /// # Errors
    /// [`Failure::Unheard`] when no call can begin any more.
    pub fn call(
        &self,
        message: (Bytes, Bytes),
        timeout: Duration,
        reading: Reading,
    ) -> Result<Call, Failure> {
        let id = self.0.lock().begin(message, timeout, reading)?;
        Ok(Call { id, shared: Arc::clone(&self.0) })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.lock().abandon();
    }
}

/// The answer to one call. Dropping it cancels the call.
#[derive(Debug)]
pub struct Call {
    shared: Arc<Shared>,
    id: u32,
}

impl Call {
    /// Waits until the answer begins.
    ///
    /// # Errors
    /// When the call ended without an answer.
    pub fn poll_answered(&mut self, cx: &Context<'_>) -> Poll<Result<(), Failure>> {
        self.read(|stream| stream.poll_answered(cx))
            .unwrap_or(Poll::Ready(Err(Failure::BrokeOff(CLOSED.into()))))
    }

    /// The next bytes of the answer; `None` at its orderly end. What is not taken holds the other
    /// end back.
    ///
    /// # Errors
    /// See [`Failure`]; the same again when asked again.
    pub fn poll_piece(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        self.read(|stream| stream.poll_piece(cx)).unwrap_or(Poll::Ready(None))
    }

    fn read<T>(&mut self, read: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        self.shared.lock().read(self.id, read)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.lock().forget(self.id);
    }
}

/// Reads and writes one connection, as a future that ends with it. When it is dropped, every call
/// that is open ends.
#[derive(Debug)]
pub struct Driver<T> {
    io: T,
    came: BytesMut,
    /// How many bytes the next frame needs, as far as that is known.
    wanted: usize,
    leaving: Outbox,
    /// How many bytes ever left.
    written: u64,
    why: Why,
    shared: Arc<Shared>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Does all that can be done now.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Why>> {
        self.shared.lock().awake();
        if let Poll::Ready(more) = self.poll_receive(cx) {
            more?;
            // There may be more, but whoever sends without end keeps nothing from being written.
            cx.waker().wake_by_ref();
        }
        match self.poll_write(cx) {
            Poll::Ready(Err(error)) => {
                // Answers that came before the other end hung up count.
                let _ = self.poll_receive(cx);
                Poll::Ready(Err(format!("writing failed: {error}").into()))
            }
            Poll::Ready(Ok(())) if self.shared.lock().is_done() => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    /// Reads all there is, unless that is much; then it is ready.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Why>> {
        for _ in 0..READS_IN_A_ROW {
            match ready!(self.poll_read(cx)) {
                Ok(0) => return Poll::Ready(Err("the other end hung up".into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(format!("reading failed: {error}").into())),
            }
            let received = self.shared.lock().receive(&mut self.came);
            match received {
                Ok(wanted) => self.wanted = wanted,
                Err(fault) => {
                    self.shared.lock().complain(fault);
                    // As far as that is possible at once.
                    let _ = self.poll_write(cx);
                    return Poll::Ready(Err(fault.text.into()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let missing = self.wanted.saturating_sub(self.came.len());
        // The rest of a large frame has its room already.
        let large = self.wanted > READ_BYTES;
        let least = if large { missing } else { missing.max(LEAST_READ_BYTES) };
        if self.came.capacity() - self.came.len() < least {
            // New memory even where that of a large frame is free again: a small piece of an answer
            // would keep all of it.
            let room = self.came.len() + missing.max(READ_BYTES);
            let came = std::mem::replace(&mut self.came, BytesMut::with_capacity(room));
            self.came.extend_from_slice(&came);
        }
        pin!(self.io.read_buf(&mut self.came)).poll(cx)
    }

    /// Writes all there is.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.leaving.is_empty() {
                let mut connection = self.shared.lock();
                if !connection.hand_over(&mut self.leaving) {
                    connection.sleep(cx.waker());
                    break;
                }
            }
            let left = self.leaving.poll_write(&mut self.io, cx, &mut self.written);
            if left.is_pending() {
                self.shared.lock().sleep(cx.waker());
            }
            ready!(left)?;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    /// Why the connection ended.
    type Output = Cow<'static, str>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Why> {
        let this = self.get_mut();
        if let Err(why) = ready!(this.poll_work(cx)) {
            this.why = why;
        }
        Poll::Ready(this.why.clone())
    }
}

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        self.shared.lock().close(self.written, self.why.clone());
    }
}
