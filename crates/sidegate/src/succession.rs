//! The right to a data folder, and how it passes from one server to the next: the order of the steps,
//! on both sides.

use crate::config::resolved::Config;
use crate::data_dir::DataDir;
use crate::error::Failure;
use crate::inherited::Sockets;
use crate::server::Server;
use crate::takeover::{HandedOver, Predecessor, Successor};
use sidegate_gateway::Gateway;
use sidegate_model::status::{PluginState, PluginStatus};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::time::timeout;

/// How long plugins may take to serve beside those of the old server.
const PLUGINS_DEADLINE: Duration = Duration::from_secs(30);
/// One that failed so often is not waited for any longer.
const ENOUGH_STARTS: u32 = 3;
/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(20);

/// The right to a data folder, and from whom it came.
pub(crate) struct Claim {
    /// The right.
    pub(crate) folder: DataDir,
    /// The server that serves there now, if there is one.
    pub(crate) predecessor: Option<Predecessor>,
}

impl Claim {
    /// Takes the folder, from another server if that is wished; its sockets come before others.
    ///
    /// # Errors
    /// When another server has the folder and keeps it.
    pub(crate) async fn of(
        config: &Config,
        takeover: bool,
        sockets: &mut Sockets,
    ) -> Result<Self, Failure> {
        let folder = config.data_dir.as_path();
        if !takeover {
            return Ok(Self { folder: DataDir::take(folder)?, predecessor: None });
        }
        let taken = DataDir::take_if_free(folder)?;
        let holder = match taken {
            Ok(folder) => return Ok(Self { folder, predecessor: None }),
            Err(holder) => holder,
        };
        let (predecessor, handed_over) = Predecessor::ask(folder).await?;
        tracing::info!(from = holder, "taking over");
        let HandedOver { lock, admin, clients } = handed_over;
        tell_unheeded(config, &clients, &admin);
        *sockets = Sockets { clients, admin: Some(admin) };
        Ok(Self { folder: lock, predecessor: Some(predecessor) })
    }
}

/// Says which settings do not count because the sockets of the server before are served on.
fn tell_unheeded(config: &Config, clients: &[TcpListener], admin: &TcpListener) {
    let addr = |socket: &TcpListener| socket.local_addr().ok();
    let (Some(clients), Some(admin)) = (clients.first().and_then(addr), addr(admin)) else {
        return;
    };
    let unheeded = unheeded(config, clients, admin);
    if !unheeded.is_empty() {
        let settings = unheeded.join(", ");
        tracing::warn!(
            settings,
            %clients,
            %admin,
            "a takeover goes on where the server before listens, and these settings do not count: \
             to listen elsewhere, stop it and start without --takeover"
        );
    }
}

/// The chosen settings that say something else than the sockets there are.
fn unheeded(config: &Config, clients: SocketAddr, admin: SocketAddr) -> Vec<&'static str> {
    let is_port =
        |wanted: SocketAddr, found: SocketAddr| [0, found.port()].contains(&wanted.port());
    let heeded = [
        ("PORT", is_port(config.gateway_addr, clients)),
        ("HOST", config.gateway_addr.ip() == clients.ip()),
        ("ADMIN_PORT", is_port(config.admin_addr, admin)),
        ("ADMIN_HOST", config.admin_addr.ip() == admin.ip()),
    ];
    let unheeded = heeded.into_iter().filter(|(_, is_heeded)| !is_heeded);
    unheeded.map(|(name, _)| name).filter(|name| config.chosen_addrs.contains(name)).collect()
}

/// The new server's side: once the plugins serve, the old one's admin API ends, what was last
/// changed is read, and all is served here.
///
/// # Errors
/// When that cannot be; then the old one goes on.
pub(crate) async fn succeed(
    server: &mut impl Server,
    mut predecessor: Predecessor,
    folder: &DataDir,
) -> Result<(), Failure> {
    if let Some(gateway) = server.gateway() {
        plugins_serve(gateway).await?;
    }
    predecessor.stop_admin().await?;
    server.catch_up().await?;
    server.serve()?;
    if let Err(error) = folder.sign() {
        tracing::warn!(%error, "the data folder does not say whose it is now");
    }
    predecessor.serving().await;
    Ok(())
}

/// Waits until all plugins serve that can.
async fn plugins_serve(gateway: &Gateway) -> Result<(), Failure> {
    let is_settled = |plugin: &PluginStatus| {
        let lasts =
            matches!(plugin.state, PluginState::Ready | PluginState::Parked | PluginState::Stopped);
        lasts || plugin.restarts >= ENOUGH_STARTS
    };
    let all_settled = async {
        loop {
            let known = gateway.host().settled_statuses();
            if known.is_some_and(|plugins| plugins.iter().all(is_settled)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    // One that cannot start must not keep the others from their new server.
    let _ = timeout(PLUGINS_DEADLINE, all_settled).await;
    for plugin in gateway.plugins().iter().filter(|p| p.state != PluginState::Ready) {
        let (name, reason) = (&plugin.name, plugin.reason.as_deref().unwrap_or("it is not ready"));
        if plugin.required {
            return Err(Failure::failed(format!(
                "{name} is required and does not serve: {reason}"
            ))
            .hint("the gateway before goes on; see `sidegate plugin logs`"));
        }
        tracing::warn!(plugin = name, reason, "taking over without this plugin");
    }
    Ok(())
}

/// The old server's side: comes back once the new one serves.
///
/// # Errors
/// When the new one went away before; then all is as it was.
pub(crate) async fn hand_over(
    server: &mut impl Server,
    mut successor: Successor,
    folder: &DataDir,
) -> io::Result<()> {
    if let Some(gateway) = server.gateway() {
        // It is read there, and what was seen last would be missing.
        gateway.host().save_records().await;
    }
    let clients = server.gateway().map(|gateway| gateway.listeners().sockets());
    successor.give(folder.lock(), server.admin_socket(), clients.unwrap_or_default()).await?;
    tracing::info!("another process is about to take over");
    successor.is_started().await?;
    server.step_back().await;
    let served = successor.admin_has_stopped().await;
    if served.is_err() {
        server.step_up().await?;
        folder.sign()?;
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Layers;
    use crate::config::layers::tests::{environment, flags};

    #[test]
    fn a_chosen_address_that_a_takeover_does_not_heed_is_told_and_a_default_is_not() {
        let [clients, admin] = ["0.0.0.0:9000", "127.0.0.1:9001"].map(|addr| addr.parse().unwrap());
        let unheeded = |pairs: &[(&'static str, &str)]| {
            let layers = Layers::collect(&environment(&[]), &flags(pairs)).0;
            unheeded(&Config::resolve(&layers).unwrap(), clients, admin)
        };
        assert_eq!(unheeded(&[]), [""; 0]);
        assert_eq!(unheeded(&[("PORT", "0"), ("ADMIN_PORT", "9001")]), [""; 0]);
        assert_eq!(unheeded(&[("PORT", "9002"), ("HOST", "0.0.0.0")]), ["PORT"]);
        let other = [("HOST", "127.0.0.1"), ("ADMIN_HOST", "::1"), ("ADMIN_PORT", "1")];
        assert_eq!(unheeded(&other), ["HOST", "ADMIN_PORT", "ADMIN_HOST"]);
    }
}
