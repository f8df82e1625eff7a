//! Everything in one process: store, control plane and data plane put together. It knows what they do only by
//! name.

use super::life::{self, Begin, Process};
use crate::admin_api::{AdminApi, ByProxies};
use crate::certificate::{Renewals, Unread};
use crate::config::resolved::Config;
use crate::data_dir;
use crate::error::Failure;
use crate::inspection::OwnInspector;
use crate::newcomers::make_apps;
use crate::pages::OwnPages;
use crate::plane::{self, OwnNode};
use crate::secrets_key;
use crate::server::Server;
use crate::stored_keys::StoredKeys;
use sidegate_control::{
    AdminParts, AdminTls, ClientAddresses, Control, ControlSettings, LogLevels, Tasks,
    keep_recorded,
};
use sidegate_gateway::{Gateway, GatewaySettings};
use sidegate_model::node::NodeId;
use sidegate_model::token::TokenHash;
use sidegate_plugins::Keepers;
use sidegate_store::{Store, StoreError};
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the last writing of what was noted may take.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// What one of the tasks beside does.
pub(super) const RECORDS: &str = "records what plugins offer without a token";
/// How long what was last changed may take to be live.
const APPLY_DEADLINE: Duration = Duration::from_secs(10);

/// Runs gateway, control plane and store in this process until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(super) fn run(config: &Config, mut process: Process) -> Result<(), Failure> {
    let environment = std::mem::take(&mut process.environment);
    let open_files = crate::open_files::raise_limit();
    let certificates = Unread::look(config);
    let mut gateway = plane::settings(config, environment, process.reload.logging().logs())?;
    gateway.host.open_files = open_files;
    life::live(config, process, certificates, async move |begin: Begin<'_>| {
        Standalone::start(config, gateway, begin).await.map(Some)
    })
}

/// All parts of a running server.
struct Standalone {
    store: Store,
    control: Control,
    gateway: Gateway,
    admin: AdminApi,
    pages: OwnPages,
    admin_addr: SocketAddr,
    renewals: Renewals,
    /// Who looks for renewed certificates, who records what is public, who writes when tokens were used, and
    /// who forgets what is old in the audit log; they end with the server.
    _beside: Tasks,
    /// How many plugins are to run.
    plugins: usize,
}

impl Standalone {
    /// Starts all parts; nobody is served yet.
    ///
    /// # Errors
    /// Why one of them cannot start.
    async fn start(
        config: &Config,
        mut gateway: GatewaySettings,
        begin: Begin<'_>,
    ) -> Result<Self, Failure> {
        let Begin { folder, predecessor, sockets, logging, certificates, .. } = begin;
        gateway.host.predecessor = predecessor;
        let (sender, newcomers) = sidegate_gateway::newcomers();
        gateway.newcomers = Some(sender);
        let token = match &config.admin_token {
            Some(token) => token.clone(),
            None => data_dir::admin_token_of(folder, &config.data_dir)?,
        };
        let admin_identity = plane::admin_identity(config)?;
        let store = opened(config).await?;
        let (control, desired) = Control::start(store.clone())
            .await
            .map_err(|e| Failure::failed(format!("the desired state cannot be read: {e}")))?;
        let plugins = desired.borrow().plugins.len();
        // Before the plugins, so that a taken port costs nobody a start.
        let socket = plane::admin_socket(config, sockets.admin)?;
        let listeners = plane::listeners(&gateway, sockets.clients)?;
        let keepers = Keepers::new(store.clone(), StoredKeys::new(store.clone()));
        let (inspector, host_settings) =
            (OwnInspector::new(gateway.host.clone()), gateway.host.clone());
        let gateway = sidegate_gateway::start(gateway, listeners, keepers, desired).await;
        let gateway = gateway.map_err(|e| plane::start_failure(&e))?;
        let shown = admin_identity.clone();
        let tls = shown.map(|shown| AdminTls::new(move || shown.for_http1()));
        let logs: Arc<dyn LogLevels> = logging;
        let settings = ControlSettings::new(TokenHash::of(token.reveal()));
        let token_expiry = config.token_expiry;
        let console = config.console.clone();
        let clients: Option<Arc<dyn ClientAddresses>> =
            Some(Arc::new(ByProxies(config.proxies.clone())));
        let settings =
            ControlSettings { logs: Some(logs), tls, token_expiry, console, clients, ..settings };
        let node = own_node(config, &gateway, &control);
        let recording = keep_recorded(control.clone(), node.clone());
        let pages = OwnPages::new(config, host_settings, (&store, &control), node.clone());
        let renewals = Renewals::new(certificates, [gateway.identity(), admin_identity]);
        let parts = AdminParts {
            control: control.clone(),
            fleet: node.clone(),
            probes: node,
            edges: None,
            inspector: Arc::new(inspector),
            pages: Arc::new(pages.clone()),
            certificates: Arc::new(renewals.clone()),
        };
        let admin = AdminApi::new(socket, settings, parts)
            .map_err(|e| plane::admin_unusable(config, &e))?;
        let admin_addr = admin.addr().unwrap_or(config.admin_addr);
        let mut beside = Tasks::new(control.ended().clone());
        renewals.watch(&mut beside);
        beside.spawn(RECORDS, recording);
        let made = make_apps(control.clone(), newcomers);
        beside.spawn("makes apps for clients that come for the first time", made);
        let noted = control.clone().keep_token_uses_written(config.token_use_interval);
        beside.spawn("notes when tokens were used", noted);
        forget_what_is_old(config, &control, &mut beside);
        let _beside = beside;
        Ok(Self { store, control, gateway, admin, pages, admin_addr, renewals, _beside, plugins })
    }
}

