//! The roles of this program; so far one: everything in one process.
//!
//! It puts store, control plane and data plane together and holds the order of their start and
//! stop; it knows what they do only by name.

use crate::certificate::Renewal;
use crate::config::resolved::{Config, Secret, TlsPaths};
use crate::data_dir::{self, DataDir};
use crate::error::Failure;
use crate::logging::Logging;
use crate::plane::{self, Plane};
use crate::reload::Reload;
use crate::signals::{Asked, Signals};
use serde_json::json;
use sidegate_control::{AdminTls, Control, ControlSettings, LogLevels};
use sidegate_gateway::edge::tls::ShownIdentity;
use sidegate_gateway::host::HostHandle;
use sidegate_gateway::run::{Gateway, GatewaySettings};
use sidegate_model::token::TokenHash;
use sidegate_store::Store;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// Threads for supervision, admin API and database; requests have threads of their own.
const CONTROL_THREADS: usize = 2;
/// How long tasks that nobody waits for may take at the very end.
const LAST_TASKS: Duration = Duration::from_secs(2);
/// How long plugins may take to end when nobody wants to wait for requests any more.
const FORCED_STOP: Duration = Duration::from_secs(5);

/// What the process brings along.
pub(crate) struct Process {
    /// Its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Its running logs.
    pub(crate) logging: Arc<Logging>,
    /// What SIGHUP does.
    pub(crate) reload: Reload,
}

/// Runs gateway, control plane and store in this process until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(crate) fn standalone(
    config: &Config,
    process: Process,
    ready_file: Option<&Path>,
) -> Result<(), Failure> {
    let Process { environment, logging, reload } = process;
    let open_files = crate::open_files::raise_limit();
    let mut gateway = plane::settings(config, environment, logging.logs())?;
    gateway.host.open_files = open_files;
    let taken = DataDir::take(&config.data_dir)?;
    let token = match &config.admin_token {
        Some(token) => token.clone(),
        None => data_dir::admin_token_of(&taken, &config.data_dir)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("sidegate-control")
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no runtime: {e}")))?;
    // Ends with the runtime.
    runtime.spawn(crate::orphans::reap());
    let outcome = runtime.block_on(run(config, gateway, &token, (&reload, ready_file)));
    runtime.shutdown_timeout(LAST_TASKS);
    outcome
}

async fn run(
    config: &Config,
    gateway: GatewaySettings,
    token: &Secret,
    (reload, ready_file): (&Reload, Option<&Path>),
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let running = Running::start(config, gateway, token, reload.logging()).await?;
    running.announce(config);
    if let Some(path) = ready_file {
        data_dir::write_at_once(path, &running.ready_text())?;
    }
    let signal = loop {
        match signals.next().await {
            Asked::Stop(signal) => break signal,
            Asked::Reload => {
                reload.run();
                running.reload_certificates();
            }
        }
    };
    tracing::info!(signal, "stopping; a second signal stops at once");
    if let Some(path) = ready_file {
        let _ = std::fs::remove_file(path);
    }
    let plugins = running.gateway.host();
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(())
        }
        signal = signals.stop() => {
            stop_plugins_now(&plugins, &mut signals).await;
            Err(Failure::failed(format!("stopped without waiting, by a second signal ({signal})")))
        }
    }
}

/// Requests are given up, but no process of a plugin may stay behind.
async fn stop_plugins_now(plugins: &HostHandle, signals: &mut Signals) {
    tokio::select! {
        _ = tokio::time::timeout(FORCED_STOP, plugins.shutdown()) => {}
        _ = signals.stop() => {}
    }
}

/// All parts of a running server.
struct Running {
    store: Store,
    gateway: Gateway,
    /// How many plugins are to run.
    plugins: usize,
    admin_addr: SocketAddr,
    admin: JoinHandle<()>,
    stop_admin: oneshot::Sender<()>,
    /// The renewals of certificates, and who looks for them; ends with the server.
    renewals: (Vec<Renewal>, JoinSet<()>),
}

