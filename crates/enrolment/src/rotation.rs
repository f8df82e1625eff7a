//! Which authorities there are, and how one takes the place of another without an outage.
//!
//! 1. A new authority is made and [announced](AuthoritySet::announce): it is trusted by control processes, and is in
//!    the trust bundles that edges get. The old one still issues. Go on when all control processes have read it and
//!    the connected edges have the bundle; nothing breaks if one does not.
//! 2. The new one [issues](AuthoritySet::switch); the old one leaves. Edges get certificates of the new one with
//!    their next renewal, within a day. Whoever comes back and knows the old one only says so in its first message,
//!    and is shown a certificate by the old one: so it learns of the new one.
//! 3. The old one is [gone](AuthoritySet::retire). Edges that were away since before the first step have to be
//!    joined again: not before the grace for renewals ([`GRACE`](crate::GRACE)) is over, unless its key is known to others.
//!
//! Each step is one change of what is stored; control processes follow it when they read it.

use crate::authority::CertificateAuthority;
use crate::certificate::AuthorityCertificate;
use crate::trust_bundle::MAX_AUTHORITIES;
use rustls::{DistinguishedName, RootCertStore};
use std::sync::Arc;

/// Where an authority is in its life, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthorityState {
    /// Trusted, and issues nothing yet.
    Announced,
    /// Issues.
    Issuing,
    /// Trusted, and issues to nobody but control processes, for edges that know no other.
    Leaving,
}

/// The authorities of an installation at one moment.
#[derive(Debug, Clone)]
pub struct AuthoritySet {
    announced: Option<Arc<CertificateAuthority>>,
    issuing: Arc<CertificateAuthority>,
    /// The one that left last comes first.
    leaving: Vec<Arc<CertificateAuthority>>,
}

/// A step that cannot be taken now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// One is announced already.
    #[error("another authority is announced already: let it issue first, or take it back")]
    Announced,
    /// None is announced.
    #[error("no authority is announced that could issue: announce one first")]
    NotAnnounced,
    /// No such authority leaves.
    #[error("no authority leaves that has this key")]
    NotLeaving,
    /// It would be too many.
    #[error("{0} authorities are trusted: {MAX_AUTHORITIES} are the most; retire one first")]
    TooMany(usize),
    /// What is stored has not exactly one that issues, and at most one that is announced.
    #[error(
        "{issuing} authorities issue and {announced} are announced: it must be one, and at most one"
    )]
    Stored {
        /// So many issue.
        issuing: usize,
        /// So many are announced.
        announced: usize,
    },
}

/// Those whose certificates are believed; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedAuthorities(Vec<AuthorityCertificate>);

impl AuthoritySet {
    /// One authority, which issues.
    pub fn new(issuing: CertificateAuthority) -> Self {
        Self { announced: None, issuing: Arc::new(issuing), leaving: Vec::new() }
    }

