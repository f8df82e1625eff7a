//! The process of a gateway: started with an environment of its own and its log in a file, watched, and
//! ended so that nothing of it and its plugins is left. Knows nothing of what it serves.

use crate::binaries::program;
use crate::binaries::search_path;
use crate::eventually::{PATIENCE, comes_true, eventually};
use crate::process::{descendants, is_alive, kill, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The admin token of every gateway that is not told another.
const ADMIN_TOKEN: &str = "sga_the-stories-own-admin-token";
/// How long processes may take to vanish after the gateway has ended.
const VANISH: Duration = Duration::from_secs(3);

/// All variables that a gateway is started with.
#[derive(Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// What most stories want.
    pub(crate) fn usual(data_dir: &Path) -> Self {
        let text = |value: &OsStr| value.to_str().expect("stories use text here").to_owned();
        let path = search_path();
        let variables = [
            ("PATH", text(&path)),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", "0".to_owned()),
            ("ADMIN_PORT", "0".to_owned()),
            ("DATA_DIR", text(data_dir.as_os_str())),
            ("SIDEGATE_ADMIN_TOKEN", ADMIN_TOKEN.to_owned()),
            // A story that leaves a stream open shall not wait for it at the end.
            ("SHUTDOWN_TIMEOUT", "1s".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
        ];
        Self(variables.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// Adds a variable, in place of the one of the same name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The token that the gateway was given, or else the one that lies in its data folder.
    pub(crate) fn admin_token(&self) -> String {
        if let Some(token) = self.get("SIDEGATE_ADMIN_TOKEN") {
            return token.to_owned();
        }
        if self.get("SIDEGATE_ROLE") == Some("edge") {
            return "an-edge-has-no-admin-token".to_owned();
        }
        let data_dir = self.get("DATA_DIR").expect("every gateway has a data folder");
        let token = fs::read_to_string(Path::new(data_dir).join("admin.token"));
        token.expect("a gateway without a token makes one").trim().to_owned()
    }
}

/// How a gateway is started.
pub(crate) struct Launch<'a> {
    pub(crate) environment: &'a Environment,
    /// Its soft limit, where it is not to be ours.
    pub(crate) open_files: Option<u64>,
    /// Where its log and its ready file go.
    pub(crate) folder: &'a Path,
    /// Where its log goes instead of the usual file.
    pub(crate) stderr: Option<PipeWriter>,
}

impl Launch<'_> {
    /// Starts `sidegate serve` with these flags, and does not wait.
    pub(crate) fn spawn(self, flags: &[&str]) -> Running {
        // What one before said of itself would be taken for this one's word.
        let _ = fs::remove_file(ready_file(self.folder));
        let log = log_file(self.folder);
        let file = fs::File::options().create(true).append(true).open(&log);
        let file = file.expect("the folder can be written to");
        let mut command = match self.open_files {
            None => Command::new(program("sidegate")),
            Some(limit) => {
                // The shell becomes the gateway, so the process stays the same.
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -Sn {limit} && exec \"$0\" \"$@\"")]);
                shell.arg(program("sidegate"));
                shell
            }
        };
        command
            .args(["serve", "--ready-file"])
            .arg(ready_file(self.folder))
            .args(flags)
            .env_clear()
            .envs(self.environment.0.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(self.stderr.map_or_else(|| Stdio::from(file), Stdio::from));
        let child = command.spawn().expect("the gateway's program can be started");
        Running { child, log, is_asked: false }
    }
}

/// The file in which a gateway says where it listens, once it does.
fn ready_file(folder: &Path) -> PathBuf {
    folder.join("ready.json")
}

/// The file that a gateway logs into.
pub(crate) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The process, ended when dropped.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
    /// A second signal would mean: at once.
    is_asked: bool,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as `kill -9` does, and waits for that only.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("a killed process ends");
    }

    /// Waits until it listens; gives what it says of itself.
    pub(crate) async fn wait_ready(&mut self, folder: &Path) -> Value {
        let text = eventually("the gateway is ready", async || {
            assert!(self.has_not_ended(), "the gateway ended at its start");
            fs::read_to_string(ready_file(folder)).ok()
        })
        .await;
        serde_json::from_str(&text).expect("the ready file is JSON")
    }

    /// Asks it to end, once.
    pub(crate) fn ask(&mut self) {
        if !self.is_asked && self.has_not_ended() {
            signal(self.child.id(), Signal::TERM);
            self.is_asked = true;
        }
    }

    fn has_not_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Ends it, by force where it must be, and tells everything that was not as promised.
    pub(crate) fn end(&mut self, secrets: &[String]) -> Vec<String> {
        let mut problems = Vec::new();
        let guards = descendants(self.child.id());
        let below = guards.iter().flat_map(|guard| descendants(*guard));
        let plugins: Vec<u32> = guards.iter().copied().chain(below).collect();
        self.ask();
        if !comes_true(PATIENCE, || !self.has_not_ended()) {
            problems.push(format!("the gateway did not end within {PATIENCE:?} after SIGTERM"));
            let _ = self.child.kill();
        }
        match self.child.wait() {
            Ok(status) if status.success() => {}
            ended => problems.push(format!("the gateway ended with {ended:?}")),
        }
        comes_true(VANISH, || !plugins.iter().any(|pid| is_alive(*pid)));
        for pid in plugins.into_iter().filter(|pid| is_alive(*pid)) {
            problems.push(format!("plugin process {pid} is left"));
            kill(pid);
        }
        problems.extend(self.leaks(secrets));
        problems
    }

    fn leaks(&self, secrets: &[String]) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let found = secrets.iter().filter(|secret| log.contains(secret.as_str()));
        found.map(|secret| format!("the log holds the secret {secret:?}")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_not_ended() {
            if let Ok(log) = fs::read_to_string(&self.log) {
                eprintln!("--- the gateway's log:\n{log}--- its end");
            }
            self.end(&[]);
        }
    }
}

/// A process that another one has taken over from.
pub struct Old(Running);

impl Old {
    pub(crate) fn new(running: Running) -> Self {
        Self(running)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Waits until it has ended by itself, and well.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(mut self) {
        let ended = async || self.0.child.try_wait().ok().flatten();
        let status = eventually("the old process ends by itself", ended).await;
        assert!(status.success(), "the old process ended with {status:?}");
    }
}
