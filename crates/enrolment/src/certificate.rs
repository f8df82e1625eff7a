//! What is read of certificates. Whether one is to be believed is for those to say who know authorities.

use crate::names;
use rustls::DistinguishedName;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use sidegate_model::UnixMillis;
use sidegate_sync::server::PeerIdentity;
use std::fmt;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

const SERIAL_BYTES: usize = 16;
/// How many of them are the moment at which it was issued.
const MOMENT_BYTES: usize = 6;

/// The SHA-256 of a public key (its SubjectPublicKeyInfo): by it a key is known, and an authority pinned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest(pub [u8; 32]);

/// The number of a certificate. It begins with the moment at which it was issued, to the millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; SERIAL_BYTES]);

/// What an edge's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeCertificate {
    /// Whose it is.
    pub peer: PeerIdentity,
    /// Which one it is.
    pub serial: Serial,
    /// When it was issued, by the clock of who issued it.
    pub issued_at: UnixMillis,
    /// After this moment it is good for a renewal only.
    pub expires_at: UnixMillis,
    /// The key that it is for.
    pub key: KeyDigest,
}

/// The certificate of an authority.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyDigest,
    /// Its name in DER.
    subject: Vec<u8>,
}

/// Bytes that are no certificate of the kind that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCertificate(pub(crate) &'static str);

impl KeyDigest {
    /// Of a SubjectPublicKeyInfo in DER.
    pub(crate) fn of(public_key: &[u8]) -> Self {
        Self(Sha256::digest(public_key).into())
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({self})")
    }
}

impl Serial {
    /// A new number for what is issued now.
    pub(crate) fn new(now: UnixMillis) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SERIAL_BYTES];
        getrandom::fill(&mut bytes[MOMENT_BYTES..])?;
        let moment = now.to_be_bytes();
        // The first two bytes are 0 for some thousand years.
        bytes[..MOMENT_BYTES].copy_from_slice(&moment[2..]);
        Ok(Self(bytes))
    }

    /// The number as certificates write it: leading zeros may be missing, or one be there too many.
    fn read(written: &[u8]) -> Option<Self> {
        let start = written.len().saturating_sub(SERIAL_BYTES);
        let (zeros, number) = written.split_at(start);
        if zeros.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut bytes = [0; SERIAL_BYTES];
        bytes[SERIAL_BYTES - number.len()..].copy_from_slice(number);
        Some(Self(bytes))
    }

    fn issued_at(&self) -> UnixMillis {
        let moment = &self.0[..MOMENT_BYTES];
        moment.iter().fold(0, |moment, byte| moment << 8 | UnixMillis::from(*byte))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl EdgeCertificate {
    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidCertificate`] when it is none, or does not name one edge.
    pub fn read(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let certificate = parse(der)?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let peer = match names {
            [GeneralName::URI(uri)] => names::from_uri(uri),
            _ => None,
        };
        let peer = peer.ok_or(InvalidCertificate("the certificate does not name an edge"))?;
        let serial = Serial::read(certificate.tbs_certificate.raw_serial());
        let serial = serial.ok_or(InvalidCertificate("the certificate's number is too long"))?;
        let expires_at = certificate.validity().not_after.timestamp().saturating_mul(1000);
        let key = KeyDigest::of(certificate.public_key().raw);
        Ok(Self { peer, serial, issued_at: serial.issued_at(), expires_at, key })
    }
}

impl AuthorityCertificate {
    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidCertificate`] when it is none, or not that of an authority.
    pub fn read(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let certificate = parse(der)?;
        if !certificate.is_ca() {
            return Err(InvalidCertificate("the certificate is not that of an authority"));
        }
        let subject = certificate.subject().as_raw().to_vec();
        let key = KeyDigest::of(certificate.public_key().raw);
        Ok(Self { der: CertificateDer::from(der.to_vec()), key, subject })
    }

    /// In DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its name, as both ends of a connection tell each other which authorities they know.
    pub(crate) fn subject(&self) -> DistinguishedName {
        DistinguishedName::from(self.subject.clone())
    }

    /// The key that join tokens pin.
    pub fn key(&self) -> KeyDigest {
        self.key
    }
}

impl fmt::Debug for AuthorityCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityCertificate({})", self.key)
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InvalidCertificate> {
    match parse_x509_certificate(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(InvalidCertificate("this is no certificate")),
    }
}
