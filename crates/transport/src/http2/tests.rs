//! The client against servers that keep to the standard, and against those that do not.

mod against_h2;
mod against_h2_limits;
mod answers;
mod concurrency;
mod driver;
mod endings;
mod faults;
mod headers;
mod laws;
mod machine;
mod model;
mod windows;
mod wire;

use super::{Call, Failure, Reading, Settings};
use bytes::Bytes;
use std::future::poll_fn;
use std::time::Duration;

/// What one answer may have on its way.
const WINDOW: u32 = 64 * 1024;

const SETTINGS: Settings<'static> =
    Settings { authority: "localhost", path: "/a.Service/Method", window: WINDOW };

/// Calls may take so long, by name; no test waits for it.
const TIMEOUT: Duration = Duration::from_secs(7);

/// What must happen does so soon.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens in time")
}

/// All bytes of an answer, and how it ended.
async fn whole(mut call: Call) -> (Vec<u8>, Result<(), Failure>) {
    let mut bytes = Vec::new();
    loop {
        match poll_fn(|cx| call.poll_piece(cx)).await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(failure)) => return (bytes, Err(failure)),
            None => return (bytes, Ok(())),
        }
    }
}

/// Bytes in which each place tells.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(length);
    bytes
}

/// A request in two parts.
fn request(length: usize) -> (Bytes, Bytes) {
    let body = Bytes::from(pattern(1, length));
    let head = body.slice(..length.min(5));
    (head, body.slice(length.min(5)..))
}

/// Every way of reading.
const READINGS: [Reading; 2] = [Reading::Whole, Reading::Pieces];
