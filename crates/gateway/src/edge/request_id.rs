//! Request ids: a client's own where it is well-formed, else a fresh one from a fast generator.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

/// The header that carries it, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client.
const MAX_LENGTH: usize = 128;
/// What fresh ids begin with; 32 hexadecimal digits follow.
const PREFIX: &[u8; 4] = b"req_";
const FRESH_LENGTH: usize = PREFIX.len() + 32;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::process::id()));
}

/// The id of one request: visible ASCII. A fresh one takes no memory of its own.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Fresh(Fresh),
    Given(Box<str>),
}

/// Begins where a word does, so that reading it as text goes by words.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Fresh([u8; FRESH_LENGTH]);

impl RequestId {
    /// The id of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(REQUEST_ID).iter();
        match (given.next(), given.next()) {
            (Some(id), None) => taken(id).map_or_else(Self::fresh, |id| Self(Kind::Given(id))),
            _ => Self::fresh(),
        }
    }

    /// A fresh id: unique, not secret.
    pub(crate) fn fresh() -> Self {
        let mut text = [0; FRESH_LENGTH];
        let (prefix, rest) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        for half in rest.chunks_exact_mut(16) {
            let number = next();
            half[..8].copy_from_slice(&eight_digits(number >> 32));
            half[8..].copy_from_slice(&eight_digits(number & 0xffff_ffff));
        }
        Self(Kind::Fresh(Fresh(text)))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            Kind::Fresh(Fresh(text)) => std::str::from_utf8(text).expect("a fresh id is ASCII"),
            Kind::Given(text) => text,
        }
    }

    /// The id as a header's value.
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).expect("an id is visible ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client's id, if it is well-formed.
fn taken(id: &HeaderValue) -> Option<Box<str>> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~:+/=@-".contains(&b);
    let id = id.to_str().ok()?;
    ((1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(allowed)).then(|| id.into())
}

/// The hexadecimal digits of a number of 32 bits, all at once.
fn eight_digits(number: u64) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Four bits to each byte, the highest first.
    let spread = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte above nine: there 'a' follows, not what comes after '9'.
    let letters = (spread + ONES * 6) >> 4 & ONES;
    (spread + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

/// The next number of splitmix64.
fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_id_is_taken_from_a_client() {
        let with = |ids: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for id in ids {
                headers.append("x-request-id", HeaderValue::from_static(id));
            }
            RequestId::of(&headers)
        };
        assert_eq!(with(&["abc-1"]).as_str(), "abc-1");
        assert_eq!(with(&["abc-1"]).to_header(), "abc-1");
        for bad in [&["a b"][..], &["a", "b"], &[""], &["<x>"], &[]] {
            assert!(with(bad).as_str().starts_with("req_"), "{bad:?}");
        }
    }

    #[test]
    fn digits_are_those_that_everybody_writes() {
        for number in [0, 0x0123_4567, 0x89ab_cdef, 0xffff_ffff, 0x9a9a_0f10] {
            assert_eq!(eight_digits(number), *format!("{number:08x}").as_bytes());
        }
    }

    #[test]
    fn fresh_ids_do_not_repeat_and_have_one_form() {
        let ids: std::collections::HashSet<_> =
            (0..10_000).map(|_| RequestId::fresh().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        let digits = |id: &String| id.bytes().skip(4).all(|b| b.is_ascii_hexdigit());
        assert!(ids.iter().all(|id| id.len() == 36 && id.starts_with("req_") && digits(id)));
    }
}
