//! `sidegate serve`: runs the gateway until it is asked to stop.
//!
//! It turns settings into a running role; what the role does is told in `role.rs`.

use crate::config::layers::{Environment, Layers};
use crate::config::legacy;
use crate::config::others::NO_COLOUR;
use crate::error::Failure;
use crate::inherited::Sockets;
use crate::reload::{self, Reload};
use crate::role::Process;
use crate::setting_flags::SettingFlags;
use crate::signals::Hangups;
use crate::{logging, role};
use clap::Args;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use std::path::PathBuf;

/// Run the gateway: everything in one process, or with --role a part of it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Write the addresses and the process id here as JSON, once both listeners accept
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Take over from the gateway that uses the data folder, without a moment in which nobody
    /// listens; where none does, start as usual
    #[arg(long)]
    takeover: bool,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs the command; comes back when the gateway has stopped.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let hangups = Hangups::catch()?;
    let shielded = shield();
    let environment = Environment::of_process();
    let flags = &arguments.flags.0;
    let (layers, problems) = Layers::collect(&environment, flags);
    let config = reload::checked(&environment, &layers, problems)
        .map_err(|problems| Failure::settings(&problems))?;
    let names = environment.get("LISTEN_FDNAMES").and_then(|names| names.to_str());
    // Before there are threads: it changes the environment.
    let sockets = Sockets::passed(names.unwrap_or_default())?;
    let colour = environment.find(NO_COLOUR).is_none();
    let logging = logging::start(&config.log, config.threads(), colour)?;
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or(config.data_dir.clone());
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, data_dir = %data_dir.display(), "sidegate starts");
    if geteuid().is_root() {
        tracing::warn!("this runs as root, and so does every plugin: give it a user of its own");
    }
    if let Some(warning) = legacy::warning(&environment) {
        tracing::warn!("{warning}");
    }
    if let Err(error) = shielded {
        tracing::warn!(%error, "plugins of this user can read the gateway's memory and environment");
    }
    let reload = Reload::new(environment.clone(), flags.clone(), layers, logging.clone());
    let process = Process {
        hangups,
        environment: environment.into_pairs(),
        reload,
        ready_file: arguments.ready_file.clone(),
        takeover: arguments.takeover,
        sockets,
    };
    let outcome = role::run(&config, process);
    logging.flush();
    outcome
}

/// Closes this process's memory, environment and descriptors to others of the same user, which
/// plugins are. Programs that it starts are as open as any.
fn shield() -> rustix::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
