//! An edge's key, and its request for a certificate: proof that whoever asks holds the key. Nothing else of a
//! request is looked at.

use crate::certificate::KeyDigest;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKey,
    PublicKeyData as _,
};
use rustls_pki_types::CertificateSigningRequestDer;
use std::fmt;

/// Largest request that is looked at, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// A point on P-256, not compressed.
const POINT_BYTES: usize = 65;

/// A private key of an edge, on P-256.
pub(crate) struct EdgeKey(KeyPair);

/// A request whose signature was checked.
pub struct CertificateRequest {
    key: PublicKey,
    digest: KeyDigest,
}

/// A request that is none, or for a key that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request for a certificate cannot be used: {0}")]
pub struct InvalidRequest(String);

/// No key could be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct KeyError(String);

impl CertificateRequest {
    /// Reads a request (PKCS#10 in DER) and checks that it was signed by the key that it names.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn read(der: &[u8]) -> Result<Self, InvalidRequest> {
        if der.len() > MAX_BYTES {
            return Err(InvalidRequest(format!("it has more than {MAX_BYTES} bytes")));
        }
        let read = CertificateSigningRequestParams::from_der(&der.into());
        let key = read.map_err(|error| InvalidRequest(error.to_string()))?.public_key;
        let is_point = key.der_bytes().len() == POINT_BYTES && key.der_bytes()[0] == 4;
        if *key.algorithm() != PKCS_ECDSA_P256_SHA256 || !is_point {
            let only = "its key must be an ECDSA key on P-256, signed with SHA-256";
            return Err(InvalidRequest(only.to_owned()));
        }
        let digest = KeyDigest::of(&key.subject_public_key_info());
        Ok(Self { key, digest })
    }

    /// By what the key is known.
    pub fn key(&self) -> KeyDigest {
        self.digest
    }

    pub(crate) fn public_key(&self) -> &PublicKey {
        &self.key
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateRequest({})", self.digest)
    }
}

impl EdgeKey {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        made.map(Self).map_err(|error| KeyError(format!("no key could be made: {error}")))
    }

    pub(crate) fn from_pem(text: &str) -> Result<Self, KeyError> {
        let read = KeyPair::from_pkcs8_pem_and_sign_algo(text, &PKCS_ECDSA_P256_SHA256);
        read.map(Self).map_err(|_| KeyError("it holds no readable private key on P-256".to_owned()))
    }

    /// The private key: for its file only.
    pub(crate) fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    pub(crate) fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0.subject_public_key_info())
    }

    /// A request for a certificate. It names nobody: who it will be for is decided elsewhere.
    pub(crate) fn request(&self) -> Result<CertificateSigningRequestDer<'static>, KeyError> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        let request = parameters.serialize_request(&self.0);
        let request = request.map_err(|error| KeyError(format!("no request: {error}")))?;
        Ok(request.into())
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl fmt::Debug for EdgeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EdgeKey({})", self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_proves_the_key_and_nothing_else_is_taken() {
        let key = EdgeKey::generate().unwrap();
        let request = CertificateRequest::read(&key.request().unwrap()).unwrap();
        assert_eq!(request.key(), key.digest());
        let again = EdgeKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.digest(), key.digest());
    }

    #[test]
    fn a_request_that_was_changed_or_is_for_another_kind_of_key_is_refused() {
        let request = EdgeKey::generate().unwrap().request().unwrap().to_vec();
        for at in [20, request.len() / 2, request.len() - 1] {
            let mut changed = request.clone();
            changed[at] ^= 1;
            assert!(CertificateRequest::read(&changed).is_err(), "{at}");
        }
        assert!(CertificateRequest::read(&[0; MAX_BYTES + 1]).is_err());
        for other in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let key = KeyPair::generate_for(other).unwrap();
            let request = CertificateParams::default().serialize_request(&key).unwrap();
            let refused = CertificateRequest::read(request.der()).unwrap_err().to_string();
            assert!(refused.contains("P-256"), "{refused}");
        }
    }
}
