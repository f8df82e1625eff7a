//! A running server: store, control plane and data plane put together. It knows what they do only by
//! name.

use crate::admin_api::AdminApi;
use crate::certificate::{Renewals, Unread};
use crate::config::resolved::{Config, Secret};
use crate::error::Failure;
use crate::inherited::Sockets;
use crate::logging::Logging;
use crate::plane::{self, OwnNode};
use crate::secrets_key;
use serde_json::json;
use sidegate_control::{AdminTls, Control, ControlSettings, LogLevels, keep_recorded};
use sidegate_gateway::{Gateway, GatewayError, GatewaySettings, Listeners};
use sidegate_model::node::NodeId;
use sidegate_model::token::TokenHash;
use sidegate_store::{Store, StoreError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the last writing of what was noted may take.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// What a server is made of.
pub(crate) struct Parts<'a> {
    /// Settings of the data plane.
    pub(crate) gateway: GatewaySettings,
    /// What opens the admin API.
    pub(crate) token: &'a Secret,
    /// Sockets that listen already.
    pub(crate) sockets: Sockets,
    /// Where the levels of the logs are changed.
    pub(crate) logging: Arc<Logging>,
    /// The files of certificates, as they were before they were read.
    pub(crate) certificates: Unread,
}

/// All parts of a running server.
pub(crate) struct Running {
    store: Store,
    /// The control plane.
    pub(crate) control: Control,
    /// The data plane.
    pub(crate) gateway: Gateway,
    /// The admin API.
    pub(crate) admin: AdminApi,
    admin_addr: SocketAddr,
    renewals: Renewals,
    /// Who looks for renewed certificates, who records what is public, who writes when tokens were used, and
    /// who forgets what is old in the audit log; they end with the server.
    _beside: JoinSet<()>,
    /// How many plugins are to run.
    plugins: usize,
}

impl Running {
    /// Starts all parts; nobody is served yet.
    ///
    /// # Errors
    /// Why one of them cannot start.
    pub(crate) async fn start(config: &Config, parts: Parts<'_>) -> Result<Self, Failure> {
        let Parts { gateway, token, sockets, logging, certificates } = parts;
        let admin_identity = plane::admin_identity(config)?;
        let store = opened(config).await?;
        let (control, desired) = Control::start(store.clone())
            .await
            .map_err(|e| Failure::failed(format!("the desired state cannot be read: {e}")))?;
        let plugins = desired.borrow().plugins.len();
        let unusable = |e: std::io::Error| {
            Failure::failed(format!("the admin API cannot listen on {}: {e}", config.admin_addr))
                .hint("stop what listens there, or set ADMIN_PORT (or ADMIN_HOST) to another")
        };
        // Before the plugins, so that a taken port costs nobody a start.
        let socket = match sockets.admin {
            Some(socket) => socket,
            None => std::net::TcpListener::bind(config.admin_addr).map_err(unusable)?,
        };
        let listeners = match sockets.clients {
            clients if clients.is_empty() => Listeners::open(gateway.addr, gateway.shards),
            clients => Listeners::inherited(clients)
                .map_err(|source| GatewayError::Listen { addr: gateway.addr, source }),
        };
        let listeners = listeners.map_err(|e| plane::start_failure(&e))?;
        let kv = Arc::new(store.clone());
        let gateway = sidegate_gateway::start(gateway, listeners, kv, desired).await;
        let gateway = gateway.map_err(|e| plane::start_failure(&e))?;
        let shown = admin_identity.clone();
        let tls = shown.map(|shown| AdminTls::new(move || shown.for_http1()));
        let logs: Arc<dyn LogLevels> = logging;
        let settings = ControlSettings::new(TokenHash::of(token.reveal()));
        let token_expiry = config.token_expiry;
        let settings = ControlSettings { logs: Some(logs), tls, token_expiry, ..settings };
        let id = NodeId::new(config.edge_id.clone());
        let (host, probes) = (gateway.host(), gateway.probes());
        let node = Arc::new(OwnNode { id, host, probes, public_mode: config.public_endpoints });
        let recording = keep_recorded(control.clone(), node.clone());
        let admin = AdminApi::new(socket, settings, control.clone(), node).map_err(unusable)?;
        let admin_addr = admin.addr().unwrap_or(config.admin_addr);
        let renewals = Renewals::new(certificates, [gateway.identity(), admin_identity]);
        let mut beside = renewals.watch();
        beside.spawn(recording);
        beside.spawn(control.clone().keep_token_uses_written(config.token_use_interval));
        if let Some(retention) = config.audit_retention {
            beside.spawn(control.clone().keep_audit_swept(retention));
        }
        if let Some(retention) = config.history_retention {
            beside.spawn(control.clone().keep_history_swept(retention));
        }
        Ok(Self { store, control, gateway, admin, admin_addr, renewals, _beside: beside, plugins })
    }

    /// The renewals of its certificates.
    pub(crate) fn renewals(&self) -> Renewals {
        self.renewals.clone()
    }

    /// Serves from now on.
    ///
    /// # Errors
    /// When there are too many open files.
    pub(crate) fn serve(&mut self) -> Result<(), Failure> {
        let failed = |e| Failure::failed(format!("the admin API cannot be served: {e}"));
        self.admin.serve().map_err(failed)?;
        self.gateway.accept();
        Ok(())
    }

    /// Says where it listens.
    pub(crate) fn announce(&self, config: &Config) {
        let scheme = |tls: Option<_>| if tls.is_some() { "https" } else { "http" };
        let clients = format!("{}://{}", scheme(config.tls.as_ref()), self.gateway.local_addr());
        let admin = format!("{}://{}", scheme(config.admin_tls.as_ref()), self.admin_addr);
        tracing::info!(clients, admin, plugins = self.plugins, "sidegate listens");
        if !self.admin_addr.ip().is_loopback() && config.admin_tls.is_none() {
            tracing::warn!(%admin, "the admin API is reachable from other machines, unencrypted");
        }
    }

    /// What the ready file says.
    pub(crate) fn ready_text(&self) -> String {
        let ready = json!({
            "gateway_addr": self.gateway.local_addr().to_string(),
            "admin_addr": self.admin_addr.to_string(),
            "pid": std::process::id(),
        });
        format!("{ready}\n")
    }

    /// Clients first, then plugins (both the gateway's business), then the admin API, which can
    /// tell until the end how far it is, then the database.
    pub(crate) async fn stop(mut self) {
        self.gateway.shutdown().await;
        self.admin.end().await;
        write_notes(&self.control).await;
        self.store.close().await;
    }
}

/// Opens the database and its secrets.
async fn opened(config: &Config) -> Result<Store, Failure> {
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
async fn write_notes(control: &Control) {
    let problem = match timeout(LAST_WRITE, control.write_notes()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the database took longer than {LAST_WRITE:?}"),
    };
    tracing::warn!(problem, "when tokens were used last before the stop is not written");
}
