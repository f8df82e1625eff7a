//! What an edge tells of itself on its own machine: its probes and its status, and the task that serves both.

use super::knowledge::Sources;
use crate::error::Failure;
use serde_json::Value;
use sidegate_api::edge_status::{EdgePlugin, EdgePosition, EdgeStatus, RejectedObject};
use sidegate_control::{AdminTls, EdgeProbes, Ended, NodeProbes, serve_status};
use sidegate_gateway::{Freshness, METRICS_TYPE, Probes};
use sidegate_model::status::PluginStatus;
use sidegate_plugins::host::HostHandle;
use sidegate_sync::edge::Contact;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An edge, as it knows itself.
pub(super) struct OwnEdge {
    /// Its name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Where its control plane is.
    pub(super) control_url: Option<String>,
    /// What it knows.
    pub(super) sources: Sources,
    /// Since when.
    pub(super) freshness: Arc<Freshness>,
    /// Its plugins.
    pub(super) host: Arc<HostHandle>,
    /// What its gateway tells.
    pub(super) probes: Probes,
    /// What looks wrong with its settings, as long as it has not joined.
    pub(super) warnings: Vec<String>,
}

impl NodeProbes for OwnEdge {
    fn readiness(&self) -> (bool, Value) {
        self.probes.readiness()
    }

    fn metrics(&self) -> (&'static str, String) {
        (METRICS_TYPE, self.probes.metrics())
    }
}

impl EdgeProbes for OwnEdge {
    fn status(&self) -> EdgeStatus {
        let (_, readiness) = self.probes.readiness();
        let text = |key: &str| readiness[key].as_str().map(str::to_owned);
        let knowledge = self.freshness.knowledge().unwrap_or_default();
        let contact = match &*self.sources.contact.borrow() {
            Contact::Lost(reason) => Some(reason.clone()),
            _ => None,
        };
        let position = |at: &sidegate_gateway::ServedPosition| EdgePosition {
            namespace: at.namespace.clone(),
            lineage: at.lineage,
            revision: at.revision,
        };
        let mut plugins: Vec<_> = self.host.statuses().iter().map(plugin).collect();
        plugins.sort_by_key(|plugin| plugin.id);
        EdgeStatus {
            edge: self.name.clone(),
            namespace: self.namespace.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: text("status").unwrap_or_default(),
            reason: text("reason"),
            connected: knowledge.is_connected,
            contact,
            control_url: self.control_url.clone(),
            staleness_seconds: knowledge.staleness.as_secs(),
            positions: knowledge.positions.iter().map(position).collect(),
            rejected: self.rejected(),
            plugins,
            certificate_expires_at: knowledge.certificate_expiry.and_then(utc),
            warnings: match knowledge.certificate_expiry {
                None => self.warnings.clone(),
                Some(_) => Vec::new(),
            },
        }
    }
}

impl OwnEdge {
    fn rejected(&self) -> Vec<RejectedObject> {
        let served = self.sources.served.borrow();
        let of_namespace = served.iter().flat_map(|(namespace, content)| {
            content.rejected.iter().map(|(object, why)| RejectedObject {
                namespace: namespace.as_str().to_owned(),
                object: object.to_string(),
                reason: why.reason.clone(),
                keeps_last_good: why.keeps_last_good,
            })
        });
        of_namespace.collect()
    }
}

fn plugin(status: &PluginStatus) -> EdgePlugin {
    EdgePlugin {
        id: status.id.0,
        name: status.name.clone(),
        state: status.state.into(),
        reason: status.reason.clone(),
        required: status.required,
    }
}

/// As the API writes times; seconds since the Unix epoch.
fn utc(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

/// The address at which it is told. It can end and begin again, as another process may take the socket over and
/// then not serve.
pub(super) struct StatusApi {
    socket: TcpListener,
    tls: Option<AdminTls>,
    probes: Arc<dyn EdgeProbes>,
    serving: Option<(JoinHandle<()>, watch::Sender<bool>)>,
    ended: Ended,
}

impl StatusApi {
    /// One that does not serve yet; who connects waits.
    pub(super) fn new(
        socket: TcpListener,
        tls: Option<AdminTls>,
        probes: Arc<dyn EdgeProbes>,
        ended: Ended,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls, probes, serving: None, ended })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Its socket, to be handed over.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Serves from now on.
    ///
    /// # Errors
    /// When there are too many open files.
    pub(super) fn serve(&mut self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.socket.try_clone()?)?;
        let (stop, mut stopped) = watch::channel(false);
        let is_stopped = stopped.clone();
        let shutdown = async move {
            // A sender that is gone says the same as one that has spoken.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        };
        let serving = serve_status(listener, self.tls.clone(), self.probes.clone(), shutdown);
        let may_end = move || *is_stopped.borrow();
        let serving = self.ended.noticed("tells the status of this edge", may_end, serving);
        self.serving = Some((tokio::spawn(serving), stop));
        Ok(())
    }

    /// Finishes what it does and serves no more; who connects waits.
    pub(super) async fn end(&mut self) {
        let Some((serving, stop)) = self.serving.take() else { return };
        stop.send_replace(true);
        if let Err(error) = serving.await {
            tracing::error!(%error, "the status of the edge ended badly");
        }
    }
}

/// Tells that it cannot be served.
pub(super) fn unserved(error: &io::Error) -> Failure {
    Failure::failed(format!("the status of the edge cannot be served: {error}"))
}
