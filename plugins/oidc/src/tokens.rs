//! Tokens that are signed: what stands in them, and whether one is ours.

use jsonwebtoken::Validation;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sidegate_sdk::Result;

use crate::keys::Ring;
use crate::secret_text;
use crate::settings::client::SigningAlgorithm;

/// The type of access tokens (RFC 9068), which no ID token has.
const ACCESS_TOKEN: &str = "at+jwt";

/// One audience or several, as tokens write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(crate) fn of(mut all: Vec<String>) -> Self {
        match all.len() {
            1 => Self::One(all.remove(0)),
            _ => Self::Several(all),
        }
    }

    pub(crate) fn names(&self, whom: &str) -> bool {
        match self {
            Self::One(one) => one == whom,
            Self::Several(all) => all.iter().any(|one| one == whom),
        }
    }
}

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Audience,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) jti: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) auth_time: Option<u64>,
    /// The grant that it lives as long as; none where the client asked for itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) grant_id: Option<String>,
}

impl AccessToken {
    pub(crate) fn sign(&self, ring: &Ring) -> Result<String> {
        let claims = serde_json::to_value(self)?;
        ring.signing(SigningAlgorithm::ES256).sign(Some(ACCESS_TOKEN), &claims)
    }

    /// What a token says that this issuer signed and that has not expired.
    pub(crate) fn verified(token: &str, ring: &Ring, issuer: &str) -> Option<Self> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(ACCESS_TOKEN) {
            return None;
        }
        let key = ring.by_kid(header.kid.as_deref()?)?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        let read = jsonwebtoken::decode::<Self>(token, &key.decoding, &validation);
        Some(read.ok()?.claims)
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|known| known == scope)
    }
}

/// What an ID token is about.
pub(crate) struct IdToken<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) auth_time: u64,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) session: &'a str,
    pub(crate) access_token: &'a str,
    pub(crate) now: u64,
    pub(crate) lifetime: u64,
}

impl IdToken<'_> {
    pub(crate) fn sign(&self, ring: &Ring, alg: SigningAlgorithm) -> Result<String> {
        let half = &Sha256::digest(self.access_token.as_bytes())[..16];
        let mut claims = json!({
            "iss": self.issuer,
            "sub": self.sub,
            "aud": self.client_id,
            "iat": self.now,
            "exp": self.now + self.lifetime,
            "auth_time": self.auth_time,
            "sid": self.session,
            "amr": ["pwd"],
            "at_hash": secret_text::base64url(half),
        });
        if let Some(nonce) = self.nonce {
            claims["nonce"] = Value::from(nonce);
        }
        ring.signing(alg).sign(Some("JWT"), &claims)
    }
}

/// What an ID token of ours says of whom it was about, however old it is: a hint at the sign-out.
#[derive(Debug, Deserialize)]
pub(crate) struct Hint {
    pub(crate) sub: String,
    pub(crate) aud: String,
}

impl Hint {
    pub(crate) fn verified(token: &str, ring: &Ring, issuer: &str) -> Option<Self> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() == Some(ACCESS_TOKEN) {
            return None;
        }
        let key = ring.by_kid(header.kid.as_deref()?)?;
        let mut validation = Validation::new(key.algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "sub", "aud"]);
        let read = jsonwebtoken::decode::<Self>(token, &key.decoding, &validation);
        Some(read.ok()?.claims)
    }
}
