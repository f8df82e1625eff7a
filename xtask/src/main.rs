//! The repository's own tools: `codegen` writes the types of the protocol files, `tidy` keeps the
//! rules of the house that the compiler does not know.
//!
//! Only this file reads arguments and decides about exit codes.

mod codegen;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo run -p xtask -- codegen [--check] | tidy";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    match arguments.as_slice() {
        ["codegen"] => codegen::write(&root).map(|()| ExitCode::SUCCESS),
        ["codegen", "--check"] => codegen::check(&root).map(|()| ExitCode::SUCCESS),
        ["tidy"] => tidy::run(&root),
        _ => bail!("{USAGE}"),
    }
}

/// The folder above this crate, wherever the command was started.
fn workspace_root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder).to_path_buf()
}
