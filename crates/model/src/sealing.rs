//! Sealing: texts that only the holder of a key can read, with AES-256-GCM. What is worth sealing is
//! not known here, nor where keys are kept.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// How long a key is, in bytes.
pub const KEY_BYTES: usize = 32;
/// What every sealed text begins with.
pub const SEALED_PREFIX: &str = "$sealed:";
const ID_BYTES: usize = 8;
/// The form of sealed bytes: this byte, id of the key, nonce, ciphertext with its tag.
const FORM: u8 = 1;

/// What a digest is for that is a key itself.
const DERIVED: &str = "derived key";

/// Which key it is: the beginning of a SHA-256 of it, which tells nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One key of 256 bits.
pub struct SealingKey {
    id: KeyId,
    bytes: [u8; KEY_BYTES],
    cipher: RandomizedNonceKey,
}

impl SealingKey {
    /// A key that is known already.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(b"sidegate sealing key").chain_update(bytes);
        let digest = digest.finalize();
        let id = KeyId(*digest.first_chunk().expect("a SHA-256 is longer than an id"));
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &bytes)
            .expect("AES-256 takes every key of 32 bytes");
        Self { id, bytes, cipher }
    }

    /// A new key.
    ///
    /// # Errors
    /// Fails when the operating system gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self::new(bytes))
    }

    /// Reads a key as people keep it: 32 bytes in Base64, as `openssl rand -base64 32` prints.
    ///
    /// # Errors
    /// What is wrong, without a part of the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const RIGHT: &str = "write 32 bytes in Base64, as `openssl rand -base64 32` prints them";
        let bytes = STANDARD.decode(text.trim()).map_err(|_| RIGHT)?;
        Ok(Self::new(bytes.try_into().map_err(|_| RIGHT)?))
    }

    /// The key as people keep it. Whoever reads it can open all that it sealed.
    pub fn reveal(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// Its bytes, to be sealed by another key.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Which key it is.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Seals bytes for one use: they can be opened only where the same `context` is named.
    pub fn seal(&self, context: impl AsRef<[u8]>, clear: &[u8]) -> Vec<u8> {
        let mut text = clear.to_vec();
        let nonce = self
            .cipher
            .seal_in_place_append_tag(Aad::from(context.as_ref()), &mut text)
            .expect("what is sealed is far shorter than AES-GCM allows");
        [&[FORM][..], &self.id.0, nonce.as_ref(), &text].concat()
    }

    /// A digest that only holders of the key can make, so that nobody finds what it is of by trying.
    pub fn digest(&self, context: &str, bytes: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.bytes);
        let mut digest = hmac::Context::with_key(&key);
        digest.update(context.as_bytes());
        digest.update(&[0]);
        digest.update(bytes);
        digest.sign().as_ref().try_into().expect("an HMAC-SHA-256 has 32 bytes")
    }

    fn open(&self, context: &[u8], nonce: [u8; NONCE_LEN], text: &[u8]) -> Option<Vec<u8>> {
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let clear = self.cipher.open_in_place(nonce, Aad::from(context), &mut text).ok()?;
        Some(clear.to_vec())
    }
}

impl Clone for SealingKey {
    fn clone(&self) -> Self {
        Self::new(self.bytes)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// Keys: one that seals, and others that can still be read, so that keys can be replaced.
///
/// ```
/// use sidegate_model::sealing::Keyring;
/// let ring = Keyring::single([7; 32]);
/// let sealed = ring.seal_text("plugin 1", "hunter2");
/// assert!(sealed.starts_with("$sealed:") && !sealed.contains("hunter2"));
/// assert_eq!(ring.open_text("plugin 1", &sealed).unwrap(), "hunter2");
/// assert!(ring.open_text("plugin 2", &sealed).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Keyring {
    current: KeyId,
    keys: BTreeMap<KeyId, SealingKey>,
}

/// Why something that is sealed cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// Its key is not there.
    #[error("it is sealed with key {0}, which is not among those that are known")]
    UnknownKey(KeyId),
    /// It was changed, cut, or sealed for something else.
    #[error("it was changed, or was sealed for something else")]
    Damaged,
}

impl Keyring {
    /// Seals with `current`, and reads what any of them sealed.
    pub fn new(current: SealingKey, others: impl IntoIterator<Item = SealingKey>) -> Self {
        let id = current.id;
        let keys = others.into_iter().chain([current]).map(|key| (key.id, key)).collect();
        Self { current: id, keys }
    }

    /// One key for everything.
    pub fn single(bytes: [u8; KEY_BYTES]) -> Self {
        Self::new(SealingKey::new(bytes), [])
    }

    /// The key that seals.
    pub fn current(&self) -> &SealingKey {
        &self.keys[&self.current]
    }

    /// The key with this number, if it is known.
    pub fn get(&self, id: KeyId) -> Option<&SealingKey> {
        self.keys.get(&id)
    }

