//! A control plane: desired state, the admin API, and what edges get. It has no port for clients and runs no plugin.

use super::life::{self, Begin, Process};
use super::standalone::{RECORDS, forget_what_is_old, opened, write_notes};
use crate::admin_api::{AdminApi, ByProxies};
use crate::certificate::{Renewals, Unread};
use crate::config::resolved::Config;
use crate::data_dir;
use crate::edge_door::{self, EdgeDoor};
use crate::error::Failure;
use crate::inspection::OwnInspector;
use crate::pages::OwnPages;
use crate::plane;
use crate::server::Server;
use sidegate_control::{
    AdminParts, AdminTls, ClientAddresses, Control, ControlSettings, Edges, EdgesSettings, Tasks,
    keep_recorded,
};
use sidegate_gateway::Gateway;
use sidegate_model::token::TokenHash;
use sidegate_plugins::host::HostSettings;
use sidegate_store::Store;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the first publication may take before the process says that it serves.
const FIRST_PUBLICATION: Duration = Duration::from_secs(30);
/// How long others may take to hear that this process ends.
const LAST_WORD: Duration = Duration::from_secs(2);
/// The setting `EDGE_ID` where nobody gave a name.
const UNNAMED_NODE: &str = "standalone";

/// Runs a control plane until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(super) fn run(config: &Config, mut process: Process) -> Result<(), Failure> {
    let environment = std::mem::take(&mut process.environment);
    let open_files = crate::open_files::raise_limit();
    let host = HostSettings { open_files, ..plane::host_settings(config, environment) };
    let certificates = Unread::look(config);
    life::live(config, process, certificates, async move |begin: Begin<'_>| {
        ControlPlane::start(config, host, begin).await.map(Some)
    })
}

/// All parts of a running control plane.
struct ControlPlane {
    store: Store,
    control: Control,
    edges: Edges,
    admin: AdminApi,
    pages: OwnPages,
    admin_addr: SocketAddr,
    door: EdgeDoor,
    sync_addr: SocketAddr,
    renewals: Renewals,
    /// Who publishes, who shares what edges say, who looks for renewed certificates, and who forgets what is old; they
    /// end with the server.
    _beside: [Tasks; 2],
}

impl ControlPlane {
    async fn start(config: &Config, host: HostSettings, begin: Begin<'_>) -> Result<Self, Failure> {
        let Begin { folder, predecessor, sockets, logging, certificates, .. } = begin;
        let token = match &config.admin_token {
            Some(token) => token.clone(),
            None => data_dir::admin_token_of(folder, &config.data_dir)?,
        };
        let admin_identity = plane::admin_identity(config)?;
        let socket = plane::admin_socket(config, sockets.admin)?;
        let wanted = config.control.sync_addr;
        let edge_socket = edge_socket(wanted, predecessor.is_some())?;
        let bound = edge_socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let sync_addr = bound.unwrap_or(wanted);
        let store = opened(config).await?;
        let (control, _) = Control::start(store.clone())
            .await
            .map_err(|e| Failure::failed(format!("the desired state cannot be read: {e}")))?;
        let settings = EdgesSettings {
            replica: replica(&config.edge_id),
            control_urls: config.control.urls(sync_addr),
            join_token_expiry: config.control.join_token_expiry,
        };
        let started = Edges::start(control.clone(), settings).await;
        let (edges, tasks) =
            started.map_err(|e| Failure::failed(format!("edges cannot be published for: {e}")))?;
        if timeout(FIRST_PUBLICATION, edges.ready()).await.is_err() {
            tracing::warn!("nothing is published for edges yet; the log says why");
        }
        let shown = admin_identity.clone();
        let tls = shown.map(|shown| AdminTls::new(move || shown.for_http1()));
        let settings = ControlSettings::new(TokenHash::of(token.reveal()));
        let settings = ControlSettings { logs: Some(logging), tls, ..configured(config, settings) };
        let renewals = Renewals::new(certificates, [None, admin_identity]);
        let fleet = Arc::new(edges.clone());
        let recording = keep_recorded(control.clone(), fleet.clone());
        let pages = OwnPages::new(config, host.clone(), (&store, &control), fleet.clone());
        let parts = AdminParts {
            control: control.clone(),
            fleet: fleet.clone(),
            probes: fleet,
            edges: Some(edges.clone()),
            inspector: Arc::new(OwnInspector::new(host)),
            pages: Arc::new(pages.clone()),
            certificates: Arc::new(renewals.clone()),
        };
        let admin = AdminApi::new(socket, settings, parts)
            .map_err(|e| plane::admin_unusable(config, &e))?;
        let admin_addr = admin.addr().unwrap_or(config.admin_addr);
        let mut beside = Tasks::new(control.ended().clone());
        renewals.watch(&mut beside);
        beside.spawn(RECORDS, recording);
        forget_what_is_old(config, &control, &mut beside);
        let door = EdgeDoor::new(sync_addr, edges.clone(), edge_socket, control.ended().clone());
        let _beside = [tasks, beside];
        Ok(Self {
            store,
            control,
            edges,
            admin,
            pages,
            admin_addr,
            door,
            sync_addr,
            renewals,
            _beside,
        })
    }
}

