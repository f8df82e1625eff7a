//! What is remembered of JWTs that were good: seen again, one costs about what a token of the gateway's own does. Nothing is
//! remembered of others, so that nobody can fill it with what is worth nothing.
//!
//! One is looked for by the end of its text, which is a part of its signature, and is the same only if all of its text is.

use super::keys::{IssuerKeys, KeyState, KeyTable, is_of};
use super::verify::VerifiedJwt;
use rustc_hash::FxBuildHasher;
use sidegate_jwt::key_set::KeySet;
use sidegate_model::UnixMillis;
use sidegate_plugins::{IssuerTable, Mount};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Parts with a lock each, which is held for a look only.
const PARTS: usize = 64;
/// Most that one part remembers.
const MOST: usize = 512;
/// Most of their texts that one part keeps, in bytes.
const MOST_BYTES: usize = 512 * 1024;

/// A JWT that was good.
struct Remembered {
    text: Box<str>,
    jwt: Arc<VerifiedJwt>,
    good_at: Option<GoodAt>,
}

/// Where a JWT was found good the last time, and by what: as long as nothing of it is another, nothing of the JWT but its
/// times has to be looked at again.
pub(crate) struct GoodAt {
    /// The plugin that was asked.
    pub(crate) mount: Weak<Mount>,
    /// What its issuer was.
    pub(crate) issuers: Weak<IssuerTable>,
    /// Whose keys there were.
    pub(crate) key_table: Weak<KeyTable>,
    /// The keys of its issuer.
    pub(crate) state: Arc<KeyState>,
    /// Those of them that there were.
    pub(crate) keys: Weak<KeySet>,
}

impl GoodAt {
    fn is_so(&self, mount: &Arc<Mount>, issuers: &Arc<IssuerTable>, keys: &IssuerKeys) -> bool {
        is_of(&self.mount, mount)
            && is_of(&self.issuers, issuers)
            && keys.is_unchanged(&self.key_table)
            && self.state.are_good(&self.keys)
    }
}

#[derive(Default)]
struct Part {
    known: HashMap<u64, Remembered, FxBuildHasher>,
    bytes: usize,
}

/// JWTs by their texts.
pub(crate) struct VerifiedCache {
    parts: [Mutex<Part>; PARTS],
}

impl Default for VerifiedCache {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()) }
    }
}

/// The end of a JWT as a number; what is too short for one is no JWT that was ever good.
fn end_of(text: &str) -> Option<u64> {
    let end = text.as_bytes().last_chunk::<16>()?;
    let end = u128::from_le_bytes(*end);
    // Each letter stands for six bits only; multiplied, all of them are in the upper half.
    Some((end.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 64) as u64)
}

impl VerifiedCache {
    fn part(&self, end: u64) -> MutexGuard<'_, Part> {
        // Its remainder is less than a few dozen.
        let part = &self.parts[(end % PARTS as u64) as usize];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that was good at this plugin, where nothing has changed since that it was good by.
    pub(crate) fn good_at(
        &self,
        text: &str,
        mount: &Arc<Mount>,
        issuers: &Arc<IssuerTable>,
        keys: &IssuerKeys,
    ) -> Option<Arc<VerifiedJwt>> {
        let end = end_of(text)?;
        let part = self.part(end);
        let known = part.known.get(&end).filter(|known| *known.text == *text)?;
        let good_at = known.good_at.as_ref()?;
        good_at.is_so(mount, issuers, keys).then(|| known.jwt.clone())
    }

    /// What is remembered of one.
    pub(crate) fn get(&self, text: &str) -> Option<Arc<VerifiedJwt>> {
        let end = end_of(text)?;
        let part = self.part(end);
        part.known.get(&end).filter(|known| *known.text == *text).map(|known| known.jwt.clone())
    }

    /// Forgets one.
    pub(crate) fn remove(&self, text: &str) {
        if let Some(end) = end_of(text) {
            self.part(end).remove(end);
        }
    }

    /// Remembers one. Where there is no room, what has expired goes, and where that is not enough, all of a part.
    pub(crate) fn insert(&self, text: &str, jwt: &Arc<VerifiedJwt>, now: UnixMillis) {
        let Some(end) = end_of(text) else { return };
        let mut part = self.part(end);
        part.remove(end);
        if !part.has_room(text) {
            part.known.retain(|_, known| !known.jwt.token.is_expired(now));
            part.bytes = part.known.values().map(|known| known.text.len()).sum();
        }
        if !part.has_room(text) {
            *part = Part::default();
        }
        part.bytes += text.len();
        let known = Remembered { text: text.into(), jwt: jwt.clone(), good_at: None };
        part.known.insert(end, known);
    }

    /// Notes where one was good that is remembered.
    pub(crate) fn note(&self, text: &str, good_at: GoodAt) {
        let Some(end) = end_of(text) else { return };
        let mut part = self.part(end);
        if let Some(known) = part.known.get_mut(&end).filter(|known| *known.text == *text) {
            known.good_at = Some(good_at);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let parts = self.parts.iter();
        parts.map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).known.len()).sum()
    }
}

impl Part {
    fn has_room(&self, text: &str) -> bool {
        self.known.len() < MOST && self.bytes + text.len() <= MOST_BYTES
    }

    fn remove(&mut self, end: u64) {
        if let Some(known) = self.known.remove(&end) {
            self.bytes -= known.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_remembered_are_bounded_in_bytes() {
        let mut part = Part { bytes: MOST_BYTES - 10, ..Part::default() };
        assert!(part.has_room("ten bytes."));
        assert!(!part.has_room("ten bytes.."));
        part.bytes = 0;
        assert!(part.has_room("a"));
    }

    #[test]
    fn only_what_is_long_enough_for_a_signature_is_looked_for() {
        assert_eq!(end_of("a.b.c"), None);
        let [one, other] = ["e.y.0123456789abcdef", "e.y.0123456789abcdeg"].map(end_of);
        assert!(one.is_some() && one != other);
    }
}
