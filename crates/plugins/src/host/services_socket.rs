//! One unix socket over which a plugin reaches the host services, and whoever came in on it.
//!
//! Knows nothing of how the plugin hears of it.

use super::peer::Family;
use crate::rate_limited_log::RateLimitedLog;
use crate::services::HostServices;
use sidegate_model::plugin::PluginId;
use sidegate_transport::pinned::Acceptor;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// After a connection that could not be accepted.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long agreeing on TLS may take.
const TLS: Duration = Duration::from_secs(5);
/// Connections at one socket that agree on TLS at one time.
const MAX_HANDSHAKES: usize = 64;

/// Who serves whom, and how they talk.
#[derive(Clone)]
pub(super) struct ConnectionHandler {
    pub(super) plugin: PluginId,
    services: HostServices,
    /// With the option mtls.
    tls: Option<Acceptor>,
    /// The processes of the plugin.
    family: Family,
    warned: Arc<Warned>,
}

/// What was warned about.
#[derive(Default)]
struct Warned {
    strangers: RateLimitedLog,
    tls: RateLimitedLog,
    sockets: RateLimitedLog,
}

impl ConnectionHandler {
    /// Lets the processes of `family` in as this plugin, or whoever has its certificate where
    /// there is an acceptor.
    pub(super) fn new(
        plugin: PluginId,
        services: HostServices,
        family: Family,
        tls: Option<Acceptor>,
    ) -> Self {
        Self { plugin, services, tls, family, warned: Arc::default() }
    }

    /// Whether whoever is there may be the plugin. Its certificate, if it has one, is asked for later.
    pub(super) fn lets_in(&self, stream: &UnixStream) -> bool {
        let lets_in = self.tls.is_some() || self.family.has(stream);
        if !lets_in && let Some(times) = self.warned.strangers.due() {
            let plugin = self.plugin;
            tracing::warn!(
                %plugin,
                times,
                "a process that is not the plugin's dialled its host services and was turned away"
            );
        }
        lets_in
    }

    /// Serves one connection to its end.
    async fn serve(&self, stream: UnixStream, handshakes: &Semaphore) {
        // First of all, so that who only begins to talk is counted as well.
        let Some(slot) = self.services.reserve(self.plugin) else { return };
        let Some(tls) = &self.tls else {
            return self.services.serve_at(slot, stream).await;
        };
        let Ok(turn) = handshakes.try_acquire() else {
            return self.refuse(&format_args!("{MAX_HANDSHAKES} others are at it"));
        };
        let agreed = timeout(TLS, tls.accept(stream)).await;
        drop(turn);
        match agreed {
            Ok(Ok(stream)) => self.services.serve_at(slot, stream).await,
            Ok(Err(error)) => self.refuse(&error),
            Err(late) => self.refuse(&late),
        }
    }

    /// Says what is wrong with a socket of the plugin's host services.
    pub(super) fn warn(&self, what: &str, path: &Path, error: &io::Error) {
        if let Some(times) = self.warned.sockets.due() {
            let (plugin, path) = (self.plugin, path.display());
            tracing::warn!(%plugin, times, %path, %error, "{what}");
        }
    }

    fn refuse(&self, error: &dyn std::fmt::Display) {
        if let Some(times) = self.warned.tls.due() {
            let plugin = self.plugin;
            tracing::warn!(%plugin, times, %error, "TLS with a plugin that asks its host failed");
        }
    }
}

