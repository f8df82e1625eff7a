//! Texts that nobody can guess, and what is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use sidegate_sdk::{Error, Result};
use subtle::ConstantTimeEq as _;

/// Bytes of a secret: nobody guesses 256 bits.
const BYTES: usize = 32;
/// Bytes of a name that must be unlike all others.
const NAME_BYTES: usize = 16;

/// A new secret, in 43 characters that may stand in addresses.
pub(crate) fn secret() -> Result<String> {
    random::<BYTES>()
}

/// A new name, in 22 such characters.
pub(crate) fn name() -> Result<String> {
    random::<NAME_BYTES>()
}

fn random<const N: usize>() -> Result<String> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("the system gives no randomness: {error}")))?;
    Ok(base64url(&bytes))
}

/// Base64 for addresses and tokens.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of such a text.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What is kept of a secret: its SHA-256.
pub(crate) fn digest(text: &str) -> String {
    base64url(&Sha256::digest(text.as_bytes()))
}

/// The SHA-256 of several texts together; no two lists of texts have the same.
pub(crate) fn digest_of(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    base64url(&digest.finalize())
}

/// A mark that only the holder of the key can put on these texts.
pub(crate) fn mark(key: &[u8], texts: &[&str]) -> String {
    // Any length of a key will do, so there is nothing to fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for text in texts {
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text.as_bytes());
    }
    base64url(&mac.finalize().into_bytes())
}

/// Whether two texts are the same; takes as long wherever they differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    !left.is_empty() && bool::from(left.as_bytes().ct_eq(right.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_secrets_are_the_same_and_each_has_256_bits() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert_ne!(one, other);
        assert_eq!(from_base64url(&one).unwrap().len(), BYTES);
    }

    #[test]
    fn texts_cannot_be_shifted_into_each_other() {
        assert_ne!(digest_of(&["ab", "c"]), digest_of(&["a", "bc"]));
        assert_ne!(mark(b"k", &["ab", "c"]), mark(b"k", &["a", "bc"]));
        assert_ne!(mark(b"k", &["a"]), mark(b"l", &["a"]));
    }

    #[test]
    fn nothing_is_the_same_as_nothing() {
        assert!(same("a", "a") && !same("a", "b") && !same("", ""));
    }
}
