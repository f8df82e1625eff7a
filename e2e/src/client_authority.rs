//! An authority that vouches for clients, and certificates of clients in files for curl and as what TLS shows.

use crate::certificate_parts::parts;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// An authority for clients.
pub struct ClientAuthority {
    /// PEM file with its certificate.
    pub certificate: PathBuf,
    folder: PathBuf,
    params: CertificateParams,
    key: KeyPair,
    above: Vec<CertificateDer<'static>>,
}

/// A certificate of a client, with its key.
pub struct ClientCertificate {
    /// PEM file with the certificate.
    pub certificate: PathBuf,
    /// PEM file with the key.
    pub key: PathBuf,
    der: CertificateDer<'static>,
    /// Those that stand between it and the authority that is known.
    above: Vec<CertificateDer<'static>>,
    key_der: Vec<u8>,
}

impl ClientAuthority {
    /// Makes one of this name, with its files in this folder.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn made(folder: &Path, name: &str) -> Self {
        let (params, key) = parts("clients.example", |params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let itself = params.self_signed(&key).expect("a key makes a certificate");
        let certificate = folder.join(format!("{name}.pem"));
        std::fs::write(&certificate, itself.pem()).expect("the folder can be written to");
        Self { certificate, folder: folder.to_owned(), params, key, above: Vec::new() }
    }

    /// An authority below this one, which ends so soon.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn below(&self, name: &str, life: Duration) -> Self {
        let (params, key) = parts("below.example", |params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            end_in(params, life);
        });
        let issuer = Issuer::from_params(&self.params, &self.key);
        let itself = params.signed_by(&key, &issuer).expect("an authority signs");
        let certificate = self.folder.join(format!("{name}.pem"));
        std::fs::write(&certificate, itself.pem()).expect("the folder can be written to");
        let above = [&[itself.der().clone()][..], &self.above].concat();
        Self { certificate, folder: self.folder.clone(), params, key, above }
    }

    /// Signs one for a client that is called so as a host and as `spiffe://corp/NAME`, with whatever else shall be in it.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn client(
        &self,
        name: &str,
        with: impl FnOnce(&mut CertificateParams),
    ) -> ClientCertificate {
        let (params, key) = parts(name, |params| {
            let uri = format!("spiffe://corp/{name}");
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("it is a URI")));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            with(params);
        });
        let issuer = Issuer::from_params(&self.params, &self.key);
        let made = params.signed_by(&key, &issuer).expect("an authority signs");
        let file = |end| self.folder.join(format!("{name}.{end}"));
        let (certificate, key_file) = (file("pem"), file("key"));
        std::fs::write(&certificate, made.pem()).expect("the folder can be written to");
        std::fs::write(&key_file, key.serialize_pem()).expect("the folder can be written to");
        let der = made.der().clone();
        let (key_der, above) = (key.serialize_der(), self.above.clone());
        ClientCertificate { certificate, key: key_file, der, above, key_der }
    }

    /// The same, which ends so soon.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn client_for(&self, name: &str, life: Duration) -> ClientCertificate {
        self.client(name, |params| end_in(params, life))
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock is what the gateway goes by")]
fn end_in(params: &mut CertificateParams, life: Duration) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    params.not_after = date_time_ymd(1970, 1, 1) + since + life;
}

impl ClientCertificate {
    /// Its SHA-256 in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in Sha256::digest(&self.der) {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// What TLS shows.
    pub(crate) fn shown(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::Pkcs8(self.key_der.clone().into());
        ([&[self.der.clone()][..], &self.above].concat(), key)
    }
}