/// A socket; its file goes with it.
pub(super) struct ServicesSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ServicesSocket {
    /// Opens a fresh one in this folder.
    pub(super) fn open(dir: &Path, number: u64) -> io::Result<Self> {
        let path = dir.join(format!("b{number}"));
        let listener = UnixListener::bind(&path)?;
        Ok(Self { listener, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for ServicesSocket {
    fn drop(&mut self) {
        // Often it went with its folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What the connections at one socket share.
struct SharedState {
    open: AtomicUsize,
    handshakes: Semaphore,
    left: Arc<Notify>,
}

/// A connection that counts while it is open.
struct OpenConnection(Arc<SharedState>);

impl OpenConnection {
    fn enter(shared: &Arc<SharedState>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(shared.clone())
    }

    async fn attend(self, handler: ConnectionHandler, stream: UnixStream) {
        handler.serve(stream, &self.0.handshakes).await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_one();
    }
}

/// A socket that was used, in the care of a task that lets the plugin come back.
pub(super) struct UsedSocket {
    shared: Arc<SharedState>,
    task: AbortHandle,
}

impl UsedSocket {
    /// Keeps `socket`, through which `first` came in; `left` rings whenever a connection ends.
    pub(super) fn serve_on(
        socket: ServicesSocket,
        first: UnixStream,
        handler: ConnectionHandler,
        left: &Arc<Notify>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let handshakes = Semaphore::new(MAX_HANDSHAKES);
        let shared =
            Arc::new(SharedState { open: AtomicUsize::new(0), handshakes, left: left.clone() });
        let connection = OpenConnection::enter(&shared);
        let task = tasks.spawn(accept_all(socket, handler, shared.clone(), (connection, first)));
        Self { shared, task }
    }

    /// Whether nobody is in.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.open.load(Ordering::Relaxed) == 0
    }

    /// Closes it for ever.
    pub(super) fn close(&self) {
        self.task.abort();
    }
}

async fn accept_all(
    socket: ServicesSocket,
    handler: ConnectionHandler,
    shared: Arc<SharedState>,
    first: (OpenConnection, UnixStream),
) {
    let mut connections = JoinSet::new();
    let (connection, stream) = first;
    connections.spawn(connection.attend(handler.clone(), stream));
    loop {
        tokio::select! {
            came_in = socket.accept() => match came_in {
                Ok(stream) if handler.lets_in(&stream) => {
                    connections.spawn(OpenConnection::enter(&shared).attend(handler.clone(), stream));
                }
                Ok(_stranger) => {}
                Err(error) => {
                    handler.warn("a plugin cannot come in", socket.path(), &error);
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::no_storage::NoStorage;
    use sidegate_transport::pinned::{Identity, PeerCertificate};
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::watch;

    #[tokio::test]
    async fn who_connects_and_never_agrees_on_tls_takes_few_places_only() {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = watch::channel(Arc::default()).1;
        let services = HostServices::new(NoStorage::keepers(), snapshots, String::new());
        let (ours, theirs) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let peer = PeerCertificate::from_der(theirs.certificate_der()).unwrap();
        let tls = Some(Acceptor::new(&ours, &peer));
        let family = Family::of(std::process::id());
        let handler = ConnectionHandler::new(PluginId(1), services, family, tls);
        let socket = ServicesSocket::open(dir.path(), 1).unwrap();
        let path = socket.path().to_owned();
        let mut silent = vec![UnixStream::connect(&path).await.unwrap()];
        let first = socket.accept().await.unwrap();
        let mut tasks = JoinSet::new();
        let kept = UsedSocket::serve_on(socket, first, handler, &Arc::default(), &mut tasks);
        for _ in 1..MAX_HANDSHAKES {
            silent.push(UnixStream::connect(&path).await.unwrap());
        }
        // One more is closed at once, not after the time that TLS may take.
        let mut refused = UnixStream::connect(&path).await.unwrap();
        let end = timeout(TLS / 2, refused.read_u8()).await;
        assert!(matches!(end, Ok(Err(_))), "{end:?}");
        assert!(kept.shared.open.load(Ordering::Relaxed) <= MAX_HANDSHAKES + 1);
        // Where one gives up, there is a turn for another.
        silent.clear();
        while !kept.is_idle() {
            tokio::task::yield_now().await;
        }
        let mut next = UnixStream::connect(&path).await.unwrap();
        let end = timeout(ACCEPT_PAUSE, next.read_u8()).await;
        assert!(end.is_err(), "it may agree on TLS now: {end:?}");
    }
}
