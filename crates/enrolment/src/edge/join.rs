//! How an edge gets its identity: by a join token, once. The token's secret goes only to the control plane that the
//! token pins.

use super::client::{Asking, EnrolError, Question};
use super::control_planes::ControlPlanes;
use super::identity::{EdgeIdentity, IdentityError, Joining};
use super::server::Believed;
use crate::clock::Clock;
use crate::join_token::JoinToken;
use crate::message::JoinRequest;
use sidegate_sync::backoff::{Backoff, Jitter};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// Why an edge has not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The control plane.
    #[error("the edge has not joined: {0}")]
    Enrol(#[from] EnrolError),
    /// The disk, or what was issued.
    #[error("the edge has not joined: {0}")]
    Identity(#[from] IdentityError),
}

impl JoinError {
    /// Whether it makes sense to try again.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Enrol(error) if error.is_temporary())
    }
}

/// Joins, or gives the identity that is there already. It can be tried again after every failure, in the same folder:
/// the key stays the same until the edge has joined.
///
/// # Errors
/// [`JoinError`].
pub async fn join(
    folder: &Path,
    control: &ControlPlanes,
    token: &JoinToken,
    clock: Clock,
) -> Result<EdgeIdentity, JoinError> {
    if let Some(identity) = EdgeIdentity::load(folder, clock.clone())? {
        return Ok(identity);
    }
    let joining = Joining::begin(folder)?;
    let request = joining.key().request();
    let request = request.map_err(|error| IdentityError::Issued(error.to_string()))?;
    let question = Question::Join(JoinRequest {
        token_id: token.id().0.to_vec(),
        secret: token.secret().to_vec(),
        certificate_request: request.to_vec(),
    });
    let believed = Believed::Pinned(token.authority());
    let asking = Asking { control, more: &[], believed, identity: None, clock: &clock };
    let enrolled = asking.ask(question).await?;
    let identity = joining.end(enrolled.certificates, &enrolled.trust_bundle, clock)?;
    tracing::info!(edge = identity.peer().edge, "joined");
    Ok(identity)
}

/// Joins, and tries again as long as that makes sense; `None` when it is stopped before.
///
/// # Errors
/// [`JoinError`] that stays.
pub async fn keep_joining(
    folder: &Path,
    control: &ControlPlanes,
    token: &JoinToken,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<EdgeIdentity>, JoinError> {
    let mut pauses = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    let mut jitter = Jitter::new(super::renewal::seed());
    let joining = async {
        loop {
            match join(folder, control, token, clock.clone()).await {
                Err(error) if error.is_temporary() => {
                    let pause = pauses.failed(&mut jitter);
                    tracing::warn!(%error, ?pause, "the edge tries to join again");
                    sleep(pause).await;
                }
                joined => return joined.map(Some),
            }
        }
    };
    tokio::select! {
        joined = Box::pin(joining) => joined,
        // Whoever could stop it is gone: it is stopped.
        _ = stop.wait_for(|stop| *stop) => Ok(None),
    }
}
