//! Which control plane an edge believes: one whose certificate an authority of its trust bundle issued, or the one
//! that its join token pins. How the host is called plays no part.

use crate::authority::authority_subject;
use crate::certificate::{AuthorityCertificate, KeyDigest};
use crate::clock::Clock;
use crate::names::ALPN;
use crate::provider::{VERSIONS, provider};
use crate::rotation::TrustedAuthorities;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::io;
use std::sync::Arc;

/// Whom an edge believes that it is its control plane.
#[derive(Debug)]
pub(super) enum Believed {
    /// Who has a certificate of one of these.
    Trusted(TrustedAuthorities),
    /// Who has a certificate of the authority with this key, and shows that one's certificate, too.
    Pinned(KeyDigest),
}

/// Whoever answers is somebody else, and how that was found out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Stranger(pub(super) String);

impl Stranger {
    pub(super) fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl From<Stranger> for io::Error {
    fn from(stranger: Stranger) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, stranger)
    }
}

/// How an edge connects to whom it believes; with this certificate, if with any.
pub(super) fn client_config(
    believed: Believed,
    identity: Option<Arc<CertifiedKey>>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Server::new(believed)));
    let mut config = match identity {
        Some(key) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// That an edge's certificate would be let in by those who trust the same authorities.
pub(super) fn check_issued(
    certificate: &CertificateDer<'_>,
    trusted: &TrustedAuthorities,
    clock: &Clock,
) -> Result<(), Error> {
    let roots = Arc::new(trusted.roots()?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
    let now = crate::clock::unix_time(clock.now());
    verifier.verify_client_cert(certificate, &[], now).map(drop)
}

#[derive(Debug)]
struct Server {
    believed: Believed,
    /// Told to the server, which may have certificates of several authorities.
    subjects: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Server {
    fn new(believed: Believed) -> Self {
        let subjects = match &believed {
            Believed::Trusted(trusted) => trusted.subjects(),
            Believed::Pinned(key) => vec![authority_subject(*key)],
        };
        let algorithms = provider().signature_verification_algorithms;
        Self { believed, subjects, algorithms }
    }

    fn roots(&self, shown: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
        match &self.believed {
            Believed::Trusted(trusted) => trusted.roots(),
            Believed::Pinned(key) => {
                let is_pinned = |der: &&CertificateDer<'_>| {
                    AuthorityCertificate::read(der).is_ok_and(|shown| shown.key() == *key)
                };
                let pinned = shown.iter().find(is_pinned);
                let mut roots = RootCertStore::empty();
                roots.add(pinned.ok_or(CertificateError::UnknownIssuer)?.clone())?;
                Ok(roots)
            }
        }
    }
}

impl ServerCertVerifier for Server {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = Arc::new(self.roots(intermediates)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        Some(&self.subjects)
    }
}
