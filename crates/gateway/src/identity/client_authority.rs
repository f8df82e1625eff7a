//! Who vouches for certificates of clients: the authorities of one file, which another file's can replace at any time.

use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, crypto};
use sidegate_model::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

/// The authorities of one moment.
pub(crate) struct ClientAuthority {
    verifier: Arc<dyn ClientCertVerifier>,
    count: usize,
}

impl ClientAuthority {
    /// Reads them, all that are in the text.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        for certificate in read {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let (count, provider) = (roots.len(), Arc::new(crypto::aws_lc_rs::default_provider()));
        // Whoever shows none goes on with a token, or without.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { verifier, count })
    }

    /// By which handshakes are decided.
    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.clone()
    }

    /// Whether they vouch for this chain, whose first is the client's.
    pub(crate) fn vouches_for(&self, chain: &[CertificateDer<'_>], now: UnixMillis) -> bool {
        let Some((own, above)) = chain.split_first() else { return false };
        let now = Duration::from_millis(u64::try_from(now).unwrap_or_default());
        let now = UnixTime::since_unix_epoch(now);
        self.verifier.verify_client_cert(own, above, now).is_ok()
    }
}

/// The authorities as they are now; none where certificates of clients are not asked for.
#[derive(Default)]
pub struct ClientAuthorities(ArcSwapOption<ClientAuthority>);

impl ClientAuthorities {
    /// From now on these.
    pub(crate) fn set(&self, authority: Option<Arc<ClientAuthority>>) {
        self.0.store(authority);
    }

    /// Those of now.
    pub(crate) fn now(&self) -> Option<Arc<ClientAuthority>> {
        self.0.load_full()
    }

    /// Whether these are the very same.
    pub(crate) fn are(&self, known: &Arc<ClientAuthority>) -> bool {
        self.0.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, known))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.load().as_ref().map_or(0, |authority| authority.count)
    }
}
