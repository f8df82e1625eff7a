//! What is shown at each door and who may pass, made of the authorities as they are; made anew when those change or
//! the certificates grow old.

use super::verifier::{Door, EdgeRegistry, EdgeVerifier, Refusals};
use crate::authority::ServerCertificate;
use crate::clock::Clock;
use crate::names::ALPN;
use crate::provider::{VERSIONS, provider};
use crate::rotation::AuthoritySet;
use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DistinguishedName, ServerConfig};
use sidegate_model::UnixMillis;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Both doors, as the authorities are now.
pub(super) struct Doors {
    authorities: watch::Receiver<Arc<AuthoritySet>>,
    registry: Arc<dyn EdgeRegistry>,
    refusals: Arc<Refusals>,
    clock: Clock,
    shown: ArcSwapOption<Shown>,
    /// Held by the one that makes them anew.
    making: Mutex<()>,
}

/// Both doors at one moment.
pub(super) struct Shown {
    /// For edges with a certificate that stands.
    pub(super) sync: Arc<ServerConfig>,
    /// For those that want one.
    pub(super) enrol: Arc<ServerConfig>,
    of: Arc<AuthoritySet>,
    made_at: UnixMillis,
    renew_at: UnixMillis,
}

impl Doors {
    pub(super) fn new(
        authorities: watch::Receiver<Arc<AuthoritySet>>,
        registry: Arc<dyn EdgeRegistry>,
        clock: Clock,
    ) -> Self {
        Self {
            authorities,
            registry,
            refusals: <_>::default(),
            clock,
            shown: <_>::default(),
            making: <_>::default(),
        }
    }

    /// What holds now.
    pub(super) fn now(&self) -> io::Result<Arc<Shown>> {
        if let Some(shown) = self.fresh() {
            return Ok(shown);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been faster.
        if let Some(shown) = self.fresh() {
            return Ok(shown);
        }
        let shown = Arc::new(self.make()?);
        self.shown.store(Some(shown.clone()));
        Ok(shown)
    }

    /// What was shown last, if it still fits.
    fn fresh(&self) -> Option<Arc<Shown>> {
        let now = self.clock.now();
        let shown = self.shown.load_full()?;
        // A clock that was set back has made certificates that are not valid yet.
        let is_young = (shown.made_at..shown.renew_at).contains(&now);
        (is_young && Arc::ptr_eq(&shown.of, &self.authorities.borrow())).then_some(shown)
    }

    fn make(&self) -> io::Result<Shown> {
        let of = self.authorities.borrow().clone();
        let mut by_authority = Vec::new();
        let mut renew_at = UnixMillis::MAX;
        for authority in of.known() {
            let certificate = authority.issue_server(&self.clock).map_err(io::Error::other)?;
            let ServerCertificate { key, renew_at: renew_this_at } = certificate;
            renew_at = renew_at.min(renew_this_at);
            by_authority.push((authority.certificate().subject(), key));
        }
        let resolver = Arc::new(Certificates(by_authority));
        let config = |door| self.config(door, &of, resolver.clone()).map_err(io::Error::other);
        let (sync, enrol) = (config(Door::Sync)?, config(Door::Enrol)?);
        Ok(Shown { sync, enrol, of, made_at: self.clock.now(), renew_at })
    }

    fn config(
        &self,
        door: Door,
        of: &AuthoritySet,
        certificates: Arc<Certificates>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let verifier =
            EdgeVerifier::new(door, &of.trusted(), (self.registry.clone(), self.refusals.clone()))?;
        let mut config =
            ServerConfig::builder_with_details(provider(), Arc::new(self.clock.clone()))
                .with_protocol_versions(VERSIONS)?
                .with_client_cert_verifier(Arc::new(verifier))
                .with_cert_resolver(certificates);
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A connection that goes on where another one ended would not be asked for its certificate again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// A certificate by each authority that clients may know, that of the one that issues first.
struct Certificates(Vec<(DistinguishedName, Arc<CertifiedKey>)>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let known = client.certificate_authorities().unwrap_or_default();
        let is_known = |subject: &DistinguishedName| {
            known.iter().any(|known| known.as_ref() == subject.as_ref())
        };
        let fitting = self.0.iter().find(|(subject, _)| is_known(subject));
        fitting.or(self.0.first()).map(|(_, key)| key.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates(…)")
    }
}
