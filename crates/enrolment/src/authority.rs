//! The authority of an installation: issues certificates to edges and to its own control processes. Its key and
//! certificate are kept, sealed, by somebody else.

use crate::certificate::{
    AuthorityCertificate, EdgeCertificate, InvalidCertificate, KeyDigest, Serial,
};
use crate::clock::Clock;
use crate::names::{self, ENROL_NAME, InvalidEdgeName, SYNC_NAME};
use crate::provider::certified;
use crate::request::CertificateRequest;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sidegate_model::UnixMillis;
use sidegate_sync::server::PeerIdentity;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long an edge's certificate is good for everything.
pub const CLIENT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long after its end an edge's certificate is still good for its renewal.
pub const GRACE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a control process shows one certificate at most; it is renewed at half of it.
pub const SERVER_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Certificates begin so much earlier: clocks differ.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// What an authority's certificate says of itself. It really ends when it leaves the trust bundle.
const AUTHORITY_LIFE: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// An authority, with its private key.
pub struct CertificateAuthority {
    certificate: AuthorityCertificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that was issued to an edge.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// In DER.
    pub der: CertificateDer<'static>,
    /// What it says.
    pub certificate: EdgeCertificate,
}

/// What a control process shows, with the key to it. It lives in memory only.
#[derive(Debug, Clone)]
pub(crate) struct ServerCertificate {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) renew_at: UnixMillis,
}

/// An authority that could not be made or read, or a certificate that could not be issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// What was kept is none.
    #[error("the authority's {0} cannot be read: it is not what was stored")]
    Damaged(&'static str),
    /// Key and certificate are of two authorities.
    #[error("the authority's key and certificate do not belong together")]
    Pair,
    /// Not a certificate of an authority.
    #[error("the authority's certificate: {0}")]
    Certificate(#[from] InvalidCertificate),
    /// Nobody can have such a name.
    #[error(transparent)]
    Name(#[from] InvalidEdgeName),
    /// The system or the library failed.
    #[error("no certificate could be made: {0}")]
    Failed(String),
}

impl CertificateAuthority {
    /// Makes a new one, with a key on P-256.
    ///
    /// # Errors
    /// [`AuthorityError::Failed`].
    pub fn generate(clock: &Clock) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let digest = KeyDigest::of(&key.subject_public_key_info());
        let mut parameters = parameters(clock.now(), AUTHORITY_LIFE)?;
        parameters.distinguished_name = authority_name(digest);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        Self::of(certificate.der(), key)
    }

    /// Reads what [`Self::to_pem`] gave.
    ///
    /// # Errors
    /// [`AuthorityError`], which tells nothing of the key.
    pub fn from_pem(text: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(text, &PKCS_ECDSA_P256_SHA256);
        let key = key.map_err(|_| AuthorityError::Damaged("key"))?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        Self::of(&certificate.map_err(|_| AuthorityError::Damaged("certificate"))?, key)
    }

    fn of(der: &CertificateDer<'_>, key: KeyPair) -> Result<Self, AuthorityError> {
        let certificate = AuthorityCertificate::read(der)?;
        if certificate.key() != KeyDigest::of(&key.subject_public_key_info()) {
            return Err(AuthorityError::Pair);
        }
        let issuer = Issuer::from_ca_cert_der(der, key).map_err(failed)?;
        Ok(Self { certificate, issuer })
    }

    /// Private key and certificate: to be kept sealed.
    pub fn to_pem(&self) -> String {
        let key = self.issuer.key().serialize_pem();
        format!("{key}{}", certificate_pem(self.certificate.der()))
    }

    /// Its certificate, which everybody may know.
    pub fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// Issues a certificate to an edge. Who it is says the caller; of the request only the key is taken.
    ///
    /// # Errors
    /// [`AuthorityError`] when nobody can be called so, or the library fails.
    pub fn issue_client(
        &self,
        request: &CertificateRequest,
        peer: &PeerIdentity,
        clock: &Clock,
    ) -> Result<IssuedCertificate, AuthorityError> {
        names::check_edge_name(&peer.edge)?;
        let mut parameters = parameters(clock.now(), CLIENT_LIFE)?;
        let uri = Ia5String::try_from(names::to_uri(peer)).map_err(failed)?;
        parameters.subject_alt_names = vec![SanType::URI(uri)];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let der = self.issue(&parameters, request.public_key())?;
        let certificate = EdgeCertificate::read(&der)?;
        Ok(IssuedCertificate { der, certificate })
    }

    /// Issues a certificate to a control process, with a key of its own.
    pub(crate) fn issue_server(&self, clock: &Clock) -> Result<ServerCertificate, AuthorityError> {
        let now = clock.now();
        let mut parameters = parameters(now, SERVER_LIFE)?;
        for name in [SYNC_NAME, ENROL_NAME] {
            let name = Ia5String::try_from(name).map_err(failed)?;
            parameters.subject_alt_names.push(SanType::DnsName(name));
        }
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let der = self.issue(&parameters, &key)?;
        // With the authority's own, for edges that know its key only.
        let chain = vec![der, self.certificate.der.clone()];
        let key = certified(chain, &key).map_err(failed)?;
        Ok(ServerCertificate { key, renew_at: now.saturating_add(millis(SERVER_LIFE) / 2) })
    }

    fn issue(
        &self,
        parameters: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let issued = parameters.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(issued.into())
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthority({})", self.certificate.key())
    }
}

/// One name for each key, so that who knows the key knows the name. Common names have at most 64 characters.
fn authority_name(key: KeyDigest) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name(key));
    name
}

