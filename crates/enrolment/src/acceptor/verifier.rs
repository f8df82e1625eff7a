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
use sidegate_model::rate_limited_log::RateLimitedLogs;
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
    refusals: Arc<Refusals>,
}

/// Edges that were not let in, each told once a minute: one that was revoked comes again and again. Only names are in
/// it that an authority of ours has certified.
pub(super) type Refusals = RateLimitedLogs<String>;

impl EdgeVerifier {
    pub(super) fn new(
        door: Door,
        trusted: &TrustedAuthorities,
        (registry, refusals): (Arc<dyn EdgeRegistry>, Arc<Refusals>),
    ) -> Result<Self, Error> {
        let roots = Arc::new(trusted.roots()?);
        let inner = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let inner = inner.map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { door, inner, registry, refusals })
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
        if let Some(times) = self.refusals.due(edge.clone()) {
            tracing::info!(edge, %namespace, %serial, ?refused, times, "an edge is not let in");
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::CertificateAuthority;
    use crate::clock::Clock;
    use crate::request::{CertificateRequest, EdgeKey};
    use crate::rotation::AuthoritySet;
    use sidegate_sync::Namespace;
    use sidegate_sync::server::PeerIdentity;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tracing::span;

    struct Nobody;

    impl EdgeRegistry for Nobody {
        fn standing(&self, _: &EdgeCertificate) -> Standing {
            Standing::Revoked
        }
    }

    /// Counts lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<AtomicUsize>);

    impl tracing::Subscriber for Lines {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().starts_with("sidegate_enrolment")
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_revoked_edge_that_comes_again_and_again_fills_no_log_and_hides_no_other() {
        let clock = Clock::of(|| 1_790_000_000_000);
        let authority = CertificateAuthority::generate(&clock).unwrap();
        let certificate = |edge: &str| {
            let request = EdgeKey::generate().unwrap().request().unwrap();
            let request = CertificateRequest::read(&request).unwrap();
            let peer = PeerIdentity { edge: edge.to_owned(), namespace: Namespace::global() };
            authority.issue_client(&request, &peer, &clock).unwrap().der
        };
        let [one, other] = ["one", "other"].map(certificate);
        let authorities = AuthoritySet::new(authority);
        let registry: Arc<dyn EdgeRegistry> = Arc::new(Nobody);
        let refusals = Arc::new(Refusals::new());
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), || {
            for door in [Door::Sync, Door::Enrol] {
                let beside = (registry.clone(), refusals.clone());
                let verifier = EdgeVerifier::new(door, &authorities.trusted(), beside).unwrap();
                let now = unix_time(clock.now());
                for certificate in std::iter::repeat_n(&one, 100).chain([&other]) {
                    let refused = verifier.verify_client_cert(certificate, &[], now).unwrap_err();
                    assert_eq!(refused, CertificateError::Revoked.into());
                }
            }
        });
        assert_eq!(lines.0.load(Ordering::Relaxed), 2);
    }
}
