//! A certificate for `localhost`, in files for the gateway and as trust for a client.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A self-signed certificate with its key.
pub struct Certificate {
    /// PEM file with the certificate.
    pub certificate: PathBuf,
    /// PEM file with the key.
    pub key: PathBuf,
    der: rustls_pki_types::CertificateDer<'static>,
}

impl Certificate {
    /// Makes one, with its files in this folder.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn in_folder(folder: &Path) -> Self {
        Self::made(folder, "localhost", |_| {})
    }

    /// The same for another host, and with whatever else shall be in it.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn made(folder: &Path, host: &str, with: impl FnOnce(&mut CertificateParams)) -> Self {
        let (params, key) = parts(host, with);
        let made = params.self_signed(&key).expect("a name and a fresh key make a certificate");
        Self::written(folder, &made, &key)
    }

    /// One for `localhost` that an authority has signed, whose own certificate is in the file that is
    /// given too.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn of_authority(folder: &Path) -> (Self, PathBuf) {
        let (authority, authority_key) = parts("authority.example", |params| {
            params.distinguished_name.push(DnType::CommonName, "authority");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let itself = authority.self_signed(&authority_key).expect("a key makes a certificate");
        let path = folder.join("authority.pem");
        std::fs::write(&path, itself.pem()).expect("the folder can be written to");
        let issuer = Issuer::from_params(&authority, &authority_key);
        let (params, key) = parts("localhost", |_| {});
        let made = params.signed_by(&key, &issuer).expect("an authority signs");
        (Self::written(folder, &made, &key), path)
    }

    fn written(folder: &Path, made: &rcgen::Certificate, private: &KeyPair) -> Self {
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.pem()).expect("the folder can be written to");
        std::fs::write(&key, private.serialize_pem()).expect("the folder can be written to");
        Self { certificate, key, der: made.der().clone() }
    }

    /// Connects as a client that trusts only this certificate and offers these protocols.
    ///
    /// # Panics
    /// When the handshake fails.
    pub async fn connect(
        &self,
        addr: std::net::SocketAddr,
        protocols: &[&str],
    ) -> TlsStream<TcpStream> {
        self.try_connect(addr, protocols).await.expect("the handshake succeeds")
    }

    /// The same where another certificate may be shown.
    ///
    /// # Errors
    /// When the handshake fails.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn try_connect(
        &self,
        addr: std::net::SocketAddr,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("our own certificate is well-formed");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let tcp = TcpStream::connect(addr).await.expect("the gateway accepts connections");
        let name = "localhost".try_into().expect("localhost is a name");
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, tcp).await
    }
}

fn parts(host: &str, with: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let key = KeyPair::generate().expect("the system has randomness");
    let mut params = CertificateParams::new([host.to_owned()]).expect("it is a name");
    with(&mut params);
    (params, key)
}
