//! How endpoint calls travel between a gateway and its plugins, for both ends of the socket.
//!
//! Bytes, frames and certificates; nothing here knows a route, a caller or a process.

pub mod codec;
pub mod deferred;
pub mod grpc_message;
#[cfg(feature = "client")]
pub mod http2;
#[cfg(feature = "mtls")]
pub mod pinned;
