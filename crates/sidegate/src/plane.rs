//! The data plane in this process: its settings as the gateway wants them, and how the control
//! plane sees it.
//!
//! It translates; it decides nothing.

use crate::config::others::RUNTIME_FOLDER;
use crate::config::raw::variables;
use crate::config::resolved::{Config, TlsPaths};
use crate::error::Failure;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rustix::process::geteuid;
use serde_json::{Value, json};
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_control::{Coverage, Fleet, NodeProbes, Quorum, Unreached, told_record};
use sidegate_gateway::log::Logs;
use sidegate_gateway::{
    GatewayError, GatewaySettings, Listeners, METRICS_TYPE, Probes, ShownIdentity, TlsIdentity,
    TlsIdentityError,
};
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::snapshot::Revision;
use sidegate_plugins::host::{HostHandle, HostLimits, HostSettings};
use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the gateway is told.
///
/// # Errors
/// When a file of the TLS identity cannot be used.
pub(crate) fn settings(
    config: &Config,
    environment: Vec<(OsString, OsString)>,
    logs: Logs,
) -> Result<GatewaySettings, Failure> {
    let host = HostSettings {
        runtime_dirs: runtime_dirs(&config.data_dir, &environment),
        records_dir: Some(config.data_dir.join("records")),
        predecessor: None,
        launcher: launcher(),
        open_files: None,
        permitted: config.permitted.clone(),
        environment,
        // A stream that is allowed to last may also outlast its instance's replacement.
        limits: HostLimits { drain: config.limits.stream_timeout, ..HostLimits::default() },
    };
    Ok(GatewaySettings {
        addr: config.gateway_addr,
        shards: config.threads(),
        tls: config.tls.as_ref().map(|paths| tls_identity(paths, "TLS")).transpose()?,
        public_probes: config.public_probes,
        public_endpoints: config.public_endpoints,
        limits: config.limits.clone(),
        proxies: config.proxies.clone(),
        edge_id: config.edge_id.clone(),
        edge_namespace: config.edge_namespace.clone(),
        host,
        logs,
        freshness: Arc::default(),
    })
}

/// Where sockets of plugins may be, best first: where systemd says, beside all else that is ours, or
/// where temporary files are, which some cleaner may remove.
fn runtime_dirs(data_dir: &Path, environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let set = |name: &String| {
        let is_it = |(known, value): &&(OsString, OsString)| *known == **name && !value.is_empty();
        environment.iter().find(is_it)
    };
    let of_service = variables(RUNTIME_FOLDER).iter().find_map(set);
    // There may be several, with colons between.
    let of_service = of_service.and_then(|(_, paths)| std::env::split_paths(paths).next());
    let of_service = of_service.filter(|path| path.is_absolute());
    let ours = std::path::absolute(data_dir).ok().map(|path| path.join("run"));
    let temporary = std::env::temp_dir().join(format!("sidegate-{}", geteuid().as_raw()));
    of_service.into_iter().chain(ours).chain([temporary]).collect()
}

/// This binary, as it is now, even when its file is replaced later.
fn launcher() -> Option<PathBuf> {
    let ourselves = PathBuf::from("/proc/self/exe");
    let found = ourselves.exists();
    if !found {
        tracing::warn!("/proc is not mounted: plugins run without guards");
    }
    found.then_some(ourselves)
}

/// Tells which setting is behind an error of the gateway's start.
pub(crate) fn start_failure(error: &GatewayError) -> Failure {
    let failure = Failure::failed(format!("the gateway cannot start: {error}"));
    match error {
        GatewayError::Listen { .. } => {
            failure.hint("stop what listens there, or set PORT (or HOST) to another")
        }
        GatewayError::Host(_) => failure.hint(
            "set DATA_DIR or TMPDIR to a folder with a short path that only this user can change",
        ),
        GatewayError::Shard(_) => failure.hint("set GATEWAY_SHARDS to a smaller number"),
    }
}

/// The socket of the admin API: the one that listens already, or a new one.
///
/// # Errors
/// When nobody can listen there.
pub(crate) fn admin_socket(
    config: &Config,
    inherited: Option<TcpListener>,
) -> Result<TcpListener, Failure> {
    match inherited {
        Some(socket) => Ok(socket),
        None => TcpListener::bind(config.admin_addr).map_err(|e| admin_unusable(config, &e)),
    }
}

/// Tells which setting is behind it when the admin API cannot listen.
pub(crate) fn admin_unusable(config: &Config, error: &io::Error) -> Failure {
    Failure::failed(format!("the admin API cannot listen on {}: {error}", config.admin_addr))
        .hint("stop what listens there, or set ADMIN_PORT (or ADMIN_HOST) to another")
}

/// The sockets for clients: those that listen already, or new ones.
///
/// # Errors
/// When nobody can listen there.
pub(crate) fn listeners(
    gateway: &GatewaySettings,
    inherited: Vec<TcpListener>,
) -> Result<Listeners, Failure> {
    let listeners = match inherited {
        inherited if inherited.is_empty() => Listeners::open(gateway.addr, gateway.shards),
        inherited => Listeners::inherited(inherited)
            .map_err(|source| GatewayError::Listen { addr: gateway.addr, source }),
    };
    listeners.map_err(|e| start_failure(&e))
}

