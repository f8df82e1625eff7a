//! A crate that knows no runtime does not bring one in either, through whatever it depends on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::finding::Finding;

/// The crates, by their folders.
const FREE: &[&str] = &["model"];
/// What they must not bring in.
const RUNTIMES: &[&str] = &["tokio", "tonic", "hyper"];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in FREE {
        let manifest = format!("crates/{name}/Cargo.toml");
        for found in runtimes(&tree(root, &manifest)?) {
            let message =
                format!("`{name}` brings in `{found}`; ask `cargo tree --invert {found}`");
            findings.push(Finding::new("runtime-free", &manifest, 1, message));
        }
    }
    Ok(findings)
}

/// All that a crate depends on outside of tests, one on each line.
fn tree(root: &Path, manifest: &str) -> Result<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--quiet", "--edges", "normal", "--prefix", "none", "--manifest-path"])
        .arg(root.join(manifest))
        .output()
        .context("start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo tree of {manifest}: {said}");
    String::from_utf8(output.stdout).context("cargo tree prints UTF-8")
}

fn runtimes(tree: &str) -> Vec<&'static str> {
    let names: Vec<&str> =
        tree.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    RUNTIMES.iter().copied().filter(|runtime| names.contains(runtime)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_found_by_its_whole_name() {
        let tree = "sidegate-model v0.1.0\nserde v1.0.0\ntokio-util v0.7.0\ntokio v1.0.0 (*)\n";
        assert_eq!(runtimes(tree), ["tokio"]);
        assert!(runtimes("sidegate-model v0.1.0\ntokio-util v0.7.0\n").is_empty());
    }
}