/// The renewals of what is shown to clients and by the admin API.
fn renewals(
    config: &Config,
    [clients, admin]: [Option<Arc<ShownIdentity>>; 2],
) -> (Vec<Renewal>, JoinSet<()>) {
    let all = [(clients, &config.tls, "TLS"), (admin, &config.admin_tls, "ADMIN_TLS")];
    let of = |(shown, paths, settings): (Option<_>, &Option<TlsPaths>, _)| {
        Some(Renewal::new(paths.clone()?, settings, shown?))
    };
    let renewals: Vec<_> = all.into_iter().filter_map(of).collect();
    let watching = renewals.iter().cloned().map(Renewal::watch).collect();
    (renewals, watching)
}

impl Running {
    async fn start(
        config: &Config,
        gateway: GatewaySettings,
        token: &Secret,
        logging: Arc<Logging>,
    ) -> Result<Self, Failure> {
        let admin_identity = plane::admin_identity(config)?;
        let shown = admin_identity.clone();
        let tls = shown.map(|shown| AdminTls::new(move || shown.for_http1()));
        let store = Store::open(&config.database_dsn)
            .await
            .map_err(|e| Failure::failed(e.to_string()).hint("see DATABASE_DSN and DATA_DIR"))?;
        let (control, desired) = Control::start(store.clone())
            .await
            .map_err(|e| Failure::failed(format!("the desired state cannot be read: {e}")))?;
        let plugins = desired.borrow().plugins.len();
        // Before the plugins, so that a taken port costs nobody a start.
        let listener = TcpListener::bind(config.admin_addr).await.map_err(|e| {
            Failure::failed(format!("the admin API cannot listen on {}: {e}", config.admin_addr))
                .hint("stop what listens there, or set ADMIN_PORT (or ADMIN_HOST) to another")
        })?;
        let admin_addr = listener.local_addr().unwrap_or(config.admin_addr);
        let gateway = sidegate_gateway::run::start(gateway, Arc::new(store.clone()), desired)
            .map_err(|e| plane::start_failure(&e))?;
        let logs: Arc<dyn LogLevels> = logging;
        let settings = ControlSettings::new(TokenHash::of(token.reveal()));
        let settings = ControlSettings { logs: Some(logs), tls, ..settings };
        let (stop_admin, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A sender that is gone says the same as one that has spoken.
            let _ = stopped.await;
        };
        let plane = Arc::new(Plane { host: gateway.host(), probes: gateway.probes() });
        let serving = sidegate_control::serve(listener, settings, control, plane, shutdown);
        let admin = tokio::spawn(serving);
        let renewals = renewals(config, [gateway.identity(), admin_identity]);
        Ok(Self { store, gateway, plugins, admin_addr, admin, stop_admin, renewals })
    }

    /// Reads the certificates anew, changed or not.
    fn reload_certificates(&self) {
        for failure in self.renewals.0.iter().filter_map(|renewal| renewal.reload().err()) {
            tracing::error!("a certificate is not reloaded: {}", failure.message);
        }
    }

    fn announce(&self, config: &Config) {
        let scheme = |tls: Option<_>| if tls.is_some() { "https" } else { "http" };
        let clients = format!("{}://{}", scheme(config.tls.as_ref()), self.gateway.local_addr());
        let admin = format!("{}://{}", scheme(config.admin_tls.as_ref()), self.admin_addr);
        tracing::info!(clients, admin, plugins = self.plugins, "sidegate listens");
        if !self.admin_addr.ip().is_loopback() && config.admin_tls.is_none() {
            tracing::warn!(%admin, "the admin API is reachable from other machines, unencrypted");
        }
    }

    fn ready_text(&self) -> String {
        let ready = json!({
            "gateway_addr": self.gateway.local_addr().to_string(),
            "admin_addr": self.admin_addr.to_string(),
            "pid": std::process::id(),
        });
        format!("{ready}\n")
    }

    /// Clients first, then plugins (both the gateway's business), then the admin API, which can
    /// tell until the end how far it is, then the database.
    async fn stop(self) {
        self.gateway.shutdown().await;
        let _ = self.stop_admin.send(());
        if let Err(error) = self.admin.await {
            tracing::error!(%error, "the admin API ended badly");
        }
        self.store.close().await;
    }
}
