//! Who a process is to its peer: a key that never leaves memory, and a certificate for it.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::sync::Arc;

/// The only name in a certificate; hashicorp's library asks every peer for it.
pub(super) const SERVER_NAME: &str = "localhost";
const ORGANIZATION: &str = "Sidegate";

/// A private key, made for one process, and the certificate that the peer is to know.
///
/// The certificate serves both ends of a connection, for a plugin trusts one and no more. Its key is
/// P-256, which every gRPC library can do. A clone is cheap and the same identity.
#[derive(Clone)]
pub struct Identity {
    resolver: Arc<SingleCertAndKey>,
    certificate: CertificateDer<'static>,
    pem: Arc<str>,
}

/// No key or certificate could be made: a fault of the system, most likely of its random numbers.
#[derive(Debug, thiserror::Error)]
#[error("no certificate for this process could be made: {0}")]
pub struct IdentityError(String);

impl Identity {
    /// Makes a fresh one.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn generate() -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        Self::of(&key, &parameters().map_err(failed)?)
    }

    pub(super) fn of(key: &KeyPair, parameters: &CertificateParams) -> Result<Self, IdentityError> {
        let certificate = parameters.self_signed(key).map_err(failed)?;
        let pem = certificate.pem().into();
        Self::showing(certificate.into(), pem, key)
    }

    /// Whether the key fits the certificate is for the peer to find out.
    pub(super) fn showing(
        certificate: CertificateDer<'static>,
        pem: Arc<str>,
        key: &KeyPair,
    ) -> Result<Self, IdentityError> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = provider().key_provider.load_private_key(key).map_err(failed)?;
        let pair = CertifiedKey::new(vec![certificate.clone()], key);
        Ok(Self { resolver: Arc::new(SingleCertAndKey::from(pair)), certificate, pem })
    }

    /// The certificate as PEM text, as the environment of a plugin carries it.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate as DER, as a plugin's first line carries it.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        self.resolver.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Named here, so that nothing depends on what else the process has made the default.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

pub(super) fn parameters() -> Result<CertificateParams, rcgen::Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, ORGANIZATION);
    name.push(DnType::CommonName, SERVER_NAME);
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    parameters.subject_alt_names = vec![SanType::DnsName(SERVER_NAME.try_into()?)];
    // No key usages: libraries that read them would ask for the right to sign certificates as well,
    // before they trust one that is its own issuer.
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    // It ends with its process. A date could only keep two from talking whose clock was set.
    parameters.not_before = date_time_ymd(1970, 1, 1);
    parameters.not_after = date_time_ymd(9999, 12, 31);
    Ok(parameters)
}

fn failed(error: impl fmt::Display) -> IdentityError {
    IdentityError(error.to_string())
}
