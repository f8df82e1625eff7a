//! Who an edge is: what the acceptor of its connection found out, by certificate, and never what the edge says of
//! itself.

use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// An edge that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerIdentity {
    /// Its name.
    pub edge: String,
    /// The namespace that it gets beside the global one; the global one for an edge without one of its own.
    pub namespace: Namespace,
}

/// An edge that was let in, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedEdge {
    /// Who it is.
    pub peer: PeerIdentity,
    /// When the certificate was issued that its connection was opened with: what is revoked later counts for all
    /// streams on that connection, however late they begin.
    pub issued_at: UnixMillis,
    /// When that certificate ends, and with it every stream of its connection.
    pub expires_at: UnixMillis,
}

/// A connection of an edge that proved who it is. Only acceptors make one.
#[derive(Debug)]
pub struct IdentifiedIo<T> {
    io: T,
    edge: AdmittedEdge,
}

impl<T> IdentifiedIo<T> {
    /// What was accepted, encrypted and authenticated.
    pub fn new(io: T, edge: AdmittedEdge) -> Self {
        Self { io, edge }
    }
}

impl<T> Connected for IdentifiedIo<T> {
    type ConnectInfo = AdmittedEdge;

    fn connect_info(&self) -> AdmittedEdge {
        self.edge.clone()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for IdentifiedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for IdentifiedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
