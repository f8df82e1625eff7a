//! One unix socket over which a plugin reaches the host services, and whoever came in on it.
//!
//! Knows nothing of how the plugin hears of it.

use crate::services::HostServices;
use sidegate_model::plugin::PluginId;
use sidegate_transport::pinned::Acceptor;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// After a connection that could not be accepted.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long agreeing on TLS may take.
const TLS: Duration = Duration::from_secs(5);

/// Who serves whom, and how they talk.
#[derive(Clone)]
pub(super) struct Porter {
    pub(super) plugin: PluginId,
    pub(super) services: HostServices,
    /// With the option mtls.
    pub(super) tls: Option<Acceptor>,
}

impl Porter {
    /// Serves one connection to its end.
    async fn serve(&self, stream: UnixStream) {
        let Some(tls) = &self.tls else {
            return self.services.serve(self.plugin, stream).await;
        };
        let refused = |error: &dyn std::fmt::Display| {
            let plugin = self.plugin;
            tracing::warn!(%plugin, %error, "TLS with a plugin that asks its host failed");
        };
        match timeout(TLS, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.services.serve(self.plugin, stream).await,
            Ok(Err(error)) => refused(&error),
            Err(late) => refused(&late),
        }
    }
}

/// A socket; its file goes with it.
pub(super) struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
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

impl Drop for Door {
    fn drop(&mut self) {
        // Often it went with its folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connection that counts while it is open.
struct Guest {
    open: Arc<AtomicUsize>,
    left: Arc<Notify>,
}

impl Guest {
    fn enter(open: &Arc<AtomicUsize>, left: &Arc<Notify>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { open: open.clone(), left: left.clone() }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.left.notify_one();
    }
}

/// A door that was used, in the care of a task that lets the plugin come back.
pub(super) struct Kept {
    open: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Kept {
    /// Keeps `door`, through which `first` came in; `left` rings whenever a connection ends.
    pub(super) fn keep(
        (door, first): (Door, UnixStream),
        porter: Porter,
        left: &Arc<Notify>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (open, left) = (Arc::default(), left.clone());
        let guest = Guest::enter(&open, &left);
        let counted = open.clone();
        let task = tasks.spawn(async move {
            let mut guests = JoinSet::new();
            guests.spawn(attend(porter.clone(), first, guest));
            loop {
                tokio::select! {
                    came_in = door.accept() => match came_in {
                        Ok(stream) => {
                            let guest = Guest::enter(&counted, &left);
                            guests.spawn(attend(porter.clone(), stream, guest));
                        }
                        Err(error) => {
                            let (plugin, path) = (porter.plugin, door.path().display());
                            tracing::warn!(%plugin, %path, %error, "a plugin cannot come in");
                            sleep(ACCEPT_PAUSE).await;
                        }
                    },
                    Some(_) = guests.join_next() => {}
                }
            }
        });
        Self { open, task }
    }

    /// Whether nobody is in.
    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Closes it for ever.
    pub(super) fn close(&self) {
        self.task.abort();
    }
}

async fn attend(porter: Porter, stream: UnixStream, _guest: Guest) {
    porter.serve(stream).await;
}
