//! How an edge's certificate is renewed: after two thirds of its life, with a new key, again and again until it is.

use super::client::{Asking, EnrolError, Question};
use super::control_planes::ControlPlanes;
use super::identity::{EdgeIdentity, IdentityError};
use super::server::Believed;
use crate::certificate::EdgeCertificate;
use crate::message::RenewRequest;
use crate::request::EdgeKey;
use sidegate_model::UnixMillis;
use sidegate_sync::backoff::{Backoff, Jitter};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The clock is looked at so often: it may be set, and the machine may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The control plane.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The disk, or what was issued.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Renews an edge's certificate whenever it is time, until `stop` becomes true. Whatever goes wrong is told to the
/// log and tried again.
pub async fn keep_renewed(
    identity: EdgeIdentity,
    control: ControlPlanes,
    mut stop: watch::Receiver<bool>,
) {
    let renewing = async {
        let mut jitter = Jitter::new(seed());
        let mut pauses = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        loop {
            let due_at = due_at(&identity.certificate(), &mut jitter);
            while let Some(wait) = left(identity.clock().now(), due_at) {
                sleep(wait.min(LOOK_EVERY)).await;
            }
            match renew(&identity, &control).await {
                Ok(()) => {
                    pauses.succeeded();
                    let expires_at = identity.certificate().expires_at;
                    tracing::info!(expires_at, "the edge's certificate was renewed");
                }
                Err(error) => {
                    let pause = pauses.failed(&mut jitter);
                    let expires_at = identity.certificate().expires_at;
                    tracing::warn!(%error, ?pause, expires_at, "the edge's certificate is not renewed yet");
                    sleep(pause).await;
                }
            }
        }
    };
    tokio::select! {
        () = Box::pin(renewing) => {}
        // Whoever could stop it is gone: it is stopped.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Renews an edge's certificate now, with a new key.
///
/// # Errors
/// [`RenewError`]; the one of before is still there and counts.
pub async fn renew(identity: &EdgeIdentity, control: &ControlPlanes) -> Result<(), RenewError> {
    let key = EdgeKey::generate().map_err(|error| IdentityError::Issued(error.to_string()))?;
    let request = key.request().map_err(|error| IdentityError::Issued(error.to_string()))?;
    let question = Question::Renew(RenewRequest { certificate_request: request.to_vec() });
    let more = identity.trust().borrow().control_urls.clone();
    let asking = Asking {
        control,
        more: &more,
        believed: Believed::Trusted(identity.trusted()),
        identity: Some(identity.certified()),
        clock: identity.clock(),
    };
    let enrolled = asking.ask(question).await?;
    let identity = identity.clone();
    let stored = tokio::task::spawn_blocking(move || {
        identity.renewed(key, enrolled.certificates, &enrolled.trust_bundle)
    });
    let failed = |error: tokio::task::JoinError| IdentityError::Issued(error.to_string());
    Ok(stored.await.map_err(failed)??)
}

/// Two thirds of a certificate's life after it was issued, or up to a twentieth later, so that not all come at once.
fn due_at(certificate: &EdgeCertificate, jitter: &mut Jitter) -> UnixMillis {
    let life = certificate.expires_at.saturating_sub(certificate.issued_at).max(0);
    let later = jitter.number() % u64::try_from(life / 20).unwrap_or_default().max(1);
    let later = UnixMillis::try_from(later).unwrap_or_default();
    certificate.issued_at.saturating_add(life / 3 * 2).saturating_add(later)
}

/// How long it is until a moment, if it is not there yet.
fn left(now: UnixMillis, at: UnixMillis) -> Option<Duration> {
    let left = u64::try_from(at.saturating_sub(now)).ok().filter(|left| *left > 0)?;
    Some(Duration::from_millis(left))
}

/// Another one for each process.
pub(super) fn seed() -> u64 {
    let mut seed = [0; 8];
    // Without randomness they are all the same, which does no harm but that they come together.
    let _ = getrandom::fill(&mut seed);
    u64::from_le_bytes(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{CLIENT_LIFE, CertificateAuthority, millis};
    use crate::clock::Clock;
    use crate::request::CertificateRequest;
    use sidegate_sync::Namespace;
    use sidegate_sync::server::PeerIdentity;

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_by_all_at_once() {
        let clock = Clock::of(|| 1_790_000_000_000);
        let request = EdgeKey::generate().unwrap().request().unwrap();
        let request = CertificateRequest::read(&request).unwrap();
        let peer = PeerIdentity { edge: "one".to_owned(), namespace: Namespace::global() };
        let authority = CertificateAuthority::generate(&clock).unwrap();
        let certificate = authority.issue_client(&request, &peer, &clock).unwrap().certificate;
        let mut jitter = Jitter::new(7);
        let life = millis(CLIENT_LIFE);
        let times: Vec<_> = (0..1000).map(|_| due_at(&certificate, &mut jitter)).collect();
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*first >= clock.now() + life / 3 * 2);
        assert!(*last < clock.now() + life / 4 * 3 && last - first > life / 25);
    }

    #[test]
    fn a_moment_that_has_passed_is_not_waited_for() {
        assert_eq!(left(5, 5), None);
        assert_eq!(left(6, 5), None);
        assert_eq!(left(5, 7), Some(Duration::from_millis(2)));
    }
}
