//! The admin API in this process: its socket, and the task that serves there. It can end and begin
//! again, because another process may take the socket over and then not serve.

use reqwest::header::HeaderMap;
use sidegate_control::{AdminParts, ClientAddresses, ControlSettings};
use sidegate_gateway::{Proxies, client_of};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Believes on the admin port the proxies that are believed on that of clients.
pub(crate) struct ByProxies(pub(crate) Proxies);

impl ClientAddresses for ByProxies {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client_of(peer, headers, &self.0)
    }
}

/// The admin API.
pub(crate) struct AdminApi {
    socket: TcpListener,
    settings: ControlSettings,
    parts: AdminParts,
    /// Whoever serves, and how it is told to end.
    serving: Option<(JoinHandle<()>, watch::Sender<bool>)>,
}

impl AdminApi {
    /// An admin API that does not serve yet; who connects waits.
    pub(crate) fn new(
        socket: TcpListener,
        settings: ControlSettings,
        parts: AdminParts,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, settings, parts, serving: None })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Its socket, to be handed over.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Serves from now on.
    pub(crate) fn serve(&mut self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.socket.try_clone()?)?;
        let (stop, mut stopped) = watch::channel(false);
        let is_stopped = stopped.clone();
        let shutdown = async move {
            // A sender that is gone says the same as one that has spoken.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        };
        let (settings, parts) = (self.settings.clone(), self.parts.clone());
        let ended = self.parts.control.ended().clone();
        let serving = sidegate_control::serve(listener, settings, parts, shutdown);
        let may_end = move || *is_stopped.borrow();
        let serving = ended.noticed("serves the admin API", may_end, serving);
        self.serving = Some((tokio::spawn(serving), stop));
        Ok(())
    }

    /// Finishes what it does and serves no more; who connects waits.
    pub(crate) async fn end(&mut self) {
        let Some((serving, stop)) = self.serving.take() else { return };
        stop.send_replace(true);
        if let Err(error) = serving.await {
            tracing::error!(%error, "the admin API ended badly");
        }
    }
}