/// The gateway of this process, as its control plane sees it.
fn own_node(config: &Config, gateway: &Gateway, control: &Control) -> Arc<OwnNode> {
    Arc::new(OwnNode {
        id: NodeId::new(config.edge_id.clone()),
        host: gateway.host(),
        probes: gateway.probes(),
        clients: gateway.client_address(),
        loopback: gateway.loopback(),
        public_mode: config.public_endpoints,
        ended: control.ended().clone(),
    })
}

impl Server for Standalone {
    fn gateway(&self) -> Option<&Gateway> {
        Some(&self.gateway)
    }

    fn admin_socket(&self) -> BorrowedFd<'_> {
        self.admin.socket()
    }

    fn renewals(&self) -> Renewals {
        self.renewals.clone()
    }

    fn serve(&mut self) -> Result<(), Failure> {
        let failed = |e| Failure::failed(format!("the admin API cannot be served: {e}"));
        self.admin.serve().map_err(failed)?;
        self.gateway.accept();
        Ok(())
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
        plane::ready_text(Some(self.gateway.local_addr()), self.admin_addr)
    }

    fn broken(&self) -> watch::Receiver<Option<String>> {
        self.control.ended().follow()
    }

    async fn step_back(&mut self) {
        self.admin.end().await;
        // What the new one changes of plugins is its own affair.
        self.control.follow_callers_only(true);
    }

    async fn step_up(&mut self) -> io::Result<()> {
        self.control.follow_callers_only(false);
        self.admin.serve()
    }

    async fn catch_up(&mut self) -> Result<(), Failure> {
        let revision = self.control.refresh().await;
        let revision = revision
            .map_err(|e| Failure::failed(format!("the desired state cannot be read anew: {e}")))?;
        let mut applied = self.gateway.applied();
        let live = timeout(APPLY_DEADLINE, applied.wait_for(|seen| *seen >= revision));
        match live.await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Failure::failed("the last changes did not become live in time")),
        }
    }

    /// Whoever loses the right to a stream at the new server loses it here too.
    fn stopping(&mut self) {
        self.control.follow_callers_only(true);
    }

    /// Clients first, then plugins (both the gateway's business), then the admin API, which can
    /// tell until the end how far it is, then the database.
    async fn stop(mut self) {
        self.gateway.shutdown().await;
        self.admin.end().await;
        self.pages.shutdown().await;
        write_notes(&self.control).await;
        self.store.close().await;
    }
}

/// Lets what is kept for a limited time only be removed beside.
pub(super) fn forget_what_is_old(config: &Config, control: &Control, beside: &mut Tasks) {
    if let Some(retention) = config.audit_retention {
        let swept = control.clone().keep_audit_swept(retention);
        beside.spawn("removes old entries of the audit log", swept);
    }
    if let Some(retention) = config.history_retention {
        let swept = control.clone().keep_history_swept(retention);
        beside.spawn("removes old revisions", swept);
    }
}

/// Opens the database and its secrets.
pub(super) async fn opened(config: &Config) -> Result<Store, Failure> {
    let unusable = |e: StoreError| match e {
        StoreError::Keys { .. } => {
            Failure::failed(e.to_string()).hint("see SIDEGATE_SECRETS_KEY_FILE")
        }
        _ => Failure::failed(e.to_string()).hint("see DATABASE_DSN and DATA_DIR"),
    };
    let locked = Store::connect(config.database_dsn.reveal()).await.map_err(unusable)?;
    let keys = secrets_key::read_or_make(&config.secrets_key, locked.has_keys())?;
    locked.unlock(&keys).await.map_err(unusable)
}

/// Once more, after the last request. A disk that fails keeps nobody from stopping.
pub(super) async fn write_notes(control: &Control) {
    let problem = match timeout(LAST_WRITE, control.write_notes()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the database took longer than {LAST_WRITE:?}"),
    };
    tracing::warn!(problem, "when tokens were used last before the stop is not written");
}