    /// Every key that is known.
    pub fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        self.keys.values()
    }

    /// Other keys, one made of each of these, for one purpose. Nobody finds the way back, nor from one purpose to another.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        let derived = |key: &SealingKey| SealingKey::new(key.digest(DERIVED, purpose.as_bytes()));
        Self::new(derived(self.current()), self.keys().map(derived))
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open(&self, context: impl AsRef<[u8]>, sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let (id, rest) = key_of(sealed).ok_or(CannotOpen::Damaged)?;
        let (nonce, text) = rest.split_first_chunk().ok_or(CannotOpen::Damaged)?;
        let key = self.keys.get(&id).ok_or(CannotOpen::UnknownKey(id))?;
        key.open(context.as_ref(), *nonce, text).ok_or(CannotOpen::Damaged)
    }

    /// Seals a text as a text.
    pub fn seal_text(&self, context: &str, clear: &str) -> String {
        let sealed = self.current().seal(context, clear.as_bytes());
        format!("{SEALED_PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`Keyring::seal_text`] made.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open_text(&self, context: &str, sealed: &str) -> Result<String, CannotOpen> {
        let sealed = sealed.strip_prefix(SEALED_PREFIX).ok_or(CannotOpen::Damaged)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| CannotOpen::Damaged)?;
        String::from_utf8(self.open(context, &sealed)?).map_err(|_| CannotOpen::Damaged)
    }

    /// Whether sealed bytes were sealed by the current key.
    pub fn is_by_current(&self, sealed: &[u8]) -> bool {
        key_of(sealed).is_some_and(|(id, _)| id == self.current)
    }

    /// Whether a text that is sealed was sealed by the current key.
    pub fn is_current(&self, sealed: &str) -> bool {
        let bytes = sealed.strip_prefix(SEALED_PREFIX).map(|text| URL_SAFE_NO_PAD.decode(text));
        bytes.and_then(Result::ok).is_some_and(|bytes| self.is_by_current(&bytes))
    }
}

/// Which key sealed some bytes, and what comes behind its number.
fn key_of(sealed: &[u8]) -> Option<(KeyId, &[u8])> {
    let (form, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    (*form == FORM).then_some((KeyId(*id), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(byte: u8) -> Keyring {
        Keyring::single([byte; KEY_BYTES])
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_what_is_wrong_is_not_repeated() {
        let key = SealingKey::generate().unwrap();
        let again = SealingKey::parse(&format!(" {}\n", key.reveal())).unwrap();
        assert_eq!((again.id(), again.bytes()), (key.id(), key.bytes()));
        assert!(!format!("{key:?}").contains(&key.reveal()[..8]));
        for bad in ["", "hunter2", "aHVudGVyMg==", &"A".repeat(100)] {
            let problem = SealingKey::parse(bad).unwrap_err();
            assert!(problem.contains("openssl rand -base64 32"), "{bad}: {problem}");
        }
    }

    #[test]
    fn a_replaced_key_still_reads_what_it_sealed_and_seals_no_more() {
        let old = ring(1).seal_text("c", "x");
        let both = Keyring::new(SealingKey::new([2; 32]), [SealingKey::new([1; 32])]);
        assert_eq!(both.open_text("c", &old).unwrap(), "x");
        assert!(!both.is_current(&old));
        let new = both.seal_text("c", "x");
        assert!(both.is_current(&new));
        assert_eq!(ring(2).open_text("c", &new).unwrap(), "x");
        let id = ring(2).current().id();
        assert_eq!(ring(1).open_text("c", &new), Err(CannotOpen::UnknownKey(id)));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_read_again_and_looks_different_each_time(clear in ".{0,80}") {
            let ring = ring(3);
            let sealed = ring.seal_text("c", &clear);
            prop_assert_eq!(ring.open_text("c", &sealed).unwrap(), &*clear);
            prop_assert!(clear.len() < 4 || !sealed.contains(&*clear));
            prop_assert_ne!(ring.seal_text("c", &clear), sealed);
        }

        #[test]
        fn whatever_is_changed_cut_or_moved_is_not_read(
            clear in ".{0,40}", at in 0_usize..1000, bit in 0_u8..8,
        ) {
            let ring = ring(4);
            let sealed = ring.current().seal("here", clear.as_bytes());
            prop_assert_eq!(ring.open("there", &sealed), Err(CannotOpen::Damaged));
            let at = at % sealed.len();
            prop_assert!(ring.open("here", &sealed[..at]).is_err());
            let mut changed = sealed.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(ring.open("here", &changed).is_err());
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            prop_assert!(ring(5).open_text("c", &text).is_err());
            let sealed = format!("{SEALED_PREFIX}{text}");
            prop_assert!(ring(5).open_text("c", &sealed).is_err());
        }
    }
}
