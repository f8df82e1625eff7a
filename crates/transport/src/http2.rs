//! A client of gRPC over HTTP/2 that does what endpoint calls need and no more: calls of one method
//! on one connection, which share its reads and writes.
//!
//! ```
//! # async fn example(io: tokio::net::UnixStream, message: bytes::Bytes) -> Result<(), sidegate_transport::http2::Failure> {
//! use sidegate_transport::http2::{Reading, Settings, connect};
//! use std::{future::poll_fn, time::Duration};
//!
//! let settings = Settings { authority: "localhost", path: "/a.Service/Method", window: 1 << 20 };
//! let (client, driver) = connect(io, settings).await?;
//! tokio::spawn(driver);
//! let message = (message, bytes::Bytes::new());
//! let mut call = client.call(message, Duration::from_secs(1), Reading::Whole)?;
//! while let Some(piece) = poll_fn(|cx| call.poll_piece(cx)).await {
//!     println!("{} bytes", piece?.len());
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod connection;
mod failure;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod hpack;
mod huffman;
mod meaning;
mod outbox;
mod request_head;
pub mod request_heads;
mod stream;
#[cfg(test)]
mod tests;

pub use client::{Call, Client, Driver, connect};
pub use connection::Settings;
pub use failure::Failure;
pub use stream::Reading;
