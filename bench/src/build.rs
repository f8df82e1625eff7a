//! Builds what is measured, the same way as this program itself was built.

use crate::machine::root;
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of Cargo's that holds this program's own folder.
///
/// # Errors
/// When this program lies elsewhere than Cargo puts it.
pub fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let folder = own.ancestors().nth(2).context("this program lies in no target folder")?;
    Ok(folder.to_owned())
}

/// Builds the gateway and all programs of the benchmark in the place where this program is.
///
/// # Errors
/// When Cargo fails.
pub fn all() -> Result<()> {
    let what = ["-p", "sidegate", "-p", "sidegate-plugin-mcp", "-p", "sidegate-bench", "--bins"];
    cargo(&root(), &target_folder()?, &what)
}

/// Runs `cargo build` in a folder, for another target folder.
///
/// # Errors
/// When Cargo fails.
pub fn cargo(folder: &Path, target: &Path, what: &[&str]) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "which Cargo runs it, only Cargo tells")]
    let own = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(own);
    command.current_dir(folder).arg("build").args(what).arg("--target-dir").arg(target);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.status().context("start cargo")?;
    ensure!(status.success(), "cargo build failed in {}", folder.display());
    Ok(())
}

/// The folder below a target folder where programs end up.
pub fn profile_folder() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
