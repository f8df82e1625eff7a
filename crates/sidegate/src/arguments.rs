//! What can be asked of the program, and which command does it.
//!
//! It knows the names of the commands; each command knows its own arguments.

use crate::commands::{
    admin_token, app, apply, audit, completions, config, console, control, db, diff, edge, explain,
    export, history, issuer, log_level, namespace, needs, plugin, routes, serve, status, token,
    user, version, whoami,
};
use crate::error::Failure;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::future::Future;

/// An edge gateway for plugins: programs that serve HTTP under /plugins/{slug}/.
///
/// `sidegate serve` runs the gateway. The other commands talk to its admin API, at SIDEGATE_URL,
/// with SIDEGATE_ADMIN_TOKEN or the file admin.token in DATA_DIR. They exit with 0 when it was done, and else with
/// 1 failed, 2 wrong arguments or values, 3 differences found, 4 not there, 5 conflict, 6 refused, 7 gateway unreachable.
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
    Issuer(issuer::Arguments),
    Token(token::Arguments),
    AdminToken(admin_token::Arguments),
    User(user::Arguments),
    Console(console::Arguments),
    Whoami(whoami::Arguments),
    Audit(audit::Arguments),
    Edge(edge::Arguments),
    Control(control::Arguments),
    Namespace(namespace::Arguments),
    History(history::Arguments),
    Routes(routes::Arguments),
    Needs(needs::Arguments),
    Status(status::Arguments),
    Explain(explain::Arguments),
    LogLevel(log_level::Arguments),
    Export(export::Arguments),
    Diff(diff::Arguments),
    Apply(apply::Arguments),
    Config(Box<config::Arguments>),
    Db(db::Arguments),
    Completions(completions::Arguments),
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
        Command::Issuer(arguments) => wait(issuer::run(&arguments)),
        Command::Token(arguments) => wait(token::run(&arguments)),
        Command::AdminToken(arguments) => wait(admin_token::run(&arguments)),
        Command::User(arguments) => wait(user::run(&arguments)),
        Command::Console(arguments) => wait(console::run(&arguments)),
        Command::Whoami(arguments) => wait(whoami::run(&arguments)),
        Command::Audit(arguments) => wait(audit::run(&arguments)),
        Command::Edge(arguments) => wait(edge::run(&arguments)),
        Command::Control(arguments) => wait(control::run(&arguments)),
        Command::Namespace(arguments) => wait(namespace::run(&arguments)),
        Command::History(arguments) => wait(history::run(&arguments)),
        Command::Needs(arguments) => wait(needs::run(&arguments)),
        Command::Routes(arguments) => wait(routes::run(&arguments)),
        Command::Status(arguments) => wait(status::run(&arguments)),
        Command::Explain(arguments) => wait(explain::run(&arguments)),
        Command::LogLevel(arguments) => wait(log_level::run(&arguments)),
        Command::Export(arguments) => wait(export::run(&arguments)),
        Command::Diff(arguments) => wait(diff::run(&arguments)),
        Command::Apply(arguments) => wait(apply::run(&arguments)),
        Command::Config(arguments) => config::run(&arguments),
        Command::Db(arguments) => wait(db::run(&arguments)),
        Command::Completions(arguments) => completions::run(&arguments, &mut Arguments::command()),
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

    #[test]
    fn the_arguments_contradict_themselves_nowhere() {
        Arguments::command().debug_assert();
    }

    /// What prints what is no data of the gateway, or nothing at all.
    const WITHOUT_OUTPUT: [&str; 6] = [
        "serve",
        "completions",
        "export",
        "control bootstrap-file",
        "control namespace-key",
        "plugin call",
    ];

    fn check(command: &clap::Command, path: &str) {
        let mut below = command.get_subcommands().filter(|it| it.get_name() != "help").peekable();
        if below.peek().is_none() && !WITHOUT_OUTPUT.contains(&path.trim()) {
            let output = command.get_arguments().find(|it| it.get_long() == Some("output"));
            let forms = output.map(clap::Arg::get_possible_values).unwrap_or_default();
            assert!(forms.iter().any(|form| form.get_name() == "json"), "sidegate{path}");
        }
        below.for_each(|it| check(it, &format!("{path} {}", it.get_name())));
    }

    #[test]
    fn every_command_that_shows_something_can_show_it_to_programs() {
        check(&Arguments::command(), "");
    }
}
