//! The one certificate that is let through: this very one, and whoever holds its key.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::io;

/// The certificate of the process at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate(CertificateDer<'static>);

/// What was given as the peer's certificate is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    /// No block `CERTIFICATE` that can be decoded.
    #[error("this is no certificate in PEM: {0}")]
    Pem(String),
    /// Not the DER of an X.509 certificate.
    #[error("this is no X.509 certificate: {0}")]
    Der(String),
}

impl PeerCertificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn from_pem(text: &str) -> Result<Self, InvalidCertificate> {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        Self::checked(certificate.map_err(|error| InvalidCertificate::Pem(error.to_string()))?)
    }

    /// Takes a certificate in DER.
    ///
    /// # Errors
    /// [`InvalidCertificate::Der`].
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidCertificate> {
        Self::checked(CertificateDer::from(der).into_owned())
    }

    /// Told now rather than at the first connection.
    fn checked(certificate: CertificateDer<'static>) -> Result<Self, InvalidCertificate> {
        let parsed = ParsedCertificate::try_from(&certificate).map(drop);
        parsed.map_err(|error| InvalidCertificate::Der(error.to_string()))?;
        Ok(Self(certificate))
    }
}

const STRANGER: Error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

/// Lets the peer through and nobody else. That it holds the key is shown by its signature.
#[derive(Debug)]
pub(super) struct Pin {
    peer: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pin {
    pub(super) fn new(peer: &PeerCertificate, provider: &CryptoProvider) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { peer: peer.0.clone(), algorithms }
    }

    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        if self.peer == *shown { Ok(()) } else { Err(STRANGER) }
    }
}

/// Says what happened where the TLS library only says that we did not want it.
pub(super) fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    if cause != Some(&STRANGER) {
        return error;
    }
    let why = "the other side shows another certificate than the one it announced";
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
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
}

impl ClientCertVerifier for Pin {
    /// None: Go sends no certificate at all where hints name another issuer.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
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
}
