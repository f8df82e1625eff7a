//! Digests: the SHA-256 by which blobs and manifests are called. Knows bytes, not what they mean.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// SHA-256 of some bytes; shown as 64 digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    ///
    /// ```
    /// use sidegate_sync::Digest;
    /// let digest = Digest::of(b"abc");
    /// assert!(digest.to_string().starts_with("ba7816bf8f01cfea"));
    /// assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    /// ```
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of several pieces, as if they were one, behind a prefix that says what they are: so that nothing of one
    /// kind is ever taken for something of another.
    pub fn of_kind(kind: &str, pieces: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(kind.as_bytes());
        hash.update([0]);
        for piece in pieces {
            hash.update(piece);
        }
        Self(hash.finalize().into())
    }

    /// The digest that has these bytes, if they are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 digits in lower case, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let known = sidegate_model::sha256::Sha256::parse(text)?;
        text.bytes().all(is_lower).then_some(Self(known.0))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}
