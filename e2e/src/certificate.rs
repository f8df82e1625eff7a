//! A certificate for `localhost`, in files for the gateway and as trust for a client.

use crate::certificate_parts::parts;
use crate::client_authority::ClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

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

    /// The same for these hosts besides.
    ///
    /// # Panics
    /// When the folder cannot be written to, or one is no name.
    pub fn for_hosts(folder: &Path, hosts: &[&str]) -> Self {
        Self::made(folder, "localhost", |params| {
            let name = |host: &&str| SanType::DnsName((*host).try_into().expect("it is a name"));
            params.subject_alt_names.extend(hosts.iter().map(name));
        })
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

    /// What a server accepts with that shows it.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("it was written");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .expect("they fit");
        TlsAcceptor::from(Arc::new(config))
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
        self.connect_as(addr, protocols, None).await
    }

    /// The same as a client that shows this certificate. Over TLS 1.3 it hears of a refusal only once it reads.
    ///
    /// # Errors
    /// When the handshake fails.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn connect_as(
        &self,
        addr: std::net::SocketAddr,
        protocols: &[&str],
        client: Option<&ClientCertificate>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        Self::connect_by(&self.connector(protocols, client), addr).await
    }

    /// What connects, and remembers sessions to go on with.
    ///
    /// # Panics
    /// Never.
    pub fn connector(
        &self,
        protocols: &[&str],
        client: Option<&ClientCertificate>,
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("our own certificate is well-formed");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual versions")
            .with_root_certificates(roots);
        let mut config = match client.map(ClientCertificate::shown) {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("they fit"),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// Connects once.
    ///
    /// # Errors
    /// When the handshake fails.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn connect_by(
        connector: &TlsConnector,
        addr: std::net::SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        Self::connect_to("localhost", connector, addr).await
    }

    /// The same to a host of another name.
    ///
    /// # Errors
    /// When the handshake fails.
    ///
    /// # Panics
    /// When nobody accepts.
    pub async fn connect_to(
        host: &str,
        connector: &TlsConnector,
        addr: std::net::SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(addr).await.expect("the gateway accepts connections");
        let name = host.to_owned().try_into().expect("it is a name");
        connector.connect(name, tcp).await
    }
}
