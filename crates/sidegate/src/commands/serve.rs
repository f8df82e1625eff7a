//! `sidegate serve`: runs the gateway until it is asked to stop.
//!
//! It turns settings into a running role; what the role does is told in `role.rs`.

use crate::config::layers::{Environment, Layers};
use crate::config::legacy;
use crate::config::resolved::Config;
use crate::error::Failure;
use crate::setting_flags::SettingFlags;
use crate::{logging, role};
use clap::Args;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::path::PathBuf;

/// Run the gateway: clients, plugins, admin API and database in one process
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Write the addresses and the process id here as JSON, once both listeners accept
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs the command; comes back when the gateway has stopped.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let shielded = shield();
    let environment = Environment::of_process();
    let (layers, mut problems) = Layers::collect(&environment, &arguments.flags.0);
    problems.extend(legacy::unknown_role(&environment));
    let config = match Config::resolve(&layers) {
        Ok(config) if problems.is_empty() => config,
        outcome => {
            problems.extend(outcome.err().unwrap_or_default());
            return Err(Failure::settings(&problems));
        }
    };
    logging::start(&config.log, environment.get("NO_COLOR").is_none());
    if let Some(warning) = legacy::warning(&environment) {
        tracing::warn!("{warning}");
    }
    if let Err(error) = shielded {
        tracing::warn!(%error, "plugins of this user can read the gateway's memory and environment");
    }
    role::standalone(&config, environment.into_pairs(), arguments.ready_file.as_deref())
}

/// Closes this process's memory, environment and descriptors to others of the same user, which
/// plugins are. Programs that it starts are as open as any.
fn shield() -> rustix::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
