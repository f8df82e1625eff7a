//! The gateway's own certificate, from PEM text to a TLS acceptor, and its renewal while clients come.

use super::validity::not_after;
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
    /// When the certificate ends, in seconds since the Unix epoch.
    expires_at: Option<i64>,
}

/// The identity that is shown now. Another one can take its place at any time; connections that are
/// there keep the one they began with.
pub struct ShownIdentity {
    now: ArcSwap<TlsIdentity>,
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
    /// The two do not fit together.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(String),
}

impl TlsIdentity {
    /// Reads a certificate chain and its private key; offers HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsIdentityError`]; its text never holds key material.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsIdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| TlsIdentityError::Certificate(e.to_string()))?;
        if chain.is_empty() {
            return Err(TlsIdentityError::Certificate("none was found".to_owned()));
        }
        let expires_at = not_after(&chain[0]);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsIdentityError::Key)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let pair = |e: rustls::Error| TlsIdentityError::Pair(e.to_string());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        Ok(Self { config: Arc::new(config), expires_at })
    }

    /// When the certificate ends, in seconds since the Unix epoch, as far as it says so.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}

impl ShownIdentity {
    /// Shows this one first, and tells in `expiry` when the one that is shown ends.
    pub fn new(identity: TlsIdentity, expiry: Arc<AtomicI64>) -> Self {
        let shown = Self { now: ArcSwap::from_pointee(identity.clone()), expiry };
        shown.show(identity);
        shown
    }

    /// Shows another one from the next connection on.
    pub fn show(&self, identity: TlsIdentity) {
        self.expiry.store(identity.expires_at.unwrap_or_default(), Ordering::Relaxed);
        self.now.store(Arc::new(identity));
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
