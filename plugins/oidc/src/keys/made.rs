//! One key: made, kept as text, and ready to sign.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_sdk::{Error, Result};

use crate::secret_text::{self, base64url};
use crate::settings::client::SigningAlgorithm;

/// What stands before the key itself in PKCS #8 of RSA: `rsaEncryption` without parameters.
const RSA_IDENTIFIER: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// The tag of the octets after it, and two bytes that say how many.
const OCTETS: usize = 4;

/// A key as it is kept. Without `Debug`, so that no log shows it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub(super) kid: String,
    pub(super) alg: SigningAlgorithm,
    /// PKCS #8, in Base64 for addresses.
    private: String,
    /// When, in seconds since 1970.
    pub(super) made: u64,
}

impl KeyRecord {
    /// Takes a while for RSA.
    pub(super) fn new(alg: SigningAlgorithm, now: u64) -> Result<Self> {
        let failed = |_| Error::new("a signing key could not be made");
        let private = match alg {
            SigningAlgorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
                let pair = pair.and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?;
                base64url(pair.as_ref())
            }
            SigningAlgorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                base64url(pair.as_der().map_err(failed)?.as_ref())
            }
        };
        Ok(Self { kid: secret_text::name()?, alg, private, made: now })
    }
}

/// A key that signs and whose signatures can be checked.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) alg: SigningAlgorithm,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    /// What is published of it.
    pub(crate) public: Value,
    encoding: EncodingKey,
}

impl SigningKey {
    pub(super) fn prepare(record: &KeyRecord) -> Result<Self> {
        let damaged = || Error::new(format!("the signing key {} is damaged", record.kid));
        let private = secret_text::from_base64url(&record.private).ok_or_else(damaged)?;
        let (algorithm, encoding, decoding, public) = match record.alg {
            SigningAlgorithm::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private);
                let pair = pair.map_err(|_| damaged())?;
                // One byte that says that both coordinates follow.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (base64url(x), base64url(y));
                let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
                let decoding = DecodingKey::from_ec_components(&x, &y)?;
                (Algorithm::ES256, EncodingKey::from_ec_der(&private), decoding, public)
            }
            SigningAlgorithm::RS256 => {
                let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| damaged())?;
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let (n, e) = (base64url(&parts.n), base64url(&parts.e));
                let decoding = DecodingKey::from_rsa_components(&n, &e)?;
                let own = rsa_within(&private).ok_or_else(damaged)?;
                let public = json!({"kty": "RSA", "n": n, "e": e});
                (Algorithm::RS256, EncodingKey::from_rsa_der(own), decoding, public)
            }
        };
        let mut public = public;
        public["kid"] = record.kid.clone().into();
        public["alg"] = json!(record.alg);
        public["use"] = "sig".into();
        let (kid, alg) = (record.kid.clone(), record.alg);
        Ok(Self { kid, alg, algorithm, decoding, public, encoding })
    }

    /// A token with these claims, of this type where it has one.
    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value) -> Result<String> {
        let mut header = jsonwebtoken::Header::new(self.algorithm);
        header.typ = typ.map(str::to_owned);
        header.kid = Some(self.kid.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.encoding)?)
    }
}

/// The key as PKCS #1 knows it, which PKCS #8 wraps.
fn rsa_within(pkcs8: &[u8]) -> Option<&[u8]> {
    let at = pkcs8.windows(RSA_IDENTIFIER.len()).position(|window| window == RSA_IDENTIFIER)?;
    pkcs8.get(at + RSA_IDENTIFIER.len() + OCTETS..)
}
