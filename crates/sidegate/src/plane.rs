//! The data plane in this process: its settings as the gateway wants them, and how the control
//! plane sees it.
//!
//! It translates; it decides nothing.

use crate::config::others::RUNTIME_FOLDER;
use crate::config::raw::variables;
use crate::config::resolved::{Config, Role, TlsPaths};
use crate::error::Failure;
use crate::log_following::Followed;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use rustix::process::geteuid;
use serde_json::{Value, json};
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::plugin_log::LogEvent;
use sidegate_api::record::RecordAttributes;
use sidegate_control::{
    Coverage, Ended, Fleet, LiveFleet, LogStart, NodeProbes, Quorum, Unreached, told_record,
};
use sidegate_gateway::log::Logs;
use sidegate_gateway::{
    GatewayError, GatewaySettings, Listeners, Loopback, METRICS_TYPE, Probes, ShownIdentity,
    TlsIdentity, TlsIdentityError,
};
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_model::metrics_history::{History, HistoryOf, HistorySpan};
use sidegate_model::node::{ClientAddress, NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::PluginEvents;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::snapshot::Revision;
use sidegate_model::traffic::{OpenRequestFilter, OpenRequests, TrafficFilter, TrafficItem};
use sidegate_model::trial::{Trial, Tried};
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
    let host = host_settings(config, environment);
    Ok(GatewaySettings {
        addr: config.gateway_addr,
        shards: config.threads(),
        tls: config.tls.as_ref().map(|paths| tls_identity(paths, "TLS")).transpose()?,
        public_probes: config.public_probes,
        public_endpoints: config.public_endpoints,
        limits: config.limits.clone(),
        proxies: config.proxies.clone(),
        public_urls: config.public_urls.clone(),
        edge_id: config.edge_id.clone(),
        edge_namespace: config.edge_namespace.clone(),
        host,
        logs,
        freshness: Arc::default(),
        newcomers: None,
    })
}

