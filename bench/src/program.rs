//! Programs that are measured: found beside this one, started on given cores, ended by their ids.

use crate::kernel::{descendants, pin};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The core of everything that is measured.
pub const MEASURED: &[usize] = &[0];
/// The core of the load.
pub const LOAD: &[usize] = &[1];
/// Both, where a contestant is measured on two.
pub const BOTH: &[usize] = &[0, 1];
/// How long a program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The path of a program that was built together with this one.
///
/// # Errors
/// When it was not.
pub fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let missing = format!("{name} is not built beside {}", own.display());
    found.into_iter().find(|path| path.is_file()).context(missing)
}

/// Where this machine has its programs; those that are started get no other environment.
#[expect(clippy::disallowed_methods, reason = "only this tells")]
pub fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Where a program of the system is, also where a user's search path does not lead.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = search_path();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A running program. It is ended when this is dropped, and so is everything it started.
#[derive(Debug)]
pub struct Program {
    child: Child,
    name: String,
    log: PathBuf,
    ends_at: Signal,
}

impl Program {
    /// Starts a program on these cores; stderr goes to a file in `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, cores: &[usize], folder: &Path) -> Result<Self> {
        let name = PathBuf::from(command.get_program());
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        // A child inherits the cores of the thread that starts it.
        pin(cores)?;
        let child = command.spawn();
        pin(LOAD)?;
        let child = child.with_context(|| format!("start {name}"))?;
        Ok(Self { child, name, log, ends_at: Signal::TERM })
    }

    /// Whoever leaves signals to its host ends at this one, without delay.
    pub(crate) fn killed_at_the_end(mut self) -> Self {
        self.ends_at = Signal::KILL;
        self
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file that has its standard error.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process and all below it.
    pub fn family(&self) -> Vec<u32> {
        let mut family = vec![self.pid()];
        family.extend(descendants(self.pid()));
        family
    }

    /// The first line it prints. Blocks, so only for programs that print one at once.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn first_line(&mut self) -> Result<String> {
        let stdout: ChildStdout = self.child.stdout.take().context("stdout was read before")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} printed nothing: {}", self.name, self.last_words());
        Ok(line.trim_end().to_owned())
    }

    /// Waits until `ready` gives something.
    ///
    /// # Errors
    /// When the program ends, or nothing comes in time.
    pub async fn wait_for<T>(&mut self, ready: impl AsyncFn() -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(ready) = ready().await {
                return Ok(ready);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.last_words());
            }
            ensure!(Instant::now() < end, "{} is not ready: {}", self.name, self.last_words());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(1500)..]).into_owned();
        if text.is_empty() { "it logged nothing".to_owned() } else { text }
    }

    fn end(&mut self) {
        let family = descendants(self.pid());
        signal(self.pid(), self.ends_at);
        let end = std::time::Instant::now() + Duration::from_secs(5);
        while std::time::Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            #[expect(clippy::disallowed_methods, reason = "nobody can await in a drop")]
            std::thread::sleep(Duration::from_millis(10));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // Those that outlive it, for whatever reason: their ids are known, and their names checked.
        for pid in family {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if ["sidegate", "bench-", "nginx"].iter().any(|ours| name.starts_with(ours)) {
                signal(pid, Signal::KILL);
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that has ended needs no signal.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}
