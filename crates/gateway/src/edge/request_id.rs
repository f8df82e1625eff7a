//! Request ids: a client's own where it is well-formed, else a fresh one from a fast generator.

use http::{HeaderMap, HeaderValue};
use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

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
pub struct RequestId(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Fresh([u8; FRESH_LENGTH]),
    Given(Box<str>),
}

impl RequestId {
    /// The id of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all("x-request-id").iter();
        match (given.next(), given.next()) {
            (Some(id), None) => taken(id).map_or_else(Self::fresh, |id| Self(Kind::Given(id))),
            _ => Self::fresh(),
        }
    }

    /// A fresh id: unique, not secret.
    pub fn fresh() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; FRESH_LENGTH];
        let (prefix, digits) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        let number = u128::from(next()) << 64 | u128::from(next());
        for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(Kind::Fresh(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kind::Fresh(text) => std::str::from_utf8(text).expect("a fresh id is ASCII"),
            Kind::Given(text) => text,
        }
    }

    /// The id as a header's value.
    pub fn to_header(&self) -> HeaderValue {
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
    fn fresh_ids_do_not_repeat_and_have_one_form() {
        let ids: std::collections::HashSet<_> =
            (0..10_000).map(|_| RequestId::fresh().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        let digits = |id: &String| id.bytes().skip(4).all(|b| b.is_ascii_hexdigit());
        assert!(ids.iter().all(|id| id.len() == 36 && id.starts_with("req_") && digits(id)));
    }
}