/// What the ready file says.
pub(crate) fn ready_text(clients: Option<SocketAddr>, admin: SocketAddr) -> String {
    let ready = json!({
        "gateway_addr": clients.map(|addr| addr.to_string()),
        "admin_addr": admin.to_string(),
        "pid": std::process::id(),
    });
    format!("{ready}\n")
}

/// What the admin API shows over TLS, where it speaks it.
///
/// # Errors
/// When a file of its identity cannot be used.
pub(crate) fn admin_identity(config: &Config) -> Result<Option<Arc<ShownIdentity>>, Failure> {
    let identity = config.admin_tls.as_ref().map(|paths| tls_identity(paths, "ADMIN_TLS"));
    Ok(identity.transpose()?.map(|identity| Arc::new(ShownIdentity::new(identity, Arc::default()))))
}

/// Reads the identity of a listener; `settings` is how the names of its settings begin.
///
/// # Errors
/// When a file cannot be read or the two do not fit.
pub(crate) fn tls_identity(paths: &TlsPaths, settings: &str) -> Result<TlsIdentity, Failure> {
    let read = |path: &Path, which: &str| {
        let setting = format!("{settings}_{which}_PATH");
        std::fs::read(path).map_err(|e| {
            Failure::usage(format!("{setting}: {} cannot be read: {e}", path.display()))
        })
    };
    let certificate = read(&paths.certificate, "CERT")?;
    let key = read(&paths.key, "KEY")?;
    TlsIdentity::from_pem(&certificate, &key).map_err(|e| {
        let [certificate, key] = [&paths.certificate, &paths.key].map(|path| path.display());
        let files = match e {
            TlsIdentityError::Certificate(_) => certificate.to_string(),
            TlsIdentityError::Key => key.to_string(),
            TlsIdentityError::Pair(_) => format!("{certificate} and {key}"),
        };
        let hint = format!("see {settings}_CERT_PATH and {settings}_KEY_PATH");
        Failure::usage(format!("{files}: {e}")).hint(hint)
    })
}

/// The gateway in this process, which is a fleet of one.
pub(crate) struct OwnNode {
    pub(crate) id: NodeId,
    pub(crate) host: Arc<HostHandle>,
    pub(crate) probes: Probes,
    pub(crate) public_mode: PublicMode,
}

impl NodeProbes for OwnNode {
    fn readiness(&self) -> (bool, Value) {
        self.probes.readiness()
    }

    fn metrics(&self) -> (&'static str, String) {
        (METRICS_TYPE, self.probes.metrics())
    }
}

impl OwnNode {
    fn another(&self, node: &NodeId) -> Unreached {
        Unreached(format!("there is no node {node}: this is {}", self.id))
    }
}

impl Fleet for OwnNode {
    fn nodes(&self) -> Vec<NodeReport> {
        let revision = *self.host.applied().borrow();
        let (id, plugins) = (self.id.clone(), self.host.statuses());
        vec![NodeReport { id, revision, public_mode: self.public_mode, plugins }]
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        Box::pin(self.host.changes())
    }

    fn explain(
        &self,
        node: &NodeId,
        request: ImaginedRequest,
    ) -> BoxFuture<'_, Result<ExplanationAttributes, Unreached>> {
        let told = match *node == self.id {
            true => Ok(ExplanationAttributes::of(node.as_str(), self.probes.explain(&request))),
            false => Err(self.another(node)),
        };
        Box::pin(std::future::ready(told))
    }

    fn records(
        &self,
        node: &NodeId,
        plugin: PluginId,
        lines: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordAttributes>, Unreached>> {
        let told = |record| told_record(&(self.id.clone(), record));
        let told = match *node == self.id {
            true => Ok(self.host.records(plugin, lines).into_iter().map(told).collect()),
            false => Err(self.another(node)),
        };
        Box::pin(std::future::ready(told))
    }

    fn coverage(&self, revision: Revision) -> Coverage {
        let applied = usize::from(*self.host.applied().borrow() >= revision);
        Coverage { applied, connected: 1, ..Coverage::default() }
    }

    fn applied(&self, revision: Revision, _: Quorum) -> BoxFuture<'_, ()> {
        let mut applied = self.host.applied();
        Box::pin(async move {
            if applied.wait_for(|seen| *seen >= revision).await.is_err() {
                // The host has ended: nothing will be applied any more.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_go_where_the_service_manager_says_else_beside_the_data_else_to_temporary_files() {
        let of = |value: &str| {
            runtime_dirs(Path::new("/d"), &[("RUNTIME_DIRECTORY".into(), value.into())])
        };
        let without = runtime_dirs(Path::new("/d"), &[]);
        assert_eq!((without.len(), without[0].as_path()), (2, Path::new("/d/run")));
        assert!(without[1].starts_with(std::env::temp_dir()));
        assert_eq!(of("/run/a:/run/b")[0], Path::new("/run/a"));
        assert_eq!(of("/run/a:/run/b")[1..], without);
        let own = ("SIDEGATE_RUNTIME_DIRECTORY".into(), "/run/own".into());
        let both = [("RUNTIME_DIRECTORY".into(), "/run/a".into()), own];
        assert_eq!(runtime_dirs(Path::new("/d"), &both)[0], Path::new("/run/own"));
        for useless in ["", "relative"] {
            assert_eq!(of(useless), without, "{useless}");
        }
        assert!(runtime_dirs(Path::new("d"), &[])[0].is_absolute());
    }
}