/// How programs of plugins are started.
pub(crate) fn host_settings(
    config: &Config,
    environment: Vec<(OsString, OsString)>,
) -> HostSettings {
    HostSettings {
        runtime_dirs: runtime_dirs(&config.data_dir, &environment),
        records_dir: Some(config.data_dir.join("records")),
        predecessor: None,
        launcher: launcher(),
        open_files: None,
        permitted: config.permitted.clone(),
        environment,
        // A stream that is allowed to last may also outlast its instance's replacement.
        limits: HostLimits { drain: config.limits.stream_timeout, ..HostLimits::default() },
    }
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

/// Tells which setting is behind it when nobody can listen on the admin address: an edge tells its status there.
pub(crate) fn admin_unusable(config: &Config, error: &io::Error) -> Failure {
    let what = match config.role {
        Role::Edge => "what tells the status of this edge",
        Role::Standalone | Role::Control => "the admin API",
    };
    Failure::failed(format!("{what} cannot listen on {}: {error}", config.admin_addr))
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
    Ok(identity
        .transpose()?
        .map(|identity| Arc::new(ShownIdentity::new(identity, Arc::default(), Arc::default()))))
}

/// By which the authorities for clients are named.
const CLIENT_CA: &str = "SIDEGATE_TLS_CLIENT_CA_PATH";

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
    let clients = paths.client_ca.as_ref().map(|path| {
        std::fs::read(path).map_err(|e| {
            let told = format!("{CLIENT_CA}: {} cannot be read: {e}", path.display());
            Failure::usage(told)
        })
    });
    let clients = clients.transpose()?;
    TlsIdentity::from_pem(&certificate, &key, clients.as_deref()).map_err(|e| {
        let [certificate, key] = [&paths.certificate, &paths.key].map(|path| path.display());
        let files = match e {
            TlsIdentityError::Certificate(_) => certificate.to_string(),
            TlsIdentityError::Key => key.to_string(),
            TlsIdentityError::Clients(_) => CLIENT_CA.to_owned(),
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
    /// Where clients come in.
    pub(crate) clients: ClientAddress,
    /// A client of its own port.
    pub(crate) loopback: Loopback,
    pub(crate) public_mode: PublicMode,
    /// Tells that a task ended without which nothing goes on.
    pub(crate) ended: Ended,
}

impl NodeProbes for OwnNode {
    fn readiness(&self) -> (bool, Value) {
        let (is_ready, mut body) = self.probes.readiness();
        let Some(reason) = self.ended.reason() else { return (is_ready, body) };
        body["status"] = "not ready".into();
        body["reason"] = reason.into();
        (false, body)
    }

    fn metrics(&self) -> (&'static str, String) {
        (METRICS_TYPE, self.probes.metrics())
    }
}

impl OwnNode {
    /// What this node tells, where it is the one that is meant.
    fn own(&self, node: &NodeId) -> Result<&Probes, Unreached> {
        if *node == self.id { Ok(&self.probes) } else { Err(self.another(node)) }
    }

    fn another(&self, node: &NodeId) -> Unreached {
        Unreached(format!("there is no node {node}: this is {}", self.id))
    }
}

impl LiveFleet for OwnNode {
    fn open_requests(
        &self,
        node: &NodeId,
        filter: OpenRequestFilter,
    ) -> BoxFuture<'_, Result<OpenRequests, Unreached>> {
        let told = self.own(node).map(|probes| probes.open_requests(&filter));
        Box::pin(std::future::ready(told))
    }

    fn end_request(&self, node: &NodeId, number: u64) -> BoxFuture<'_, Result<bool, Unreached>> {
        let told = self.own(node).map(|probes| probes.end_request(number));
        Box::pin(std::future::ready(told))
    }

    fn history(
        &self,
        node: &NodeId,
        span: HistorySpan,
        of: HistoryOf,
    ) -> BoxFuture<'_, Result<History, Unreached>> {
        let told = self.own(node).map(|probes| probes.history(span, &of));
        Box::pin(std::future::ready(told))
    }

    fn events(
        &self,
        node: &NodeId,
        plugin: PluginId,
        with_payload: bool,
    ) -> BoxFuture<'_, Result<PluginEvents, Unreached>> {
        let told = self.own(node).map(|_| self.host.events(plugin, with_payload));
        Box::pin(std::future::ready(told))
    }

    fn attempt(&self, node: &NodeId, trial: Trial) -> BoxFuture<'_, Result<Tried, Unreached>> {
        let (is_own, loopback) = (self.own(node).map(drop), self.loopback.clone());
        Box::pin(async move {
            is_own?;
            loopback.attempt(trial).await.map_err(|why| Unreached(why.to_string()))
        })
    }

    fn traffic(
        &self,
        node: &NodeId,
        filter: TrafficFilter,
    ) -> Result<BoxStream<'static, TrafficItem>, Unreached> {
        let watch = self.own(node)?.watch_traffic(filter);
        Ok(Box::pin(futures_util::stream::unfold(watch, |mut watch| async move {
            let item = watch.next().await?;
            Some((item, watch))
        })))
    }
}

impl Fleet for OwnNode {
    fn is_own(&self) -> bool {
        true
    }

    fn nodes(&self) -> Vec<NodeReport> {
        let revision = *self.host.applied().borrow();
        let (id, plugins) = (self.id.clone(), self.host.statuses());
        let (clients, public_mode) = (Some(self.clients), self.public_mode);
        vec![NodeReport { id, revision, clients, public_mode, plugins }]
    }

    fn issuer_keys(&self) -> Option<Vec<IssuerKeysReport>> {
        Some(self.probes.issuer_keys())
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

    fn reach(&self, node: &NodeId) -> BoxFuture<'_, Result<(), Unreached>> {
        let is_own = *node == self.id;
        Box::pin(std::future::ready(is_own.then_some(()).ok_or_else(|| self.another(node))))
    }

    fn reload(&self, node: &NodeId, _: PluginId) -> BoxFuture<'_, Result<(), Unreached>> {
        let told = match *node == self.id {
            true => Unreached(
                "this gateway stands alone: reload the plugin without naming a node".to_owned(),
            ),
            false => self.another(node),
        };
        Box::pin(std::future::ready(Err(told)))
    }

    fn follow_log(
        &self,
        node: &NodeId,
        plugin: PluginId,
        LogStart { after, lines }: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Unreached>> {
        if *node != self.id {
            return stream::once(std::future::ready(Err(self.another(node)))).boxed();
        }
        let (node, host) = (self.id.clone(), self.host.clone());
        Followed { node, host, plugin, after, lines }.events().map(Ok).boxed()
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
