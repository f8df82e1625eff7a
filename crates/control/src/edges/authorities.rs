//! The authorities of edges' certificates, as they are stored: one is made at the first start, and another one takes
//! its place without an outage, step by step.

use super::signers::PublishError;
use sidegate_enrolment::{AuthoritySet, AuthorityState, CertificateAuthority, Clock, GRACE};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_store::{Chore, FleetKey, KeyPurpose, KeyState, NewFleetKey, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a new authority is known before it issues: all processes and all connected edges hear of it in a few
/// seconds.
const ANNOUNCED_FOR_MS: UnixMillis = 60_000;
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The authorities. Copies are the same.
#[derive(Clone)]
pub(crate) struct Authorities {
    store: Store,
    current: watch::Sender<Arc<AuthoritySet>>,
}

/// What came of the wish for another authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    /// SHA-256 of its public key, in hexadecimal.
    pub(crate) key: String,
    /// From when on it issues.
    pub(crate) issues_from: UnixMillis,
}

impl Authorities {
    /// Those of the store; one is made where there is none.
    pub(crate) async fn of(store: Store) -> Result<Self, PublishError> {
        let new = made()?;
        let keys = store.fleet_keys_or(KeyPurpose::Authority, move || new).await?;
        let current = watch::Sender::new(Arc::new(set(&keys)?));
        Ok(Self { store, current })
    }

    /// As they were last read.
    pub(crate) fn current(&self) -> Arc<AuthoritySet> {
        self.current.borrow().clone()
    }

    /// From now on.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<AuthoritySet>> {
        self.current.subscribe()
    }

    /// Reads them anew. Where none is stored any more, the one that issues is stored again: the database was restored to
    /// before there was one, and this is the one that edges know.
    pub(crate) async fn refresh(&self) -> Result<(), PublishError> {
        let current = self.current();
        let make = || {
            tracing::warn!(
                "the database has no authority of edges' certificates (any more), as one that was restored to before the \
                 first start of the control plane: the one of this process is stored in it"
            );
            to_be_kept(current.issuing())
        };
        let stored = set(&self.store.fleet_keys_or(KeyPurpose::Authority, make).await?)?;
        self.current.send_if_modified(|known| {
            let states = |set: &AuthoritySet| {
                let state = |(state, one): (AuthorityState, &CertificateAuthority)| {
                    (state, one.certificate().key())
                };
                set.states().map(state).collect::<Vec<_>>()
            };
            let is_new = states(known) != states(&stored);
            if is_new {
                *known = Arc::new(stored);
            }
            is_new
        });
        Ok(())
    }

    /// Makes another authority, which issues after a while; the one that waits already, where there is one.
    pub(crate) async fn announce(&self, store: &Store) -> Result<Announced, PublishError> {
        let keys = store.fleet_keys(KeyPurpose::Authority).await?;
        let next = match keys.into_iter().find(|key| key.state == KeyState::Next) {
            Some(next) => next,
            None => {
                // Whether there is room for it.
                let _ = self.current().announce(generated()?).map_err(told)?;
                store.add_fleet_key(KeyPurpose::Authority, KeyState::Next, &made()?).await?
            }
        };
        self.refresh().await?;
        let key = authority(&next)?.certificate().key().to_string();
        Ok(Announced { key, issues_from: next.created_at.saturating_add(ANNOUNCED_FOR_MS) })
    }

    /// Lets the one that waits issue, and forgets those that nobody can know any more; one process at a time.
    pub(crate) async fn keep_rotated(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.rotate(now_millis()).await {
                tracing::warn!(%error, "the authority of edges' certificates is not rotated for now");
            }
        }
    }

    /// What is due by now.
    pub(crate) async fn rotate(&self, now: UnixMillis) -> Result<(), StoreError> {
        let Some(_alone) = self.store.alone(Chore::AuthorityRotation).await? else { return Ok(()) };
        for key in self.store.fleet_keys(KeyPurpose::Authority).await? {
            let is_known = key.created_at.saturating_add(ANNOUNCED_FOR_MS) <= now;
            let gone = UnixMillis::try_from(GRACE.as_millis()).unwrap_or(UnixMillis::MAX);
            let is_gone = key.retired_at.is_some_and(|at| at.saturating_add(gone) <= now);
            match key.state {
                KeyState::Next if is_known => {
                    self.store.promote_fleet_key(key.id).await?;
                    tracing::info!("another authority issues edges' certificates from now on");
                }
                KeyState::Previous if is_gone => self.store.remove_fleet_key(key.id).await?,
                KeyState::Next | KeyState::Current | KeyState::Previous => {}
            }
        }
        Ok(())
    }
}

fn generated() -> Result<CertificateAuthority, PublishError> {
    CertificateAuthority::generate(&Clock::system()).map_err(told)
}

fn made() -> Result<NewFleetKey, PublishError> {
    generated().map(|made| to_be_kept(&made))
}

fn to_be_kept(authority: &CertificateAuthority) -> NewFleetKey {
    let public = authority.certificate().der().to_vec();
    NewFleetKey { public, secret: authority.to_pem().into_bytes() }
}

fn authority(key: &FleetKey) -> Result<CertificateAuthority, PublishError> {
    let pem = std::str::from_utf8(&key.secret).map_err(told)?;
    CertificateAuthority::from_pem(pem).map_err(told)
}

fn set(keys: &[FleetKey]) -> Result<AuthoritySet, PublishError> {
    let mut stored = Vec::new();
    for key in keys {
        let state = match key.state {
            KeyState::Next => AuthorityState::Announced,
            KeyState::Current => AuthorityState::Issuing,
            KeyState::Previous => AuthorityState::Leaving,
        };
        stored.push((state, authority(key)?));
    }
    // The one that left last comes first.
    stored.reverse();
    AuthoritySet::of(stored).map_err(told)
}

fn told(error: impl std::fmt::Display) -> PublishError {
    PublishError::Authority(error.to_string())
}
