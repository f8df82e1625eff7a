//! Which servers the command line trusts over TLS beside those of the system, and what a person can do
//! about one that it does not.
//!
//! It knows certificates, not what is asked of the server.

use crate::error::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How the files of a gateway's own certificate are named.
const FILES: &str = "ADMIN_TLS_CERT_PATH and ADMIN_TLS_KEY_PATH";

/// TLS that trusts the certificates of this PEM file beside those of the system: as authorities, and each
/// by itself where a server shows exactly that one.
///
/// # Errors
/// When the file cannot be read or holds nothing to trust.
pub(crate) fn trusting(file: &Path) -> Result<ClientConfig, Failure> {
    let shown = file.display();
    let pem = std::fs::read(file)
        .map_err(|error| Failure::usage(format!("{shown} cannot be read: {error}")))?;
    let pinned: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if pinned.is_empty() {
        return Err(Failure::usage(format!("{shown} has no certificate in PEM form")));
    }
    let unusable = |error: Error| {
        Failure::usage(format!("{shown} has a certificate that cannot be trusted: {error}"))
            .hint("X.509 of version 3 is needed, as `openssl req -x509` makes it")
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let known = Verifier::new_with_extra_roots(pinned.iter().cloned(), provider.clone())
        .map_err(unusable)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(KnownOrPinned { known, pinned }))
        .with_no_client_auth();
    Ok(config)
}

/// Trusts what an authority vouches for, and what is one of these very certificates.
#[derive(Debug)]
struct KnownOrPinned {
    known: Verifier,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for KnownOrPinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = match self.known.verify_server_cert(shown, chain, name, ocsp, now) {
            Ok(verified) => return Ok(verified),
            Err(refused) => refused,
        };
        let is_pinned = self.pinned.iter().any(|pinned| pinned == shown);
        if !is_pinned || !is_about_who_vouches(&refused) {
            return Err(refused);
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_verify_schemes()
    }
}

/// Whether only the way from a certificate to an authority is what is missing. Its times were looked at
/// before that. `Other` is said, among things of that kind, of one that is an authority itself, which
/// `openssl req -x509` makes of every certificate.
fn is_about_who_vouches(refused: &Error) -> bool {
    use CertificateError::{Other, UnknownIssuer};
    matches!(refused, Error::InvalidCertificate(UnknownIssuer | Other(_)))
}

/// Why TLS failed, for a person.
struct Explanation {
    /// What the other end does, to go on after its address.
    what: String,
    /// What to do about it.
    hint: String,
}

/// Why a call over TLS to this address failed and what to do, where it is TLS that failed. `ca` is the file
/// of certificates to trust, where there is one.
pub(crate) fn explained(error: &reqwest::Error, url: &str, ca: Option<&Path>) -> Option<Failure> {
    let found = tls_error(error)?;
    let Explanation { what, hint } = match found {
        Error::InvalidMessage(_) => {
            let plain = url.replacen("https://", "http://", 1);
            Explanation {
                what: "does not speak TLS".to_owned(),
                hint: format!("set SIDEGATE_URL (or --url) to {plain}"),
            }
        }
        Error::InvalidCertificate(reason) => of_certificate(reason, ca)?,
        Error::AlertReceived(AlertDescription::UnrecognisedName) => Explanation {
            what: "answers to no such name: the port for edges of a control plane (SIDEGATE_SYNC_PORT) does so"
                .to_owned(),
            hint: "set SIDEGATE_URL (or --url) to its admin API, which is on ADMIN_PORT (8080 by default)"
                .to_owned(),
        },
        _ => return None,
    };
    Some(
        Failure::of(crate::error::Kind::Unreachable, format!("the admin API at {url} {what}"))
            .hint(hint),
    )
}

fn of_certificate(reason: &CertificateError, ca: Option<&Path>) -> Option<Explanation> {
    use CertificateError as Reason;
    Some(match reason {
        Reason::UnknownIssuer | Reason::Other(_) => untrusted(ca),
        Reason::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            let (expected, kind) = (expected.to_str(), kind_of(expected));
            let what = match names.is_empty() {
                true => format!("has a certificate without any name, so none for {expected}"),
                false => format!("has a certificate for {}, not for {expected}", names.join(", ")),
            };
            let hint = format!(
                "use a name that it has in SIDEGATE_URL, or give it this one: \
                 `openssl req … -addext subjectAltName={kind}:{expected}`"
            );
            Explanation { what, hint }
        }
        Reason::ExpiredContext { not_after, .. } => expired(&format!(" since {}", utc(*not_after))),
        Reason::Expired => expired(""),
        Reason::NotValidYetContext { not_before, .. } => Explanation {
            what: format!("has a certificate that is valid from {} on only", utc(*not_before)),
            hint: "set the clocks of both machines".to_owned(),
        },
        _ => return None,
    })
}

fn untrusted(ca: Option<&Path>) -> Explanation {
    let what = "has a certificate that nobody vouches for whom this machine trusts".to_owned();
    let pem = "the PEM file of that certificate (the gateway's ADMIN_TLS_CERT_PATH), or of the \
               authority that signed it";
    let hint = match ca {
        None => format!("name {pem}: --ca FILE, or SIDEGATE_CA"),
        Some(file) => {
            format!("{} holds neither; --ca (or SIDEGATE_CA) needs {pem}", file.display())
        }
    };
    Explanation { what, hint }
}

fn expired(since: &str) -> Explanation {
    let what = format!("has a certificate that is not valid any more{since}");
    Explanation {
        what,
        hint: format!("renew it: the gateway takes what {FILES} name within seconds"),
    }
}

fn kind_of(name: &ServerName<'_>) -> &'static str {
    match name {
        ServerName::IpAddress(_) => "IP",
        _ => "DNS",
    }
}

/// A name without the words around it: `DnsName("localhost")`.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn utc(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or(String::new(), |time| time.to_string())
}

/// What TLS said, wherever it is wrapped.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // What an error of the system's kind holds is not its source.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = held.and_then(|held| tls_error(held)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
