//! TLS between two processes that know each other by one certificate each.
//!
//! Each side makes an [`Identity`] when it starts and learns the other's certificate on a way that it
//! trusts already: the environment of a child, the first line of its output. From then on exactly
//! these two talk; there is no authority, no chain, no name and no date to check.
//!
//! ```
//! use sidegate_transport::pinned::{Acceptor, Connector, Identity, PeerCertificate};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (host, plugin) = (Identity::generate()?, Identity::generate()?);
//! let connector = Connector::new(&host, &PeerCertificate::from_der(plugin.certificate_der())?);
//! let acceptor = Acceptor::new(&plugin, &PeerCertificate::from_pem(host.certificate_pem())?);
//! let (near, far) = tokio::io::duplex(4096);
//! tokio::try_join!(connector.connect(near), acceptor.accept(far))?;
//! # Ok(())
//! # }
//! ```
//!
//! Opens no socket and keeps no deadline: both are the caller's.

mod encrypted;
mod identity;
mod pin;
#[cfg(test)]
mod tests;

pub use encrypted::Encrypted;
pub use identity::{Identity, IdentityError};
pub use pin::{InvalidCertificate, PeerCertificate};

use identity::{SERVER_NAME, provider};
use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::ServerName;
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Both sides speak HTTP/2, and gRPC libraries drop a connection that does not say so.
const ALPN: &[u8] = b"h2";
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Connects to the one peer whose certificate is known, and shows it ours. A clone is cheap.
#[derive(Clone)]
pub struct Connector(TlsConnector);

/// Accepts the one peer whose certificate is known, and shows it ours. A clone is cheap.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Connector {
    /// One that finds nobody but `peer` at the other end.
    pub fn new(identity: &Identity, peer: &PeerCertificate) -> Self {
        Self::with(client_config(identity, peer, VERSIONS))
    }

    fn with(config: ClientConfig) -> Self {
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Encrypts a fresh connection. That the peer refuses our certificate may show only at the
    /// first read.
    ///
    /// # Errors
    /// When the stream fails, the peer is another one, or it does not choose HTTP/2.
    pub async fn connect<S>(&self, stream: S) -> io::Result<Encrypted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(SERVER_NAME).expect("a constant DNS name");
        let stream = self.0.connect(name, stream).await.map_err(pin::explained)?;
        agreed(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }
}

impl Acceptor {
    /// One that lets nobody in but `peer`.
    pub fn new(identity: &Identity, peer: &PeerCertificate) -> Self {
        Self::with(server_config(identity, peer, VERSIONS))
    }

    fn with(config: ServerConfig) -> Self {
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Encrypts a connection that was just accepted.
    ///
    /// # Errors
    /// When the stream fails, the peer is another one or shows no certificate, or it does not offer
    /// HTTP/2.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Encrypted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.0.accept(stream).await.map_err(pin::explained)?;
        agreed(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(…)")
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor(…)")
    }
}

fn agreed(protocol: Option<&[u8]>) -> io::Result<()> {
    if protocol == Some(ALPN) {
        return Ok(());
    }
    let why = "the other side did not agree on HTTP/2 (ALPN h2), which gRPC over TLS needs";
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// How a client finds nobody but `peer` at the other end, whatever it asks there; it shows nothing of its own.
pub fn config_for(peer: &PeerCertificate) -> ClientConfig {
    let provider = provider();
    let pin = pin::Pin::new(peer, &provider);
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)
        .expect("the provider speaks these versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth()
}

fn client_config(
    identity: &Identity,
    peer: &PeerCertificate,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = provider();
    let pin = pin::Pin::new(peer, &provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider speaks these versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_client_cert_resolver(identity.resolver());
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Connections live as long as the process: there is nothing to gain from tickets.
    config.resumption = Resumption::disabled();
    config
}

fn server_config(
    identity: &Identity,
    peer: &PeerCertificate,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = provider();
    let pin = pin::Pin::new(peer, &provider);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider speaks these versions")
        .with_client_cert_verifier(Arc::new(pin))
        .with_cert_resolver(identity.resolver());
    config.alpn_protocols = vec![ALPN.to_vec()];
    // As above.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