/// What operators set of the admin API.
fn configured(config: &Config, settings: ControlSettings) -> ControlSettings {
    let clients: Arc<dyn ClientAddresses> = Arc::new(ByProxies(config.proxies.clone()));
    ControlSettings {
        token_expiry: config.token_expiry,
        console: config.console.clone(),
        clients: Some(clients),
        ..settings
    }
}

/// Where edges come in. While another process serves it has the port, and gives it up when it steps back.
fn edge_socket(wanted: SocketAddr, takes_over: bool) -> Result<Option<TcpListener>, Failure> {
    match EdgeDoor::bind(wanted) {
        Err(_) if takes_over => Ok(None),
        bound => bound.map(Some),
    }
}

/// The name of this process: of the machine or what it was called, and of this start.
fn replica(edge_id: &str) -> String {
    let machine = rustix::system::uname();
    let name = match edge_id {
        UNNAMED_NODE => machine.nodename().to_string_lossy(),
        named => named.into(),
    };
    format!("{name}-{}-{:x}", std::process::id(), sidegate_model::clock::now_millis())
}

impl Server for ControlPlane {
    fn gateway(&self) -> Option<&Gateway> {
        None
    }

    fn admin_socket(&self) -> BorrowedFd<'_> {
        self.admin.socket()
    }

    fn renewals(&self) -> Renewals {
        self.renewals.clone()
    }

    fn serve(&mut self) -> Result<(), Failure> {
        self.door.open().map_err(|e| edge_door::unusable(self.sync_addr, &e))?;
        let failed = |e| Failure::failed(format!("the admin API cannot be served: {e}"));
        self.admin.serve().map_err(failed)
    }

    fn announce(&self, config: &Config) {
        let scheme = if config.admin_tls.is_some() { "https" } else { "http" };
        let admin = format!("{scheme}://{}", self.admin_addr);
        let edges = self.sync_addr;
        tracing::info!(admin, %edges, "sidegate listens as a control plane");
        if !self.admin_addr.ip().is_loopback() && config.admin_tls.is_none() {
            tracing::warn!(%admin, "the admin API is reachable from other machines, unencrypted");
        }
        if config.control.sync_urls.is_empty() {
            let told = config.control.urls(self.sync_addr);
            let told: Vec<_> = told.iter().map(ToString::to_string).collect();
            tracing::info!(
                url = told.join(","),
                "edges are told to come here; SIDEGATE_SYNC_URL says otherwise"
            );
        }
    }

    fn ready_text(&self) -> String {
        let ready = serde_json::json!({
            "admin_addr": self.admin_addr.to_string(),
            "sync_addr": self.sync_addr.to_string(),
            "pid": std::process::id(),
        });
        format!("{ready}\n")
    }

    fn broken(&self) -> watch::Receiver<Option<String>> {
        self.control.ended().follow()
    }

    async fn step_back(&mut self) {
        self.admin.end().await;
        self.door.close().await;
    }

    async fn step_up(&mut self) -> io::Result<()> {
        self.door.open()?;
        self.admin.serve()
    }

    async fn catch_up(&mut self) -> Result<(), Failure> {
        let refreshed = self.control.refresh().await;
        refreshed
            .map(drop)
            .map_err(|e| Failure::failed(format!("the desired state cannot be read anew: {e}")))
    }

    /// Edges first, which go to another process, then the admin API, then the database.
    async fn stop(mut self) {
        self.door.close().await;
        self.admin.end().await;
        self.pages.shutdown().await;
        match timeout(LAST_WORD, self.edges.leave()).await {
            Ok(Ok(())) => {}
            // They find out within seconds.
            Ok(Err(_)) | Err(_) => tracing::debug!("other processes were not told of the end"),
        }
        write_notes(&self.control).await;
        self.store.close().await;
    }
}
