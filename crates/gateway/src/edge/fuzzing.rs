//! What the fuzz targets reach of the edge, which nobody else needs.

use super::connection::Connection;
use super::guarded_io::GuardedIo;
use super::head::HeadLimits;
use super::patience::Patience;
use super::socket::Socket;
use bytes::BytesMut;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Guards a socket with HTTP/1.
pub fn guard(
    tcp: TcpStream,
    connection: Arc<Connection>,
    patience: Patience,
    limits: HeadLimits,
) -> GuardedIo {
    GuardedIo::new(Socket::Plain(tcp), connection, patience, BytesMut::new(), Some(limits))
}
