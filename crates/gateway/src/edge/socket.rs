//! A client's socket: what the edge needs of one, and the one there is, plain or encrypted.

use futures_util::FutureExt as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Writes up to this many bytes leave as one piece, in bytes: to copy them costs less than to have
/// the kernel look at several.
const FEW_BYTES: usize = 2048;

/// A plain or encrypted client socket.
pub enum ClientSocket {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// What the edge asks of a socket beside its bytes.
pub trait SocketIo: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether the other end has said that it sends nothing more, be it unread.
    fn is_read_closed(&self) -> bool;

    /// Whether the other end has broken the connection off.
    fn has_failed(&self) -> bool;

    /// When it is dropped, the connection ends with a reset.
    fn reset_on_close(&self);
}

impl SocketIo for ClientSocket {
    fn is_read_closed(&self) -> bool {
        self.readiness(Interest::READABLE).is_some_and(Ready::is_read_closed)
    }

    fn has_failed(&self) -> bool {
        self.readiness(Interest::ERROR).is_some()
    }

    fn reset_on_close(&self) {
        let _ = socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }
}

impl ClientSocket {
    /// What is underneath.
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    fn readiness(&self, interest: Interest) -> Option<Ready> {
        let ready = pin!(self.tcp().ready(interest)).now_or_never()?;
        ready.ok()
    }
}

fn poll_write_parts(
    tcp: Pin<&mut TcpStream>,
    cx: &mut Context<'_>,
    parts: &[io::IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    if size > FEW_BYTES || parts.len() < 2 {
        return tcp.poll_write_vectored(cx, parts);
    }
    let (mut piece, mut end) = ([0; FEW_BYTES], 0);
    for part in parts {
        piece[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    tcp.poll_write(cx, &piece[..end])
}

impl AsyncRead for ClientSocket {
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

impl AsyncWrite for ClientSocket {
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
            Self::Plain(tcp) => poll_write_parts(Pin::new(tcp), cx, bufs),
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
