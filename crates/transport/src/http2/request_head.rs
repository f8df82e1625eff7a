//! The heads of requests, which are nearly the same for all calls of one connection: the other end
//! keeps what they have in common, and most heads are seven bytes.

use super::frame::{Head, flag, kind};
use super::hpack::{Indexing, put_indexed, put_literal, put_size_update};
use bytes::BytesMut;
use std::time::Duration;

/// Indices of the static table.
const AUTHORITY: u32 = 1;
const METHOD_POST: u32 = 3;
const PATH: u32 = 4;
const SCHEME_HTTP: u32 = 6;
const CONTENT_TYPE: u32 = 31;
/// Where the other end keeps what the first head told, the last first.
const KEPT_TIMEOUT: u32 = 62;
const KEPT: std::ops::RangeInclusive<u32> = 63..=66;
/// A smaller table than everybody has is not used at all.
const USUAL_TABLE_BYTES: u32 = 4096;
/// The most that grpc-timeout can tell of a unit: eight digits.
const MOST: u128 = 99_999_999;

/// What the other end keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Table {
    /// Nothing yet.
    Fresh,
    /// What the first head told, with this timeout.
    Filled(Duration),
    /// Nothing ever.
    Unused,
}

/// Writes the heads of the requests of one connection.
#[derive(Debug)]
pub(super) struct RequestHeads {
    path: String,
    authority: String,
    table: Table,
    /// The other end must be told that its table is not used.
    untold: bool,
    /// The last block and the timeout in it; it can be sent again as it is.
    last: Option<(Duration, Vec<u8>)>,
}

impl RequestHeads {
    /// Heads of calls of this one method.
    pub(super) fn new(authority: &str, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            authority: authority.to_owned(),
            table: Table::Fresh,
            untold: false,
            last: None,
        }
    }

    /// The other end changed the size of its table.
    pub(super) fn resize_table(&mut self, bytes: u32) {
        if bytes < USUAL_TABLE_BYTES {
            self.table = Table::Unused;
            self.untold = true;
            self.last = None;
        }
    }

    /// Writes the head of a call that may take so long.
    pub(super) fn put(&mut self, out: &mut BytesMut, stream: u32, timeout: Duration) {
        match &self.last {
            Some((known, block)) if *known == timeout => put_frame(out, stream, block),
            _ => {
                let block = self.block(timeout);
                put_frame(out, stream, &block);
                if self.table == Table::Fresh {
                    self.table = Table::Filled(timeout);
                } else {
                    self.last = Some((timeout, block));
                }
            }
        }
    }

    fn block(&mut self, timeout: Duration) -> Vec<u8> {
        let mut block = Vec::with_capacity(160);
        if std::mem::take(&mut self.untold) {
            put_size_update(&mut block, 0);
        }
        put_indexed(&mut block, METHOD_POST);
        put_indexed(&mut block, SCHEME_HTTP);
        let text = timeout_text(timeout);
        match self.table {
            Table::Fresh => self.put_all(&mut block, Indexing::Incremental, &text),
            Table::Unused => self.put_all(&mut block, Indexing::Without, &text),
            Table::Filled(first) => {
                // In the order they were told: what begins with a colon must come first.
                KEPT.rev().for_each(|index| put_indexed(&mut block, index));
                if first == timeout {
                    put_indexed(&mut block, KEPT_TIMEOUT);
                } else {
                    let value = text.as_bytes();
                    put_literal(&mut block, Indexing::Without, KEPT_TIMEOUT, "", value);
                }
            }
        }
        block
    }

    fn put_all(&self, block: &mut Vec<u8>, indexing: Indexing, timeout: &str) {
        put_literal(block, indexing, PATH, "", self.path.as_bytes());
        put_literal(block, indexing, AUTHORITY, "", self.authority.as_bytes());
        put_literal(block, indexing, 0, "te", b"trailers");
        put_literal(block, indexing, CONTENT_TYPE, "", b"application/grpc");
        put_literal(block, indexing, 0, "grpc-timeout", timeout.as_bytes());
    }
}

fn put_frame(out: &mut BytesMut, stream: u32, block: &[u8]) {
    Head { length: block.len(), kind: kind::HEADERS, flags: flag::END_HEADERS, stream }.put(out);
    out.extend_from_slice(block);
}

/// In milliseconds, or in seconds where these are too many (more than a day); of what is longer
/// still, such as no limit at all, some three years are told.
fn timeout_text(timeout: Duration) -> String {
    match timeout.as_millis() {
        millis @ 0..=MOST => format!("{millis}m"),
        _ => format!("{}S", u128::from(timeout.as_secs()).min(MOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_timeout_is_told_in_a_larger_unit_and_none_as_the_longest() {
        assert_eq!(timeout_text(Duration::from_millis(61_500)), "61500m");
        assert_eq!(timeout_text(Duration::from_millis(99_999_999)), "99999999m");
        assert_eq!(timeout_text(Duration::from_secs(2 * 86_400)), "172800S");
        assert_eq!(timeout_text(Duration::MAX), "99999999S");
    }
}
