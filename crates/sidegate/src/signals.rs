//! The signals by which a person or an init system asks something of the server.
//!
//! It knows which they are, not what stopping or reloading means.

use crate::error::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read the settings again.
    Reload,
}

/// SIGHUP from the first moment on: it never ends this process, and one that comes while the server is
/// started counts once it serves.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Catches them from now on. Not ignored, because plugins would inherit that.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub(crate) fn catch() -> Result<Self, Failure> {
        // It has no thread and ends here; what was caught waits for the runtime of the server.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let caught = runtime.and_then(|runtime| {
            let _inside = runtime.enter();
            signal(SignalKind::hangup())
        });
        caught.map(Self).map_err(|e| not_received(&e))
    }
}

fn not_received(error: &std::io::Error) -> Failure {
    Failure::failed(format!("signals cannot be received: {error}"))
}

/// SIGTERM, SIGINT and SIGHUP, in the order in which they come.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens from now on, to SIGHUP since it was caught; nothing that comes later is lost.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub(crate) fn listen(hangups: Hangups) -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| not_received(&e));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: hangups.0,
        })
    }

    /// What is asked next.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// The next signal that asks to stop, by its name; reloads are of no use any more.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(name) = self.next().await {
                return name;
            }
        }
    }
}
