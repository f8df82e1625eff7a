//! The roles of this program; so far one: everything in one process.
//!
//! It holds the order of start and stop, and of the change from one process to the next; what a
//! server is made of is told in `running.rs`.

use crate::certificate::{Renewals, Unread};
use crate::config::resolved::Config;
use crate::data_dir::{self, DataDir};
use crate::error::Failure;
use crate::inherited::Sockets;
use crate::plane;
use crate::reload::Reload;
use crate::running::{Parts, Running};
use crate::signals::{Asked, Hangups, Signals};
use crate::succession::{self, Claim};
use crate::takeover::{Predecessor, TakeoverListener};
use sidegate_gateway::GatewaySettings;
use sidegate_plugins::host::HostHandle;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

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

/// Why a server ends.
enum Ended {
    /// It was asked to, by this signal.
    Asked(&'static str),
    /// Another process serves in its place.
    HandedOver,
}

/// Runs gateway, control plane and store in this process until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(crate) fn standalone(config: &Config, mut process: Process) -> Result<(), Failure> {
    let environment = std::mem::take(&mut process.environment);
    let open_files = crate::open_files::raise_limit();
    let certificates = Unread::look(config);
    let mut gateway = plane::settings(config, environment, process.reload.logging().logs())?;
    gateway.host.open_files = open_files;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("sidegate-control")
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no runtime: {e}")))?;
    // Ends with the runtime.
    runtime.spawn(crate::orphans::reap());
    let outcome = runtime.block_on(run(config, gateway, certificates, process));
    runtime.shutdown_timeout(LAST_TASKS);
    outcome
}

async fn run(
    config: &Config,
    mut gateway: GatewaySettings,
    certificates: Unread,
    process: Process,
) -> Result<(), Failure> {
    let Process { hangups, reload, ready_file, takeover, mut sockets, .. } = process;
    let Claim { folder, predecessor } = Claim::of(config, takeover, &mut sockets).await?;
    gateway.host.predecessor = predecessor.as_ref().and_then(Predecessor::pid);
    let token = match &config.admin_token {
        Some(token) => token.clone(),
        None => data_dir::admin_token_of(&folder, &config.data_dir)?,
    };
    let mut signals = Signals::listen(hangups)?;
    let logging = reload.logging();
    let parts = Parts { gateway, token: &token, sockets, logging, certificates };
    let mut running = Running::start(config, parts).await?;
    let begun = match predecessor {
        Some(predecessor) => succession::succeed(&mut running, predecessor, &folder).await,
        None => running.serve(),
    };
    if let Err(failure) = begun {
        running.stop().await;
        return Err(failure);
    }
    running.announce(config);
    let listener = TakeoverListener::bind(&config.data_dir);
    if let Err(error) = &listener {
        tracing::warn!(%error, "no other process can take over from this one");
    }
    if let Some(path) = &ready_file {
        data_dir::write_at_once(path, &running.ready_text())?;
    }
    let renewals = running.renewals();
    let handed_over = handed_over(&mut running, listener.ok(), &folder);
    match until_end(handed_over, &mut signals, &reload, &renewals).await {
        Ended::Asked(signal) => {
            tracing::info!(signal, "stopping; a second signal stops at once");
            if let Some(path) = ready_file {
                let _ = std::fs::remove_file(path);
            }
        }
        Ended::HandedOver => {
            tracing::info!("another process serves; stopping");
            running.gateway.handed_over();
        }
    }
    // Whoever loses the right to a stream at the new server loses it here too.
    running.control.follow_callers_only(true);
    let plugins = running.gateway.host();
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(())
        }
        signal = signals.stop() => {
            stop_plugins_now(&plugins, &mut signals).await;
            Err(Failure::failed(format!("stopped without waiting, by a second signal ({signal})")))
        }
    }
}

/// Comes back when another process serves; lets whoever asks try.
async fn handed_over(running: &mut Running, listener: Option<TakeoverListener>, folder: &DataDir) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        let successor = listener.accept().await;
        match succession::hand_over(running, successor, folder).await {
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
