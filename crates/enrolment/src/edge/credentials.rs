//! What an edge proves who it is with: its key and the certificate for it, in one file, so that the two always belong
//! together.

use crate::authority::certificate_pem;
use crate::certificate::{EdgeCertificate, InvalidCertificate};
use crate::provider::certified;
use crate::request::EdgeKey;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;
use std::sync::Arc;

/// Most certificates of a chain.
const MAX_CHAIN: usize = 4;

/// A key and the certificate for it.
pub(super) struct Credentials {
    key: EdgeKey,
    chain: Vec<CertificateDer<'static>>,
    certificate: EdgeCertificate,
    certified: Arc<CertifiedKey>,
}

/// What is no key with the certificate for it. It tells nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedCredentials {
    /// No key.
    #[error("it holds no readable private key")]
    Key,
    /// No certificate, or too many.
    #[error("it holds no readable certificate")]
    Chain,
    /// A certificate that is not an edge's.
    #[error("its certificate: {0}")]
    Certificate(#[from] InvalidCertificate),
    /// Of two edges, or of two renewals.
    #[error("key and certificate do not belong together")]
    Pair,
}

impl Credentials {
    /// Of a certificate that was just issued.
    pub(super) fn new(key: EdgeKey, chain: Vec<Vec<u8>>) -> Result<Self, DamagedCredentials> {
        Self::of(key, chain.into_iter().map(CertificateDer::from).collect())
    }

    pub(super) fn from_pem(bytes: &[u8]) -> Result<Self, DamagedCredentials> {
        let text = std::str::from_utf8(bytes).map_err(|_| DamagedCredentials::Key)?;
        let key = EdgeKey::from_pem(text).map_err(|_| DamagedCredentials::Key)?;
        let chain = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
        Self::of(key, chain.map_err(|_| DamagedCredentials::Chain)?)
    }

    fn of(key: EdgeKey, chain: Vec<CertificateDer<'static>>) -> Result<Self, DamagedCredentials> {
        if chain.len() > MAX_CHAIN {
            return Err(DamagedCredentials::Chain);
        }
        let certificate = EdgeCertificate::read(chain.first().ok_or(DamagedCredentials::Chain)?)?;
        if certificate.key != key.digest() {
            return Err(DamagedCredentials::Pair);
        }
        let certified = certified(chain.clone(), key.pair());
        let certified = certified.map_err(|_| DamagedCredentials::Pair)?;
        Ok(Self { key, chain, certificate, certified })
    }

    /// For its file only.
    pub(super) fn to_pem(&self) -> String {
        let chain = self.chain.iter().map(|one| certificate_pem(one));
        [self.key.to_pem()].into_iter().chain(chain).collect()
    }

    pub(super) fn certificate(&self) -> &EdgeCertificate {
        &self.certificate
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.certificate.serial)
    }
}
