//! The gateway's own certificate, from PEM text to a TLS acceptor, and its renewal while clients come.

use crate::identity::client_authority::{ClientAuthorities, ClientAuthority};
use crate::identity::validity::not_after;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_rustls::TlsAcceptor;

/// What the gateway shows to clients over TLS.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    /// The first of its chain.
    certificate: CertificateDer<'static>,
    /// Who vouches for certificates of clients, where they are asked for any.
    clients: Option<Arc<ClientAuthority>>,
    /// When the certificate ends, in seconds since the Unix epoch.
    expires_at: Option<i64>,
}

/// The identity that is shown now. Another one can take its place at any time; connections that are
/// there keep the one they began with.
pub struct ShownIdentity {
    now: ArcSwap<TlsIdentity>,
    clients: Arc<ClientAuthorities>,
    expiry: Arc<AtomicI64>,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// No certificate in the text.
    #[error("the certificate file has no readable PEM certificate: {0}")]
    Certificate(String),
    /// No private key in the text.
    #[error("the key file has no readable PEM private key")]
    Key,
    /// No authority in the text that clients' certificates could be trusted by.
    #[error("the file of authorities for clients has none that can be used: {0}")]
    Clients(String),
    /// The two do not fit together.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(String),
}

impl TlsIdentity {
    /// Reads a certificate chain and its private key; offers HTTP/2 and HTTP/1.1. Where there are authorities for clients,
    /// these are asked for a certificate, which they need not have.
    ///
    /// # Errors
    /// [`TlsIdentityError`]; its text never holds key material.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        clients: Option<&[u8]>,
    ) -> Result<Self, TlsIdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| TlsIdentityError::Certificate(e.to_string()))?;
        if chain.is_empty() {
            return Err(TlsIdentityError::Certificate("none was found".to_owned()));
        }
        let (certificate, expires_at) = (chain[0].clone(), not_after(&chain[0]));
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsIdentityError::Key)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let pair = |e: rustls::Error| TlsIdentityError::Pair(e.to_string());
        let clients = clients.map(ClientAuthority::from_pem).transpose();
        let clients = clients.map_err(TlsIdentityError::Clients)?.map(Arc::new);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let config = match &clients {
            Some(authority) => config.with_client_cert_verifier(authority.verifier()),
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        Ok(Self { config: Arc::new(config), certificate, clients, expires_at })
    }

    /// When the certificate ends, in seconds since the Unix epoch, as far as it says so.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}

impl ShownIdentity {
    /// Shows this one first, tells in `expiry` when the one that is shown ends, and in `clients` who vouches for clients.
    pub fn new(
        identity: TlsIdentity,
        expiry: Arc<AtomicI64>,
        clients: Arc<ClientAuthorities>,
    ) -> Self {
        let shown = Self { now: ArcSwap::from_pointee(identity.clone()), clients, expiry };
        shown.show(identity);
        shown
    }

    /// Shows another one from the next connection on.
    pub fn show(&self, identity: TlsIdentity) {
        self.expiry.store(identity.expires_at.unwrap_or_default(), Ordering::Relaxed);
        // First, so that nobody is let in by those of before.
        self.clients.set(identity.clients.clone());
        self.now.store(Arc::new(identity));
    }

    /// When the certificate that is shown ends, see [`TlsIdentity::expires_at`].
    pub fn expires_at(&self) -> Option<i64> {
        self.now.load().expires_at
    }

    /// The certificate that the next client is shown.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.now.load().certificate.clone()
    }

    /// The acceptor for the next socket.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.now.load().config.clone())
    }

    /// The same identity for a server that speaks HTTP/1.1 only.
    pub fn for_http1(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.now.load().config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

impl std::fmt::Debug for ShownIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownIdentity(…)")
    }
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsIdentity(…)")
    }
}
