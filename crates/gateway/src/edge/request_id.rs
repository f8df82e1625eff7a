//! Request ids: a client's own where it is well-formed, else a fresh one from a fast generator.

use http::HeaderMap;
use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

/// Longest id that is taken from a client.
const MAX_LENGTH: usize = 128;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::process::id()));
}

/// The id of a request with these headers.
pub fn of(headers: &HeaderMap) -> String {
    let mut given = headers.get_all("x-request-id").iter();
    match (given.next(), given.next()) {
        (Some(id), None) if is_well_formed(id.as_bytes()) => {
            String::from_utf8_lossy(id.as_bytes()).into_owned()
        }
        _ => generate(),
    }
}

/// A fresh id: unique, not secret.
pub fn generate() -> String {
    format!("req_{:016x}{:016x}", next(), next())
}

fn is_well_formed(id: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._~:+/=@-".contains(b);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(allowed)
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
    use http::HeaderValue;

    #[test]
    fn only_one_well_formed_id_is_taken_from_a_client() {
        let with = |ids: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for id in ids {
                headers.append("x-request-id", HeaderValue::from_static(id));
            }
            of(&headers)
        };
        assert_eq!(with(&["abc-1"]), "abc-1");
        for bad in [&["a b"][..], &["a", "b"], &[""], &["<x>"], &[]] {
            assert!(with(bad).starts_with("req_"), "{bad:?}");
        }
    }

    #[test]
    fn fresh_ids_do_not_repeat() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| generate()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
