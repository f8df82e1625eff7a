//! What the fuzz targets reach, which nobody else needs.

pub use crate::edge::close_on_end::CloseOnEnd;
pub use crate::edge::connection::{ClientConnection, Peer};
pub use crate::edge::connection_timeouts::ConnectionTimeouts;
pub use crate::edge::forwarded::ForwardedInfo;
pub use crate::edge::framing::Framing;
pub use crate::edge::guarded_io::GuardedIo;
pub use crate::edge::head::HeadLimits;
pub use crate::identity::jwt::{Claims, Head};
pub use crate::metrics::ShardMetrics;
pub use crate::route::lookup::{Found, Miss, lookup};
pub use sidegate_plugins::Scheme;

use crate::edge::socket::ClientSocket;
use bytes::BytesMut;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Guards a socket with HTTP/1.
pub fn guard(
    tcp: TcpStream,
    connection: Arc<ClientConnection>,
    timeouts: ConnectionTimeouts,
    limits: HeadLimits,
) -> GuardedIo<ClientSocket> {
    GuardedIo::new(ClientSocket::Plain(tcp), connection, timeouts, BytesMut::new(), Some(limits))
}
