//! Join tokens: what an operator hands to a new edge. It proves that the edge was asked for, once, and names the
//! control plane's authority, so that the edge does not take another one for it.

use crate::certificate::KeyDigest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What every token begins with.
pub const JOIN_TOKEN_PREFIX: &str = "sgj_";
/// The form of the bytes.
const VERSION: u8 = 1;
const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const BYTES: usize = 1 + ID_BYTES + SECRET_BYTES + 32;
/// Characters of a whole token.
const CHARACTERS: usize = JOIN_TOKEN_PREFIX.len() + BYTES * 4 / 3;

/// Which token it is; no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JoinTokenId(pub [u8; ID_BYTES]);

/// What is stored of a token's secret. The secret is random and long, so nobody finds it by trying.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// A join token. What is shown of it for debugging holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    id: JoinTokenId,
    secret: [u8; SECRET_BYTES],
    authority: KeyDigest,
}

/// A text that is no join token. It never tells a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJoinToken {
    /// Something else.
    #[error(
        "this is no join token: one begins with {JOIN_TOKEN_PREFIX}, as `sidegate edge create` prints it"
    )]
    Prefix,
    /// Cut off, or more than a token.
    #[error(
        "the join token has {0} characters in place of {CHARACTERS}: copy all of it, on one line"
    )]
    Length(usize),
    /// Not what tokens are written in.
    #[error(
        "the join token has a character that no token has, at place {0}: copy it again as it was printed"
    )]
    Character(usize),
    /// Of another form.
    #[error(
        "the join token is of form {0}, and this version of sidegate reads form {VERSION}: use the same version as the control plane"
    )]
    Version(u8),
}

impl JoinToken {
    /// Makes a new one for a control plane whose authority has this key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(authority: KeyDigest) -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self { id: JoinTokenId(id), secret, authority })
    }

    /// Reads a token; blanks around it do no harm.
    ///
    /// # Errors
    /// [`InvalidJoinToken`].
    ///
    /// ```
    /// use sidegate_enrolment::{InvalidJoinToken, JoinToken, KeyDigest};
    /// let token = JoinToken::generate(KeyDigest([7; 32])).unwrap();
    /// assert_eq!(JoinToken::parse(&token.reveal()), Ok(token.clone()));
    /// let cut = &token.reveal()[..60];
    /// assert_eq!(JoinToken::parse(cut), Err(InvalidJoinToken::Length(60)));
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidJoinToken> {
        let text = text.trim();
        let body = text.strip_prefix(JOIN_TOKEN_PREFIX).ok_or(InvalidJoinToken::Prefix)?;
        let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if let Some(at) = text.chars().position(|c| !is_known(c)) {
            return Err(InvalidJoinToken::Character(at + 1));
        }
        if text.len() != CHARACTERS {
            return Err(InvalidJoinToken::Length(text.len()));
        }
        let bytes = URL_SAFE_NO_PAD.decode(body);
        let bytes = bytes.map_err(|_| InvalidJoinToken::Length(text.len()))?;
        let (version, rest) = bytes.split_first().ok_or(InvalidJoinToken::Prefix)?;
        if *version != VERSION {
            return Err(InvalidJoinToken::Version(*version));
        }
        let parts = rest.split_first_chunk().and_then(|(id, rest)| {
            let (secret, rest) = rest.split_first_chunk()?;
            Some((*id, *secret, rest.try_into().ok()?))
        });
        let (id, secret, authority) = parts.ok_or(InvalidJoinToken::Length(text.len()))?;
        Ok(Self { id: JoinTokenId(id), secret, authority: KeyDigest(authority) })
    }

    /// The token as it is given to the edge. Whoever reads it first can join.
    pub fn reveal(&self) -> String {
        let bytes = [&[VERSION][..], &self.id.0, &self.secret, &self.authority.0].concat();
        format!("{JOIN_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Which token it is.
    pub fn id(&self) -> JoinTokenId {
        self.id
    }

    /// The key of the authority that it pins.
    pub fn authority(&self) -> KeyDigest {
        self.authority
    }

    /// What is to be stored of the secret.
    pub fn secret_hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    pub(crate) fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl JoinTokenId {
    /// Reads it as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * ID_BYTES || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl SecretHash {
    /// Of a secret as an edge sends it.
    pub(crate) fn of(secret: &[u8]) -> Self {
        let hasher = Sha256::new().chain_update(b"sidegate join token\0");
        Self(hasher.chain_update(secret).finalize().into())
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({}, …, {:?})", self.id, self.authority)
    }
}

impl fmt::Display for JoinTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JoinTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinTokenId({self})")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken::generate(KeyDigest([7; 32])).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_written_with_blanks_around_it() {
        let token = token();
        assert_eq!(JoinToken::parse(&format!(" {}\n", token.reveal())), Ok(token.clone()));
        assert_eq!(JoinTokenId::parse(&token.id().to_string()), Some(token.id()));
    }

    #[test]
    fn what_is_wrong_with_a_token_is_said_without_telling_it() {
        let text = token().reveal();
        let of_form_2 = {
            let bytes = [&[2_u8][..], &[0; BYTES - 1]].concat();
            format!("{JOIN_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
        };
        for (wrong, is) in [
            ("", InvalidJoinToken::Prefix),
            ("hunter2", InvalidJoinToken::Prefix),
            (&text[..20], InvalidJoinToken::Length(20)),
            (&format!("{text}a"), InvalidJoinToken::Length(113)),
            (&format!("{}+{}", &text[..9], &text[10..]), InvalidJoinToken::Character(10)),
            (&format!("{text} {text}"), InvalidJoinToken::Character(113)),
            (&of_form_2, InvalidJoinToken::Version(2)),
        ] {
            assert_eq!(JoinToken::parse(wrong), Err(is));
            assert!(!is.to_string().contains(&text[10..20]));
        }
    }

    #[test]
    fn nothing_that_is_shown_for_debugging_holds_the_secret() {
        let token = token();
        let shown = format!("{token:?} {:?}", token.secret_hash());
        let hex: String = token.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&token.reveal()[30..60]) && !shown.contains(&hex[..8]), "{shown}");
    }
}
