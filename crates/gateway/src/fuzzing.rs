//! What the fuzz targets reach, which nobody else needs.

pub use crate::edge::connection::{Connection, Peer};
pub use crate::edge::forwarded::{Scheme, Told};
pub use crate::edge::framing::Framing;
pub use crate::edge::guarded_io::GuardedIo;
pub use crate::edge::head::HeadLimits;
pub use crate::edge::orderly::Orderly;
pub use crate::edge::patience::Patience;
pub use crate::metrics::ShardMetrics;
pub use crate::route::lookup::{Found, Miss, lookup};

use crate::edge::socket::Socket;
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
