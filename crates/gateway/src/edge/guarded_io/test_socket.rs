//! A client's socket in memory, for tests: its other end is in the hands of the test.

use super::super::connection::{ClientConnection, Peer};
use super::super::socket::SocketIo;
use crate::log::AccessLog;
use crate::metrics::Metrics;
use sidegate_plugins::Scheme;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};

/// What bytes do not tell.
#[derive(Default)]
struct Signs {
    has_failed: AtomicBool,
    resets: AtomicBool,
}

/// The gateway's end.
pub(crate) struct TestSocket {
    io: DuplexStream,
    signs: Arc<Signs>,
}

/// The client's end.
pub(crate) struct TestClient {
    io: DuplexStream,
    signs: Arc<Signs>,
}

/// Both ends of a socket that holds so many bytes in each direction.
pub(crate) fn pair(capacity: usize) -> (TestSocket, TestClient) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    let signs = Arc::<Signs>::default();
    (TestSocket { io: ours, signs: signs.clone() }, TestClient { io: theirs, signs })
}

/// A connection of nobody in particular.
pub(crate) fn connection() -> Arc<ClientConnection> {
    let addr = ([192, 0, 2, 1], 4711).into();
    let peer = Peer { addr, is_proxy: false, scheme: Scheme::Http };
    ClientConnection::new(peer, 0, Metrics::new(1).shard(0), Arc::new(AccessLog::none()))
}

impl TestClient {
    /// Sends all of it.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends nothing more.
    pub(crate) async fn end(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// Breaks the connection off, as the gateway's system would notice it.
    pub(crate) fn fail(&self) {
        self.signs.has_failed.store(true, Ordering::Relaxed);
    }

    /// Reads until this has come; gives all that came.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(text) {
            let count = self.io.read_buf(&mut read).await.unwrap();
            assert!(count > 0, "it ended before {text:?}: {}", String::from_utf8_lossy(&read));
        }
        String::from_utf8(read).unwrap()
    }

    /// All that comes until the end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut read = String::new();
        self.io.read_to_string(&mut read).await.unwrap();
        read
    }

    /// Whether the gateway's end was closed with a reset.
    pub(crate) fn was_reset(&self) -> bool {
        self.signs.resets.load(Ordering::Relaxed)
    }

    /// Its bytes alone.
    pub(crate) fn into_io(self) -> DuplexStream {
        self.io
    }
}

impl SocketIo for TestSocket {
    fn is_read_closed(&self) -> bool {
        false
    }

    fn has_failed(&self) -> bool {
        self.signs.has_failed.load(Ordering::Relaxed)
    }

    fn reset_on_close(&self) {
        self.signs.resets.store(true, Ordering::Relaxed);
    }
}

impl AsyncRead for TestSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl AsyncWrite for TestSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