    /// What is stored; of those that leave the last one comes first.
    ///
    /// # Errors
    /// [`RotationError`] when it is not one that issues, and at most one that is announced.
    pub fn of(
        stored: impl IntoIterator<Item = (AuthorityState, CertificateAuthority)>,
    ) -> Result<Self, RotationError> {
        let (mut announced, mut issuing, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
        for (state, authority) in stored {
            let place = match state {
                AuthorityState::Announced => &mut announced,
                AuthorityState::Issuing => &mut issuing,
                AuthorityState::Leaving => &mut leaving,
            };
            place.push(Arc::new(authority));
        }
        let counts = RotationError::Stored { issuing: issuing.len(), announced: announced.len() };
        match (issuing.pop(), announced.pop()) {
            (Some(one), next) if issuing.is_empty() && announced.is_empty() => {
                Self { announced: next, issuing: one, leaving }.counted()
            }
            _ => Err(counts),
        }
    }

    /// The first step: another one is trusted.
    ///
    /// # Errors
    /// [`RotationError`] when one is announced already, or they are too many.
    pub fn announce(&self, next: CertificateAuthority) -> Result<Self, RotationError> {
        match self.announced {
            Some(_) => Err(RotationError::Announced),
            None => Self { announced: Some(Arc::new(next)), ..self.clone() }.counted(),
        }
    }

    /// The second step: the one that was announced issues, and the one that did leaves.
    ///
    /// # Errors
    /// [`RotationError::NotAnnounced`].
    pub fn switch(&self) -> Result<Self, RotationError> {
        let issuing = self.announced.clone().ok_or(RotationError::NotAnnounced)?;
        let leaving = [self.issuing.clone()].into_iter().chain(self.leaving.iter().cloned());
        Ok(Self { announced: None, issuing, leaving: leaving.collect() })
    }

    /// The third step: the one of this key is trusted no more.
    ///
    /// # Errors
    /// [`RotationError::NotLeaving`].
    pub fn retire(&self, key: crate::KeyDigest) -> Result<Self, RotationError> {
        let mut rest = self.clone();
        rest.leaving.retain(|authority| authority.certificate().key() != key);
        match rest.leaving.len() == self.leaving.len() {
            true => Err(RotationError::NotLeaving),
            false => Ok(rest),
        }
    }

    /// The one that issues, which join tokens pin.
    pub fn issuing(&self) -> &CertificateAuthority {
        &self.issuing
    }

    /// All of them as they are to be stored.
    pub fn states(&self) -> impl Iterator<Item = (AuthorityState, &CertificateAuthority)> {
        std::iter::once((AuthorityState::Issuing, &*self.issuing))
            .chain(self.announced.iter().map(|one| (AuthorityState::Announced, &**one)))
            .chain(self.leaving.iter().map(|one| (AuthorityState::Leaving, &**one)))
    }

    /// What a trust bundle says of authorities; the one that issues comes first.
    pub fn certificates(&self) -> Vec<AuthorityCertificate> {
        self.states().map(|(_, authority)| authority.certificate().clone()).collect()
    }

    pub(crate) fn trusted(&self) -> TrustedAuthorities {
        TrustedAuthorities(self.certificates())
    }

    /// Those that somebody may know: the one that issues first, then those that leave.
    pub(crate) fn known(&self) -> impl Iterator<Item = &CertificateAuthority> {
        self.states()
            .filter(|(state, _)| *state != AuthorityState::Announced)
            .map(|(_, authority)| authority)
    }

    fn counted(self) -> Result<Self, RotationError> {
        match self.states().count() {
            count if count > MAX_AUTHORITIES => Err(RotationError::TooMany(count)),
            _ => Ok(self),
        }
    }
}

impl TrustedAuthorities {
    pub(crate) fn new(certificates: Vec<AuthorityCertificate>) -> Self {
        Self(certificates)
    }

    pub(crate) fn roots(&self) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        self.0.iter().try_for_each(|one| roots.add(one.der.clone()))?;
        Ok(roots)
    }

    pub(crate) fn subjects(&self) -> Vec<DistinguishedName> {
        self.0.iter().map(AuthorityCertificate::subject).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn authority() -> CertificateAuthority {
        CertificateAuthority::generate(&Clock::of(|| 0)).unwrap()
    }

    fn keys(set: &AuthoritySet) -> Vec<(AuthorityState, crate::KeyDigest)> {
        set.states().map(|(state, authority)| (state, authority.certificate().key())).collect()
    }

    #[test]
    fn a_rotation_takes_three_steps_and_each_can_be_stored() {
        use AuthorityState::{Announced, Issuing, Leaving};
        let (old, new) = (authority(), authority());
        let [old_key, new_key] = [&old, &new].map(|one| one.certificate().key());
        let set = AuthoritySet::new(old);
        assert_eq!(set.switch().unwrap_err(), RotationError::NotAnnounced);
        let announced = set.announce(new).unwrap();
        assert_eq!(keys(&announced), [(Issuing, old_key), (Announced, new_key)]);
        assert_eq!(announced.announce(authority()).unwrap_err(), RotationError::Announced);
        let switched = announced.switch().unwrap();
        assert_eq!(keys(&switched), [(Issuing, new_key), (Leaving, old_key)]);
        let stored = switched.states().map(|(state, authority)| {
            (state, CertificateAuthority::from_pem(&authority.to_pem()).unwrap())
        });
        let read = AuthoritySet::of(stored).unwrap();
        assert_eq!(keys(&read), keys(&switched));
        assert_eq!(read.retire(new_key).unwrap_err(), RotationError::NotLeaving);
        assert_eq!(keys(&read.retire(old_key).unwrap()), [(Issuing, new_key)]);
    }

    #[test]
    fn there_is_always_one_that_issues_and_never_more_than_fit_into_a_bundle() {
        let none = AuthoritySet::of([(AuthorityState::Announced, authority())]).unwrap_err();
        assert_eq!(none, RotationError::Stored { issuing: 0, announced: 1 });
        let mut set = AuthoritySet::new(authority());
        for _ in 1..MAX_AUTHORITIES {
            set = set.announce(authority()).unwrap().switch().unwrap();
        }
        let refused = set.announce(authority()).unwrap_err();
        assert_eq!(refused, RotationError::TooMany(MAX_AUTHORITIES + 1));
    }
}
