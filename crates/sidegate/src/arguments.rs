//! What can be asked of the program, and which command does it.
//!
//! It knows the names of the commands; each command knows its own arguments.

use crate::commands::{
    admin_token, app, audit, config, control, db, edge, explain, history, log_level, namespace,
    plugin, routes, serve, status, token, version, whoami,
};
use crate::error::Failure;
use clap::{Parser, Subcommand};
use std::future::Future;

/// An edge gateway for plugins: programs that serve HTTP under /plugins/{slug}/.
///
/// `sidegate serve` runs the gateway. The other commands talk to its admin API, at SIDEGATE_URL,
/// with SIDEGATE_ADMIN_TOKEN or the file admin.token in DATA_DIR. They exit with 0 when it was done,
/// 1 when it failed and 2 when the arguments or settings were wrong.
#[derive(Debug, Parser)]
#[command(name = "sidegate", version, disable_help_subcommand = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Plugin(plugin::Arguments),
    App(app::Arguments),
    Token(token::Arguments),
    AdminToken(admin_token::Arguments),
    Whoami(whoami::Arguments),
    Audit(audit::Arguments),
    Edge(edge::Arguments),
    Control(control::Arguments),
    Namespace(namespace::Arguments),
    History(history::Arguments),
    Routes(routes::Arguments),
    Status(status::Arguments),
    Explain(explain::Arguments),
    LogLevel(log_level::Arguments),
    Config(Box<config::Arguments>),
    Db(db::Arguments),
    Version(version::Arguments),
}

/// Reads the arguments of this process and does what they ask.
///
/// # Errors
/// Why it was not done. Wrong arguments do not come back: clap explains them and exits with 2.
pub(crate) fn run() -> Result<(), Failure> {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Plugin(arguments) => wait(plugin::run(&arguments)),
        Command::App(arguments) => wait(app::run(&arguments)),
        Command::Token(arguments) => wait(token::run(&arguments)),
        Command::AdminToken(arguments) => wait(admin_token::run(&arguments)),
        Command::Whoami(arguments) => wait(whoami::run(&arguments)),
        Command::Audit(arguments) => wait(audit::run(&arguments)),
        Command::Edge(arguments) => wait(edge::run(&arguments)),
        Command::Control(arguments) => wait(control::run(&arguments)),
        Command::Namespace(arguments) => wait(namespace::run(&arguments)),
        Command::History(arguments) => wait(history::run(&arguments)),
        Command::Routes(arguments) => wait(routes::run(&arguments)),
        Command::Status(arguments) => wait(status::run(&arguments)),
        Command::Explain(arguments) => wait(explain::run(&arguments)),
        Command::LogLevel(arguments) => wait(log_level::run(&arguments)),
        Command::Config(arguments) => config::run(&arguments),
        Command::Db(arguments) => wait(db::run(&arguments)),
        Command::Version(arguments) => version::run(&arguments),
    }
}

fn wait(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::failed(format!("no runtime: {e}")))?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_contradict_themselves_nowhere() {
        Arguments::command().debug_assert();
    }
}
