//! Where and on what a run took place: the head of every report.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The machine, the revision and the versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Name of the processor.
    pub processor: String,
    /// How many cores.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// The commit that was built.
    pub revision: String,
    /// Whether the working tree had more than the commit.
    pub is_dirty: bool,
    /// Of compiler and nginx.
    pub versions: Vec<String>,
    /// Whether optimised programs were measured.
    pub is_release: bool,
    /// When, in UTC.
    pub day: String,
}

impl Machine {
    /// Looks at the machine and at the repository.
    ///
    /// # Errors
    /// When this is not Linux, or there is no git.
    pub fn look(nginx: Option<&Path>) -> Result<Self> {
        let root = root();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("the benchmark needs Linux")?;
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let processor =
            processor.map_or("unknown", |name| name.trim_start_matches(['\t', ' ', ':']));
        let mut versions = vec![said(Command::new("rustc").arg("--version"))?];
        if let Some(nginx) = nginx {
            // It tells its version on stderr.
            let output = Command::new(nginx).arg("-v").output()?;
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            versions.push(text.trim_start_matches("nginx version: ").to_owned());
        }
        let changes = said(git(&root).args(["status", "--porcelain"]))?;
        Ok(Self {
            processor: processor.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: said(Command::new("uname").args(["-sr"]))?,
            revision: said(git(&root).args(["rev-parse", "--short=12", "HEAD"]))?,
            is_dirty: !changes.is_empty(),
            versions,
            is_release: !cfg!(debug_assertions),
            day: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        })
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// git in a folder.
pub fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder);
    git
}

/// Runs a command to its end; gives what it printed.
///
/// # Errors
/// When it fails, with what it said.
pub fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {words}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
