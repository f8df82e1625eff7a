//! `sidegate completions`: what a shell needs to complete commands and flags.
//!
//! It asks nobody; the arguments themselves are told elsewhere.

use crate::error::Failure;
use crate::output::print;
use clap::{Args, ValueEnum};
use clap_complete::Shell;

/// A shell that can be helped.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

/// Print the completions of commands and flags for a shell
///
/// bash: `sidegate completions bash > /usr/share/bash-completion/completions/sidegate`. zsh: into a file _sidegate in
/// a folder of $fpath. fish: into ~/.config/fish/completions/sidegate.fish.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Known,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, command: &mut clap::Command) -> Result<(), Failure> {
    let shell = match arguments.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "sidegate", &mut script);
    print(&String::from_utf8_lossy(&script))
}
