//! Where edges come in: the socket of a control plane, and the services behind it. It can end and begin again, because
//! another process may take over and then not serve.

use crate::error::Failure;
use futures_util::future::BoxFuture;
use sidegate_control::{Edges, Ended};
use sidegate_enrolment::{Clock, EdgeAcceptor, EnrolmentService};
use sidegate_sync::server::SyncService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long edges may take to hear that they are to go elsewhere.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Where edges come in.
pub(crate) struct EdgeDoor {
    addr: SocketAddr,
    edges: Edges,
    /// Listens already; who connects waits.
    socket: Option<TcpListener>,
    serving: Option<Serving>,
    /// Where it is told that nobody lets edges in any more.
    ended: Ended,
}

struct Serving {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl EdgeDoor {
    /// Nobody comes in yet.
    pub(crate) fn new(
        addr: SocketAddr,
        edges: Edges,
        socket: Option<TcpListener>,
        ended: Ended,
    ) -> Self {
        Self { addr, edges, socket, serving: None, ended }
    }

    /// A socket for it.
    ///
    /// # Errors
    /// Why it cannot listen there.
    pub(crate) fn bind(addr: SocketAddr) -> Result<TcpListener, Failure> {
        listen(addr).map_err(|e| unusable(addr, &e))
    }

    /// Lets edges in from now on.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => listen(self.addr)?,
        };
        let listener = tokio::net::TcpListener::from_std(socket)?;
        let (stop, stopped) = watch::channel(false);
        let (edges, clock) = (self.edges.clone(), Clock::system());
        let authorities = edges.authorities();
        let acceptor = EdgeAcceptor::new(authorities.clone(), edges.registry(), clock.clone());
        let accepted = acceptor.start(listener, stopped.clone());
        let enrolment = EnrolmentService::new(edges.enroller(), authorities, clock);
        let sync = SyncService::new(Arc::new(edges), env!("CARGO_PKG_VERSION"), stopped.clone());
        let broken = self.ended.clone();
        let mut tasks = JoinSet::new();
        let mut spawn = |name, task: BoxFuture<'static, ()>| {
            let is_stopped = stopped.clone();
            tasks.spawn(broken.noticed(name, move || *is_stopped.borrow(), task));
        };
        let serving = async move { ended("edges", sync.serve(accepted.edges).await) };
        spawn("serves edges", Box::pin(serving));
        let (enrolling, stop_enrolling) = (accepted.enrolling, stopped.clone());
        let serving = enrolment.serve(enrolling, stop_enrolling);
        let serving = async move { ended("enrolment", serving.await) };
        spawn("lets edges join", Box::pin(serving));
        let accepting = async move {
            let _ = accepted.accepting.await;
        };
        spawn("lets edges in", Box::pin(accepting));
        self.serving = Some(Serving { stop, tasks });
        Ok(())
    }

    /// Sends edges elsewhere; nobody listens any more.
    pub(crate) async fn close(&mut self) {
        self.socket = None;
        let Some(Serving { stop, mut tasks }) = self.serving.take() else { return };
        stop.send_replace(true);
        let finished = async { while tasks.join_next().await.is_some() {} };
        if timeout(LEAVE_WITHIN, finished).await.is_err() {
            tracing::info!("edges that did not leave in time are cut");
        }
        tasks.shutdown().await;
    }
}

fn ended<E: std::fmt::Display>(who: &str, outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "the service of {who} ended badly");
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(addr)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Why nobody comes in.
pub(crate) fn unusable(addr: SocketAddr, error: &io::Error) -> Failure {
    Failure::failed(format!("edges cannot be listened for on {addr}: {error}")).hint(
        "stop what listens there, or set SIDEGATE_SYNC_PORT (or SIDEGATE_SYNC_HOST) to another",
    )
}
