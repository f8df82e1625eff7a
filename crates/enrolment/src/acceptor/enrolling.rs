//! Connections for enrolment: of anybody, so they have a place and an end.

use super::addresses::Place;
use crate::certificate::EdgeCertificate;
use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// Who wants a certificate.
#[derive(Debug, Clone)]
pub struct EnrolmentPeer {
    /// The edge that it is already, if it showed a certificate that is good for renewal.
    pub certificate: Option<EdgeCertificate>,
    /// Where it comes from: for the log.
    pub address: SocketAddr,
}

/// A connection for enrolment. It is cut when its time is up.
pub struct EnrolmentIo {
    io: TlsStream<TcpStream>,
    peer: EnrolmentPeer,
    until: Pin<Box<Sleep>>,
    /// Among all, and among those of its address.
    _places: (OwnedSemaphorePermit, Place),
}

impl EnrolmentIo {
    pub(super) fn new(
        io: TlsStream<TcpStream>,
        peer: EnrolmentPeer,
        until: Instant,
        places: (OwnedSemaphorePermit, Place),
    ) -> Self {
        Self { io, peer, until: Box::pin(sleep_until(until)), _places: places }
    }
}

impl Connected for EnrolmentIo {
    type ConnectInfo = EnrolmentPeer;

    fn connect_info(&self) -> EnrolmentPeer {
        self.peer.clone()
    }
}

impl AsyncRead for EnrolmentIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The server always reads, so this is asked until the end.
        if self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for EnrolmentIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
