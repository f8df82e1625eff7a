//! The order of start and stop, and of the change from one process to the next, for every role. What a server is
//! made of is told in the file of its role.

use crate::certificate::{Renewals, Unread};
use crate::config::resolved::Config;
use crate::data_dir::{self, DataDir};
use crate::error::Failure;
use crate::inherited::Sockets;
use crate::logging::Logging;
use crate::reload::Reload;
use crate::server::Server;
use crate::signals::{Asked, Hangups, Signals};
use crate::succession::{self, Claim};
use crate::takeover::{Predecessor, TakeoverListener};
use sidegate_plugins::host::HostHandle;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Threads for supervision, admin API and database; requests have threads of their own.
const CONTROL_THREADS: usize = 2;
/// How long tasks that nobody waits for may take at the very end.
const LAST_TASKS: Duration = Duration::from_secs(2);
/// How long plugins may take to end when nobody wants to wait for requests any more.
const FORCED_STOP: Duration = Duration::from_secs(5);

/// What the process brings along, and how it is to start.
pub(crate) struct Process {
    /// SIGHUP, caught from the first moment on.
    pub(crate) hangups: Hangups,
    /// Its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// What SIGHUP does.
    pub(crate) reload: Reload,
    /// Where it is told that it listens.
    pub(crate) ready_file: Option<PathBuf>,
    /// Whether it takes over from the one that serves.
    pub(crate) takeover: bool,
    /// Sockets that listen already.
    pub(crate) sockets: Sockets,
}

/// What a role starts its parts with.
pub(super) struct Begin<'a> {
    /// The right to the data folder.
    pub(super) folder: &'a DataDir,
    /// The process that serves there now, where this one takes over.
    pub(super) predecessor: Option<u32>,
    /// Sockets that listen already.
    pub(super) sockets: Sockets,
    /// Where the levels of the logs are changed.
    pub(super) logging: Arc<Logging>,
    /// The files of certificates, as they were before they were read.
    pub(super) certificates: Unread,
    /// For a start that waits for somebody.
    pub(super) signals: &'a mut Signals,
}

/// Why a server ends.
enum Ended {
    /// It was asked to, by this signal.
    Asked(&'static str),
    /// Another process serves in its place.
    HandedOver,
    /// It cannot go on, for this reason.
    Broken(String),
}

/// Lives the life of a server until it is asked to stop: `start` makes its parts, or nothing where it was asked before.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(super) fn live<S: Server>(
    config: &Config,
    process: Process,
    certificates: Unread,
    start: impl AsyncFnOnce(Begin<'_>) -> Result<Option<S>, Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("sidegate-control")
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no runtime: {e}")))?;
    // Ends with the runtime.
    runtime.spawn(crate::orphans::reap());
    let outcome = runtime.block_on(run(config, process, certificates, start));
    runtime.shutdown_timeout(LAST_TASKS);
    outcome
}

async fn run<S: Server>(
    config: &Config,
    process: Process,
    certificates: Unread,
    start: impl AsyncFnOnce(Begin<'_>) -> Result<Option<S>, Failure>,
) -> Result<(), Failure> {
    let Process { hangups, reload, ready_file, takeover, mut sockets, .. } = process;
    let Claim { folder, predecessor } = Claim::of(config, takeover, &mut sockets).await?;
    let mut signals = Signals::listen(hangups)?;
    let begin = Begin {
        folder: &folder,
        predecessor: predecessor.as_ref().and_then(Predecessor::pid),
        sockets,
        logging: reload.logging(),
        certificates,
        signals: &mut signals,
    };
    let Some(mut server) = start(begin).await? else { return Ok(()) };
    let begun = match predecessor {
        Some(predecessor) => succession::succeed(&mut server, predecessor, &folder).await,
        None => server.serve(),
    };
    if let Err(failure) = begun {
        server.stop().await;
        return Err(failure);
    }
    server.announce(config);
    let listener = TakeoverListener::bind(&config.data_dir);
    if let Err(error) = &listener {
        tracing::warn!(%error, "no other process can take over from this one");
    }
    if let Some(path) = &ready_file {
        data_dir::write_at_once(path, server.ready_text())?;
    }
    let (renewals, broken) = (server.renewals(), server.broken());
    let handed_over = handed_over(&mut server, listener.ok(), &folder);
    let ended = tokio::select! {
        ended = until_end(handed_over, &mut signals, &reload, &renewals) => ended,
        reason = breaks(broken) => Ended::Broken(reason),
    };
    let outcome = end(&server, ended, ready_file.as_deref());
    server.stopping();
    let plugins = server.gateway().map(sidegate_gateway::Gateway::host);
    tokio::select! {
        () = server.stop() => {
            tracing::info!("stopped");
            outcome
        }
        signal = signals.stop() => {
            if let Some(plugins) = plugins {
                stop_plugins_now(&plugins, &mut signals).await;
            }
            Err(Failure::failed(format!("stopped without waiting, by a second signal ({signal})")))
        }
    }
}

/// Says why it ends; an error where it was not asked to.
fn end(server: &impl Server, ended: Ended, ready_file: Option<&Path>) -> Result<(), Failure> {
    match ended {
        Ended::Asked(signal) => {
            tracing::info!(signal, "stopping; a second signal stops at once");
            if let Some(path) = ready_file {
                let _ = std::fs::remove_file(path);
            }
        }
        Ended::HandedOver => {
            tracing::info!("another process serves; stopping");
            if let Some(gateway) = server.gateway() {
                gateway.handed_over();
            }
        }
        Ended::Broken(reason) => {
            let what = format!("this gateway cannot go on: {reason}");
            tracing::error!("{what}; stopping");
            return Err(Failure::failed(what));
        }
    }
    Ok(())
}

/// Comes back when it cannot go on.
async fn breaks(mut broken: watch::Receiver<Option<String>>) -> String {
    let told = broken.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    match told {
        Some(reason) => reason,
        // Nobody is there who could say so.
        None => std::future::pending().await,
    }
}

/// Comes back when another process serves; lets whoever asks try.
async fn handed_over(
    server: &mut impl Server,
    listener: Option<TakeoverListener>,
    folder: &DataDir,
) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        let successor = listener.accept().await;
        match succession::hand_over(server, successor, folder).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "nobody took over after all"),
        }
    }
}

/// Serves until somebody asks to stop, or another process serves; reloads where that is asked.
async fn until_end(
    handed_over: impl Future<Output = ()>,
    signals: &mut Signals,
    reload: &Reload,
    renewals: &Renewals,
) -> Ended {
    let mut handed_over = std::pin::pin!(handed_over);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop(signal) => return Ended::Asked(signal),
                Asked::Reload => {
                    reload.run();
                    renewals.reload();
                }
            },
            () = &mut handed_over => return Ended::HandedOver,
        }
    }
}

/// Requests are given up, but no process of a plugin may stay behind.
async fn stop_plugins_now(plugins: &HostHandle, signals: &mut Signals) {
    tokio::select! {
        _ = tokio::time::timeout(FORCED_STOP, plugins.shutdown()) => {}
        _ = signals.stop() => {}
    }
}
