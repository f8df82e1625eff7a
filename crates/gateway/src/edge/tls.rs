//! The gateway's own certificate, from PEM text to a TLS acceptor.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What the gateway shows to clients over TLS.
#[derive(Clone)]
pub struct TlsIdentity(Arc<ServerConfig>);

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
        Ok(Self(Arc::new(config)))
    }

    /// The same identity for a server that speaks HTTP/1.1 only.
    pub fn for_http1(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.0);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The acceptor for sockets.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.clone())
    }
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsIdentity(…)")
    }
}
