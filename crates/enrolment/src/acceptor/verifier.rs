//! Who may pass a door: whose certificate an authority of ours has issued, that has not ended, or not long ago where
//! it is to be renewed, and that the registry has not revoked.

use crate::authority::{GRACE, millis};
use crate::certificate::EdgeCertificate;
use crate::clock::unix_time;
use crate::provider::provider;
use crate::rotation::TrustedAuthorities;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use sidegate_model::UnixMillis;
use std::fmt;
use std::sync::Arc;

/// Which edges there are. It is asked in the middle of a handshake and must not wait.
pub trait EdgeRegistry: Send + Sync + 'static {
    /// Whether the edge of a certificate may come in with it.
    fn standing(&self, certificate: &EdgeCertificate) -> Standing;
}

/// Whether a certificate that an authority of ours issued still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Stands,
    /// The edge was revoked, or its certificates up to a moment.
    Revoked,
    /// There is no such edge.
    Unknown,
}

/// Where somebody wants to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// With a certificate that stands.
    Sync,
    /// With one that stands or has ended within the grace, or with none.
    Enrol,
}

pub(super) struct EdgeVerifier {
    door: Door,
    inner: Arc<dyn ClientCertVerifier>,
    registry: Arc<dyn EdgeRegistry>,
}

impl EdgeVerifier {
    pub(super) fn new(
        door: Door,
        trusted: &TrustedAuthorities,
        registry: Arc<dyn EdgeRegistry>,
    ) -> Result<Self, Error> {
        let roots = Arc::new(trusted.roots()?);
        let inner = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let inner = inner.map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { door, inner, registry })
    }

    /// The moment at which a certificate has to be valid.
    fn judged_at(&self, expires_at: UnixMillis, now: UnixTime) -> UnixTime {
        let now_millis = UnixMillis::try_from(now.as_secs()).map_or(UnixMillis::MAX, |s| s * 1000);
        let ended_for = now_millis.saturating_sub(expires_at);
        match self.door == Door::Enrol && (1..=millis(GRACE)).contains(&ended_for) {
            true => unix_time(expires_at),
            false => now,
        }
    }
}

impl ClientCertVerifier for EdgeVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.door == Door::Sync
    }

    /// None: an edge has one certificate, and says by it who it is.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let read = EdgeCertificate::read(end_entity);
        let at = read.as_ref().map_or(now, |read| self.judged_at(read.expires_at, now));
        let verified = self.inner.verify_client_cert(end_entity, &[], at)?;
        let certificate = read.map_err(|_| CertificateError::BadEncoding)?;
        let refused = match self.registry.standing(&certificate) {
            Standing::Stands => return Ok(verified),
            Standing::Revoked => CertificateError::Revoked,
            Standing::Unknown => CertificateError::ApplicationVerificationFailure,
        };
        let EdgeCertificate { peer, serial, .. } = certificate;
        let (edge, namespace) = (peer.edge, peer.namespace);
        tracing::info!(edge, %namespace, %serial, ?refused, "an edge is not let in");
        Err(refused.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl fmt::Debug for EdgeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EdgeVerifier({:?})", self.door)
    }
}
