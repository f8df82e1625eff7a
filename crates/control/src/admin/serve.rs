//! From a listener to the router: connections with limits, and an end that lets running requests
//! finish. Knows HTTP/1.1 (over TLS where it is told so) and nothing of the routes.

use super::auth::Peer;
use super::event_stream::Connection;
use super::frame::RequestDeadline;
use super::plugin_trial::MOST_TRIALS;
use super::router::{router, without_tls};
use super::state::{AdminState, ControlSettings, MOST_EVENT_STREAMS};
use super::tls::{AdminTls, Begun};
use crate::console::SigningIn;
use crate::control::Control;
use crate::edges::Edges;
use crate::fleet::{Fleet, NodeProbes};
use crate::inspector::Inspector;
use crate::needs::ShownCertificates;
use crate::plugin_pages::PluginPages;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long a client may take to send a request's head, the pause before it included.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after the system refused a connection, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is still read of a client that sends on after its answer, and for how long.
const DRAIN_BYTES: u64 = 16 * 1024 * 1024;
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// What the admin API is about.
#[derive(Clone)]
pub struct AdminParts {
    /// What is to be.
    pub control: Control,
    /// What is.
    pub fleet: Arc<dyn Fleet>,
    /// What is told to whoever watches the node beside.
    pub probes: Arc<dyn NodeProbes>,
    /// The edges of a control plane.
    pub edges: Option<Edges>,
    /// Who starts a program once, to see what it is.
    pub inspector: Arc<dyn Inspector>,
    /// Who asks plugins what their pages want.
    pub pages: Arc<dyn PluginPages>,
    /// The certificates that ports of this process show now.
    pub certificates: Arc<dyn ShownCertificates>,
}

/// Serves the admin API until `shutdown` resolves; then running requests may finish, within
/// [`ControlSettings::shutdown_timeout`].
pub async fn serve(
    listener: TcpListener,
    settings: ControlSettings,
    parts: AdminParts,
    shutdown: impl Future<Output = ()> + Send,
) {
    let limits = Limits {
        request_timeout: settings.request_timeout,
        max_connections: settings.max_connections,
        shutdown_timeout: settings.shutdown_timeout,
        tls: settings.tls.clone(),
    };
    let AdminParts { control, fleet, probes, edges, inspector, pages, certificates } = parts;
    let signing_in = SigningIn::new(&settings.console, &settings.sign_in_keys);
    let settings = Arc::new(settings);
    let event_streams = Arc::new(Semaphore::new(MOST_EVENT_STREAMS));
    let state = AdminState {
        control,
        fleet,
        probes,
        edges,
        inspector,
        pages,
        page_quotas: Arc::default(),
        page_notes: Arc::default(),
        page_memory: Arc::default(),
        started: Instant::now(),
        certificates,
        settings,
        signing_in,
        event_streams,
        trials: Arc::new(Semaphore::new(MOST_TRIALS)),
    };
    serve_router(listener, router(state), limits, shutdown).await;
}

/// What connections are served with, whatever is asked on them.
pub(crate) struct Limits {
    /// The longest a request may take, body included.
    pub(crate) request_timeout: Duration,
    /// Most connections at a time; more wait to be accepted.
    pub(crate) max_connections: usize,
    /// How long open connections may go on after the shutdown began.
    pub(crate) shutdown_timeout: Duration,
    /// What is shown over TLS; `None` is plain HTTP.
    pub(crate) tls: Option<AdminTls>,
}

/// Serves what a router has until `shutdown` resolves; then running requests may finish for a while.
pub(crate) async fn serve_router(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let without_tls = without_tls(RequestDeadline(limits.request_timeout));
    let routers = Routers { api: router, without_tls };
    let (ending, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (slot, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let tls = limits.tls.clone();
                    let peer = Peer(peer.ip().to_canonical());
                    let (routers, ending) = (routers.clone(), ending.subscribe());
                    let connection = begin(stream, peer, tls, routers, ending);
                    connections.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin API could not take a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    ending.send_replace(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_timeout, finish).await.is_err() {
        tracing::warn!("admin connections were still open at the end and are cut");
    }
    connections.shutdown().await;
}

/// What answers.
#[derive(Clone)]
struct Routers {
    api: Router,
    /// Where TLS is missing.
    without_tls: Router,
}

async fn begin(
    stream: TcpStream,
    peer: Peer,
    tls: Option<AdminTls>,
    routers: Routers,
    mut ending: watch::Receiver<bool>,
) {
    // Answers are small and written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve_connection(stream, peer, routers.api, ending).await;
    };
    let begun = tokio::select! {
        begun = tls.accept(stream) => begun,
        _ = ending.wait_for(|ending| *ending) => None,
    };
    match begun {
        Some(Begun::Tls(stream)) => serve_connection(*stream, peer, routers.api, ending).await,
        Some(Begun::WithoutTls(stream)) => {
            serve_connection(stream, peer, routers.without_tls, ending).await;
        }
        None => {}
    }
}

async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    mut ending: watch::Receiver<bool>,
) {
    let cut = Arc::new(Notify::new());
    let ours = Connection { ending: ending.clone(), cut: cut.clone() };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(ours.clone());
        Box::pin(router.clone().oneshot(request))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let is_ending = async {
        let _ = ending.wait_for(|ending| *ending).await;
    };
    let served = async {
        tokio::select! {
            outcome = poll_fn(|cx| connection.poll_without_shutdown(cx)) => return outcome,
            () = is_ending => {}
        }
        std::pin::Pin::new(&mut connection).graceful_shutdown();
        poll_fn(|cx| connection.poll_without_shutdown(cx)).await
    };
    let outcome = tokio::select! {
        outcome = served => outcome,
        // Whoever reads nothing is not waited for.
        () = cut.notified() => return,
    };
    match outcome {
        Ok(()) => close(connection.into_parts().io.into_inner()).await,
        Err(error) => tracing::debug!(%error, "an admin connection ended early"),
    }
}

/// Closes so that an answer given early is not lost on a client that is still sending: a socket
/// that is dropped with unread bytes takes back what it sent.
async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(DRAIN_BYTES), &mut tokio::io::sink()).await
    };
    // Whether the client heard all of it is its own business from here on.
    let _ = tokio::time::timeout(DRAIN_DEADLINE, drain).await;
}
