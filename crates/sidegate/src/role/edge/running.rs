//! A running edge: what its parts do at a start, at a change from one process to the next, and at a stop.

use super::link::{Link, LinkParts};
use super::replica::{Believing, Opening, on_disk};
use super::served::ServingHost;
use super::status::{StatusApi, unserved};
use super::token_uses::LastUses;
use crate::certificate::Renewals;
use crate::config::resolved::Config;
use crate::error::Failure;
use crate::plane;
use crate::server::Server;
use sidegate_control::{Ended, Tasks};
use sidegate_gateway::Gateway;
use sidegate_store::EdgeStore;
use sidegate_sync::edge::Replica;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long what was written last may take to be live.
const APPLY_DEADLINE: Duration = Duration::from_secs(10);

/// All parts of a running edge.
pub(super) struct Edge {
    pub(super) store: EdgeStore,
    pub(super) gateway: Gateway,
    pub(super) status: StatusApi,
    pub(super) status_addr: SocketAddr,
    pub(super) renewals: Renewals,
    pub(super) parts: LinkParts,
    /// Snapshots that are open and not yet the link's.
    pub(super) opened: Option<Replica<ServingHost>>,
    pub(super) link: Option<Link>,
    pub(super) last_uses: LastUses,
    pub(super) broken: Ended,
    /// What it is called, for the log.
    pub(super) name: String,
    pub(super) _beside: Tasks,
}

impl Edge {
    fn link(&mut self, replica: Option<Replica<ServingHost>>) {
        self.link = Some(Link::start(self.parts.clone(), replica));
    }

    fn opening(&self) -> &Opening {
        &self.parts.opening
    }
}

impl Server for Edge {
    fn gateway(&self) -> Option<&Gateway> {
        Some(&self.gateway)
    }

    fn admin_socket(&self) -> BorrowedFd<'_> {
        self.status.socket()
    }

    fn renewals(&self) -> Renewals {
        self.renewals.clone()
    }

    fn serve(&mut self) -> Result<(), Failure> {
        self.status.serve().map_err(|error| unserved(&error))?;
        if self.link.is_none() {
            let opened = self.opened.take();
            self.link(opened);
        }
        self.gateway.accept();
        Ok(())
    }

    fn announce(&self, config: &Config) {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let clients = format!("{scheme}://{}", self.gateway.local_addr());
        let (edge, status) = (&self.name, self.status_addr);
        let namespaces = self.parts.opening.host.served().borrow().len();
        tracing::info!(clients, %status, edge, namespaces, "sidegate listens, as an edge");
    }

    fn ready_text(&self) -> String {
        plane::ready_text(Some(self.gateway.local_addr()), self.status_addr)
    }

    fn broken(&self) -> watch::Receiver<Option<String>> {
        self.broken.follow()
    }

    async fn step_back(&mut self) {
        self.status.end().await;
        if let Some(link) = self.link.take() {
            self.last_uses.told(&self.parts.ends.contact).await;
            link.stop().await;
        }
    }

    async fn step_up(&mut self) -> io::Result<()> {
        // Another process may have written in the meantime.
        self.link(None);
        self.status.serve()
    }

    async fn catch_up(&mut self) -> Result<(), Failure> {
        self.opened = None;
        let Some(identity) = &self.parts.identity else { return Ok(()) };
        let believing = Believing::of(identity)?;
        let opening = self.opening().clone();
        let replica = on_disk(move || opening.open(&believing)).await?;
        let revision = self.opening().host.revision();
        let mut applied = self.gateway.applied();
        let live = timeout(APPLY_DEADLINE, applied.wait_for(|seen| *seen >= revision));
        if !matches!(live.await, Ok(Ok(_))) {
            return Err(Failure::failed("the last snapshot did not become live in time"));
        }
        self.opened = Some(replica);
        Ok(())
    }

    /// Clients first, then plugins (both the gateway's business), then the link, which can tell until the end how
    /// far it is, then what plugins keep.
    async fn stop(mut self) {
        self.gateway.shutdown().await;
        if let Some(link) = self.link.take() {
            self.last_uses.told(&self.parts.ends.contact).await;
            link.stop().await;
        }
        self.status.end().await;
        self.store.close().await;
    }
}
