//! The keys of an issuer, read from its JWKS document, and what a signature is verified with. What is no public key of a
//! kind that is known is left out, so that one key more in a document never costs the others.

use crate::reader::{Head, Malformed, Parts};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use sidegate_model::issuer::Algorithm;
use std::sync::Arc;
use tokio::time::Instant;

/// Most keys of one document.
pub const MAX_KEYS: usize = 64;
/// Why no key of an issuer can be said to have signed a JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSigned {
    /// Those that there are have not, whatever others there may be.
    Wrong(Malformed),
    /// It names a key that is not known, or none fits: there may be another one by now.
    UnknownKey,
}

/// Keys that are tried for a JWT that does not say which.
const MAX_TRIED: usize = 4;

/// The keys of an issuer as they were at one moment.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    /// The `iss` that goes with them, where that was told with them.
    issuer: Option<String>,
    /// When they were fetched.
    pub fetched: Instant,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    /// The only one that it is for, where it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { pkcs1: Ready, pss: Ready },
    P256(Ready),
    P384(Ready),
    Ed25519(Ready),
}

/// What verifies by one algorithm, parsed once and for all.
#[derive(Debug, Clone)]
struct Ready(Arc<ParsedPublicKey>);

impl Ready {
    fn new(how: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(how, key).ok().map(|key| Self(Arc::new(key)))
    }

    fn bytes(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.bytes() == other.bytes()
    }
}

impl Eq for Ready {}

impl Material {
    fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let ready = |how| {
            let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(how).ok()?;
            Some(Ready(Arc::new(key)))
        };
        let pkcs1 = ready(&signature::RSA_PKCS1_2048_8192_SHA256)?;
        Some(Self::Rsa { pkcs1, pss: ready(&signature::RSA_PSS_2048_8192_SHA256)? })
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// A key as a document has it. Whatever else it says is left alone.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    pub fn read(json: &[u8], fetched: Instant) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| format!("its keys are no JWKS document: {error}"))?;
        if document.keys.len() > MAX_KEYS {
            let count = document.keys.len();
            return Err(format!("it has {count} keys, and {MAX_KEYS} are the most"));
        }
        let keys = document.keys.into_iter().filter_map(|key| {
            let key: Jwk = serde_json::from_value(key).ok()?;
            key.read()
        });
        Ok(Self { keys: keys.collect(), issuer: None, fetched })
    }

    /// The same of an issuer that tells its `iss` with them.
    pub fn of_issuer(self, issuer: String) -> Self {
        Self { issuer: Some(issuer), ..self }
    }

    /// Whether JWTs that are verified with them can have this `iss`.
    pub fn are_of(&self, iss: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| own == iss)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key is still one of them.
    pub fn has(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    /// The key that signed a JWT.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn signer(
        &self,
        algorithm: Algorithm,
        head: &Head,
        parts: &Parts<'_>,
    ) -> Result<&Key, NotSigned> {
        let candidates = self.candidates(algorithm, head.key_id.as_deref());
        if candidates.is_empty() {
            return Err(NotSigned::UnknownKey);
        }
        let made = parts.signature().map_err(NotSigned::Wrong)?;
        let mut outcome = Err(NotSigned::UnknownKey);
        for key in candidates {
            match key.verify(algorithm, parts.signed.as_bytes(), &made) {
                Ok(()) => return Ok(key),
                Err(why) => outcome = Err(NotSigned::Wrong(why)),
            }
        }
        // Without an id it may be one that is not known yet.
        if head.key_id.is_none() { Err(NotSigned::UnknownKey) } else { outcome }
    }

    /// The keys that may have made a signature by an algorithm: with this id, if there is one. The id is compared, and
    /// nothing else is done with it.
    fn candidates(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<&Key> {
        let fits =
            |key: &&Key| key.can(algorithm) && id.is_none_or(|id| key.id.as_deref() == Some(id));
        self.keys.iter().filter(fits).take(MAX_TRIED).collect()
    }
}

impl Jwk {
    fn read(self) -> Option<Key> {
        let is_for_signatures = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !is_for_signatures {
            return None;
        }
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let point = |x: Option<String>, y: Option<String>, size: usize| {
            let (x, y) = (bytes(x)?, bytes(y)?);
            (x.len() == size && y.len() == size).then(|| [&[4_u8][..], &x, &y].concat())
        };
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Material::rsa(&bytes(self.n)?, &bytes(self.e)?)?,
            ("EC", Some("P-256")) => {
                let key = point(self.x, self.y, 32)?;
                Material::P256(Ready::new(&ECDSA_P256_SHA256_FIXED, &key)?)
            }
            ("EC", Some("P-384")) => {
                let key = point(self.x, self.y, 48)?;
                Material::P384(Ready::new(&ECDSA_P384_SHA384_FIXED, &key)?)
            }
            ("OKP", Some("Ed25519")) => {
                let key = bytes(self.x).filter(|x| x.len() == 32)?;
                Material::Ed25519(Ready::new(&ED25519, &key)?)
            }
            _ => return None,
        };
        Some(Key { id: self.kid, algorithm: self.alg, material })
    }
}

impl Key {
    /// Whether it is of the kind that an algorithm needs. A public key of one kind is never taken for another, and
    /// none for a shared secret.
    fn can(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match algorithm {
            Algorithm::Es256 => matches!(self.material, Material::P256(_)),
            Algorithm::Es384 => matches!(self.material, Material::P384(_)),
            Algorithm::Rs256 | Algorithm::Ps256 => matches!(self.material, Material::Rsa { .. }),
            Algorithm::EdDsa => matches!(self.material, Material::Ed25519(_)),
        };
        let said = self.algorithm.as_deref();
        // RFC 9864 has a name of its own for it.
        let is_said = said == Some(algorithm.as_str())
            || (algorithm == Algorithm::EdDsa && said == Some("Ed25519"));
        is_of_kind && (said.is_none() || is_said)
    }

    /// Whether it made this signature of these bytes.
    ///
    /// # Errors
    /// That it did not.
    fn verify(&self, algorithm: Algorithm, signed: &[u8], made: &[u8]) -> Result<(), Malformed> {
        let key = match (&self.material, algorithm) {
            (Material::P256(key), Algorithm::Es256)
            | (Material::P384(key), Algorithm::Es384)
            | (Material::Ed25519(key), Algorithm::EdDsa)
            | (Material::Rsa { pkcs1: key, .. }, Algorithm::Rs256)
            | (Material::Rsa { pss: key, .. }, Algorithm::Ps256) => Ok(key),
            _ => Err(aws_lc_rs::error::Unspecified),
        };
        let outcome = key.and_then(|key| key.0.verify_sig(signed, made));
        outcome.map_err(|_| "no key of the issuer has made its signature")
    }
}
