//! The data plane as the control plane sees it, and its settings as the gateway wants them.
//!
//! It translates; it decides nothing.

use crate::config::resolved::{Config, TlsPaths};
use crate::error::Failure;
use rustix::process::geteuid;
use sidegate_control::DataPlane;
use sidegate_gateway::edge::context::EdgeLimits;
use sidegate_gateway::edge::tls::TlsIdentity;
use sidegate_gateway::host::{HostHandle, HostLimits, HostSettings};
use sidegate_gateway::run::{self, GatewayError, GatewaySettings};
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginStatus;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The running data plane.
pub(crate) struct Gateway {
    addr: SocketAddr,
    host: Arc<HostHandle>,
    running: Mutex<Option<run::Gateway>>,
}

/// Starts the data plane on the current runtime.
///
/// # Errors
/// What keeps it from starting, and which setting changes that.
pub(crate) fn start(
    config: &Config,
    desired: watch::Receiver<Arc<Snapshot>>,
) -> Result<Gateway, Failure> {
    let running = run::start(settings(config)?, desired).map_err(explained)?;
    Ok(Gateway {
        addr: running.local_addr(),
        host: running.host(),
        running: Mutex::new(Some(running)),
    })
}

fn explained(error: GatewayError) -> Failure {
    let hint = match &error {
        GatewayError::Listen { .. } => {
            "stop what listens there, or set PORT (or HOST) to another"
        }
        GatewayError::Shard(_) => "set GATEWAY_SHARDS to a smaller number",
        GatewayError::Host(_) => "set TMPDIR to a folder that only this user can change",
    };
    Failure::failed(error.to_string()).hint(hint)
}

fn settings(config: &Config) -> Result<GatewaySettings, Failure> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let shards = if config.shards == 0 { cores() } else { config.shards };
    Ok(GatewaySettings {
        addr: config.gateway_addr,
        shards,
        tls: config.tls.as_ref().map(tls).transpose()?,
        limits: limits(config),
        trusted_proxies: config.trusted_proxies.clone(),
        edge_id: config.edge_id.clone(),
        edge_namespace: config.edge_namespace.clone(),
        host: HostSettings {
            runtime_dir: std::env::temp_dir().join(format!("sidegate-{}", geteuid().as_raw())),
            environment: std::env::vars_os().collect(),
            shards,
            edge_id: config.edge_id.clone(),
            edge_namespace: config.edge_namespace.clone(),
            max_body_bytes: config.limits.max_body_bytes,
            limits: HostLimits { drain: config.limits.stream_timeout, ..HostLimits::default() },
        },
    })
}

fn limits(config: &Config) -> EdgeLimits {
    let limits = &config.limits;
    EdgeLimits {
        max_body_bytes: limits.max_body_bytes,
        unary_timeout: limits.unary_timeout,
        stream_timeout: limits.stream_timeout,
        stream_idle_timeout: limits.stream_idle_timeout,
        header_read_timeout: limits.header_read_timeout,
        body_idle_timeout: limits.body_idle_timeout,
        keep_alive_idle: limits.keep_alive_idle,
        max_header_bytes: limits.max_header_bytes,
        max_headers: limits.max_headers,
        max_connections: limits.max_connections,
        drain_timeout: limits.drain_timeout,
        ..EdgeLimits::default()
    }
}

fn tls(paths: &TlsPaths) -> Result<TlsIdentity, Failure> {
    let read = |path: &Path, setting: &str| {
        std::fs::read(path).map_err(|e| {
            Failure::failed(format!("cannot read {}: {e}", path.display()))
                .hint(format!("check {setting}"))
        })
    };
    let certificate = read(&paths.certificate, "TLS_CERT_PATH")?;
    let key = read(&paths.key, "TLS_KEY_PATH")?;
    TlsIdentity::from_pem(&certificate, &key)
        .map_err(|e| Failure::failed(e.to_string()).hint("check TLS_CERT_PATH and TLS_KEY_PATH"))
}

impl Gateway {
    /// Where clients connect.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it, once; open requests finish first.
    pub(crate) async fn shutdown(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.shutdown().await;
        }
    }
}

impl DataPlane for Gateway {
    fn plugins(&self) -> Vec<PluginStatus> {
        self.host.statuses()
    }

    fn applied(&self, revision: Revision) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut applied = self.host.applied();
        Box::pin(async move {
            // A host that is gone applies nothing more; the caller has a deadline of its own.
            if applied.wait_for(|now| *now >= revision).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
