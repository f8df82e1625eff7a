//! Tokens: how they are made, recognised and compared. Only the SHA-256 of a token is ever kept.

use crate::UnixMillis;
use crate::app::AppId;
use crate::last_use::LastUse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What every token of the gateway starts with, so that people and scanners recognise a leaked one.
pub const TOKEN_PREFIX: &str = "sgt_";

/// What the admin API's token starts with; as long as [`TOKEN_PREFIX`].
pub const ADMIN_TOKEN_PREFIX: &str = "sga_";

/// What the secret of a session of the console starts with, and that of a link into it; as long as [`TOKEN_PREFIX`].
pub const CONSOLE_PREFIX: &str = "sgc_";

/// Number of a token, by which it is listed and revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub u32);

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a token's text; the only form in which a token is stored and compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes what a caller presented.
    ///
    /// ```
    /// use sidegate_model::token::TokenHash;
    /// assert_eq!(TokenHash::of("a"), TokenHash::of("a"));
    /// assert_ne!(TokenHash::of("a"), TokenHash::of("b"));
    /// ```
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented.as_bytes()).into())
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A freshly made token. Its text exists only here and in the answer to the person who asked.
pub struct NewToken {
    text: String,
}

impl NewToken {
    /// Draws 256 random bits from the operating system.
    ///
    /// # Errors
    /// Fails when the operating system gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Self::with_prefix(TOKEN_PREFIX)
    }

    /// Draws a token for the admin API: the same strength, another prefix.
    ///
    /// # Errors
    /// Fails when the operating system gives no randomness.
    pub fn generate_admin() -> Result<Self, getrandom::Error> {
        Self::with_prefix(ADMIN_TOKEN_PREFIX)
    }

    /// Draws the secret of a session of the console, or of a link into it.
    ///
    /// # Errors
    /// Fails when the operating system gives no randomness.
    pub fn generate_console() -> Result<Self, getrandom::Error> {
        Self::with_prefix(CONSOLE_PREFIX)
    }

    /// Draws the key of a session of the console, which comes beside its cookie. It opens nothing by itself.
    ///
    /// # Errors
    /// Fails when the operating system gives no randomness.
    pub fn generate_console_key() -> Result<Self, getrandom::Error> {
        Self::with_prefix("")
    }

    fn with_prefix(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self { text: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)) })
    }

    /// The text to hand to the person, once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored in its place: the text cannot be made of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }

    /// The first characters, shown in lists so that a person can tell tokens apart.
    pub fn hint(&self) -> String {
        self.text.chars().take(TOKEN_PREFIX.len() + 4).collect()
    }
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewToken(…)")
    }
}

/// A stored token, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Number, given by the store.
    pub id: TokenId,
    /// The app it speaks for; it is refused while that is inactive.
    pub app_id: AppId,
    /// What the operator calls it; may be empty.
    pub name: String,
    /// SHA-256 of the text, by which a request finds it.
    pub hash: TokenHash,
    /// The first eight characters of the text, by which a person tells tokens apart.
    pub hint: String,
    /// What the token allows, in the words of plugins.
    pub scopes: Vec<String>,
    /// When it stops to be valid; `None` is never.
    pub expires_at: Option<UnixMillis>,
    /// Set once by the store.
    pub created_at: UnixMillis,
    /// When it was last changed; the moment it was made where it never was.
    pub updated_at: UnixMillis,
    /// The one that was made in its place.
    pub replaced_by: Option<TokenId>,
    /// When it was last used. No content: it changes without a new revision.
    pub last_used: LastUse,
}

impl Token {
    /// A text for its content: no two contents have the same.
    pub fn version(&self) -> String {
        format!("{:x}", self.updated_at)
    }

    /// Whether the token is past its end at `now`.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_has_the_prefix_and_256_random_bits() {
        let (a, b) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        assert!(a.reveal().starts_with(TOKEN_PREFIX));
        let random = URL_SAFE_NO_PAD.decode(&a.reveal()[TOKEN_PREFIX.len()..]).unwrap();
        assert_eq!(random.len(), 32);
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.hash(), TokenHash::of(a.reveal()));
    }

    #[test]
    fn debug_output_never_shows_a_token() {
        let token = NewToken::generate().unwrap();
        assert!(!format!("{token:?}").contains(&token.reveal()[4..12]));
    }
}