fn common_name(key: KeyDigest) -> String {
    format!("Sidegate authority {}", &key.to_string()[..32])
}

/// The name of the authority with this key, in DER: a sequence of one set of one sequence of what it is and the text.
pub(crate) fn authority_subject(key: KeyDigest) -> rustls::DistinguishedName {
    const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
    let text = common_name(key);
    let element = |tag: u8, parts: &[&[u8]]| {
        let value = parts.concat();
        let length = u8::try_from(value.len()).expect("a common name is short");
        [&[tag, length][..], &value].concat()
    };
    let text = element(0x0c, &[text.as_bytes()]);
    let name = element(0x31, &[&element(0x30, &[COMMON_NAME, &text])]);
    rustls::DistinguishedName::from(element(0x30, &[&name]))
}

/// What all certificates have.
fn parameters(now: UnixMillis, life: Duration) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.serial_number =
        Some(SerialNumber::from_slice(Serial::new(now).map_err(failed)?.as_bytes()));
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let epoch = date_time_ymd(1970, 1, 1);
    let since = Duration::from_millis(u64::try_from(now).unwrap_or_default());
    parameters.not_before = epoch + since.saturating_sub(BACKDATED);
    parameters.not_after = epoch + (since + life);
    Ok(parameters)
}

/// A certificate as people keep it.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: String = lines.map(|line| format!("{line}\n")).collect();
    format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
}

pub(crate) fn millis(time: Duration) -> UnixMillis {
    UnixMillis::try_from(time.as_millis()).unwrap_or(UnixMillis::MAX)
}

fn failed(error: impl fmt::Display) -> AuthorityError {
    AuthorityError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::EdgeKey;
    use sidegate_sync::Namespace;

    /// In the year 2026.
    const NOW: UnixMillis = 1_790_000_000_123;

    fn clock() -> Clock {
        Clock::of(|| NOW)
    }

    fn peer(edge: &str) -> PeerIdentity {
        PeerIdentity { edge: edge.to_owned(), namespace: Namespace::parse("berlin").unwrap() }
    }

    #[test]
    fn an_authority_is_read_as_it_was_kept_and_issues_as_before() {
        let made = CertificateAuthority::generate(&clock()).unwrap();
        let read = CertificateAuthority::from_pem(&made.to_pem()).unwrap();
        assert_eq!(read.certificate(), made.certificate());
        let other = CertificateAuthority::generate(&clock()).unwrap();
        let mixed = format!(
            "{}{}",
            made.issuer.key().serialize_pem(),
            certificate_pem(other.certificate().der())
        );
        assert_eq!(CertificateAuthority::from_pem(&mixed).unwrap_err(), AuthorityError::Pair);
        let cut = CertificateAuthority::from_pem("hunter2").unwrap_err().to_string();
        assert!(!cut.contains("hunter2"), "{cut}");
    }

    #[test]
    fn who_knows_an_authoritys_key_knows_its_name() {
        let authority = CertificateAuthority::generate(&clock()).unwrap();
        let subject = authority_subject(authority.certificate().key());
        assert_eq!(subject.as_ref(), authority.certificate().subject().as_ref());
    }

    #[test]
    fn an_edge_is_called_what_the_caller_says_and_the_moment_is_kept_to_the_millisecond() {
        let authority = CertificateAuthority::generate(&clock()).unwrap();
        let key = EdgeKey::generate().unwrap();
        let request = CertificateRequest::read(&key.request().unwrap()).unwrap();
        let issued = authority.issue_client(&request, &peer("one"), &clock()).unwrap();
        let EdgeCertificate { peer: named, issued_at, expires_at, key: of, .. } =
            issued.certificate;
        assert_eq!((named, issued_at, of), (peer("one"), NOW, key.digest()));
        assert_eq!(expires_at, NOW / 1000 * 1000 + millis(CLIENT_LIFE));
        let refused = authority.issue_client(&request, &peer("../one"), &clock()).unwrap_err();
        assert!(matches!(refused, AuthorityError::Name(_)));
    }

    #[test]
    fn a_name_that_a_request_asks_for_is_not_given() {
        let authority = CertificateAuthority::generate(&clock()).unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut forged = CertificateParams::default();
        let uri = "spiffe://sidegate/ns/_global/edge/other".try_into().unwrap();
        forged.subject_alt_names = vec![SanType::URI(uri)];
        forged.is_ca = IsCa::ExplicitNoCa;
        forged.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let request = forged.serialize_request(&key).unwrap();
        let request = CertificateRequest::read(request.der()).unwrap();
        let issued = authority.issue_client(&request, &peer("one"), &clock()).unwrap();
        assert_eq!(issued.certificate.peer, peer("one"));
    }
}
