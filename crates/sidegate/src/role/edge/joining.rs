//! The time before an edge is anybody: its control plane is away, and it has nothing to serve by. Clients are told so,
//! and who watches it sees that it lives.

use super::identity::{self, Joining};
use crate::error::Failure;
use crate::plane;
use crate::signals::Signals;
use sidegate_enrolment::Clock;
use sidegate_enrolment::edge::{EdgeIdentity, keep_joining};
use sidegate_gateway::{Gateway, GatewaySettings, Listeners};
use sidegate_model::plugin_sealing::NoKeys;
use sidegate_plugins::Keepers;
use sidegate_store::EdgeStore;
use std::sync::Arc;
use tokio::sync::watch;

/// Tries until it has joined; `None` when it was asked to stop before.
///
/// # Errors
/// When it is refused, or cannot keep what it got.
pub(super) async fn join(
    joining: &Joining,
    (settings, listeners, kv): (&GatewaySettings, &Listeners, &EdgeStore),
    signals: &mut Signals,
) -> Result<Option<EdgeIdentity>, Failure> {
    let gateway = waiting(settings, listeners, kv).await?;
    let (stop, stopped) = watch::channel(false);
    let Joining { folder, control, token } = joining;
    let joined = tokio::select! {
        joined = keep_joining(folder, control, token, Clock::system(), stopped) => joined,
        signal = signals.stop() => {
            tracing::info!(signal, "stopping; this edge has not joined");
            Ok(None)
        }
    };
    drop(stop);
    // Those who come in meanwhile wait for the one that serves.
    gateway.handed_over();
    gateway.shutdown().await;
    joined.map_err(|error| identity::not_joined(&error))
}

/// A gateway that has nothing to serve.
async fn waiting(
    settings: &GatewaySettings,
    listeners: &Listeners,
    kv: &EdgeStore,
) -> Result<Gateway, Failure> {
    let mut settings = settings.clone();
    settings.host.records_dir = None;
    let listeners = listeners.try_clone().map_err(|error| {
        Failure::failed(format!("the sockets for clients cannot be shared: {error}"))
    })?;
    // Nothing is ever sent.
    let snapshots = watch::channel(Arc::default()).1;
    let keepers = Keepers::new(kv.clone(), NoKeys);
    let started = sidegate_gateway::start(settings, listeners, keepers, snapshots);
    let gateway = started.await.map_err(|error| plane::start_failure(&error))?;
    gateway.accept();
    Ok(gateway)
}
