//! Starts the program in an environment of its own and ends it again, whatever the test does.

use crate::eventually::{PATIENCE, some_time_blocking};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// Its data, when all went well.
    #[track_caller]
    pub(crate) fn data(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Its data as JSON, when all went well.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.data()).unwrap()
    }

    /// What it said, when it failed as it should.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }
}

/// The program with nothing in its environment and no terminal.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end, or ends it when it takes too long.
#[track_caller]
pub(crate) fn finish(command: &mut Command) -> Finished {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, (done, finished)) = (child.id(), std::sync::mpsc::sync_channel(1));
    std::thread::spawn(move || done.send(child.wait_with_output()));
    match finished.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap().into(),
        Err(_) => {
            let _ = Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status();
            panic!("{command:?} does not end");
        }
    }
}

/// Runs the program to its end.
#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Finished {
    finish(&mut program(arguments))
}

/// A running server with a data folder of its own.
pub(crate) struct Server {
    child: Child,
    folder: Option<TempDir>,
    admin: String,
}

impl Server {
    /// Starts a server on free ports and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// Starts one more time where a server that has ended has kept everything.
    pub(crate) fn start_again(mut self) -> Self {
        self.ended();
        Self::start_in(self.folder.take().unwrap(), &[])
    }

    /// Starts a server that has its runtime folder below this one.
    pub(crate) fn start_at(folder: TempDir, temporary: &Path) -> Self {
        let mut command = serve(&folder.path().join("data"));
        command.env("RUNTIME_DIRECTORY", temporary.join("sidegate"));
        #[expect(
            clippy::disallowed_methods,
            reason = "where a machine has its shell, only this tells"
        )]
        command.env("PATH", std::env::var_os("PATH").unwrap());
        Self::spawn(folder, command)
    }

    fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let mut command = serve(&folder.path().join("data"));
        command.args(arguments);
        Self::spawn(folder, command)
    }

    fn spawn(folder: TempDir, mut command: Command) -> Self {
        let ready = folder.path().join("ready.json");
        command.arg("--ready-file").arg(&ready);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        let text = some_time_blocking(|| match std::fs::read_to_string(&ready) {
            Ok(text) => Some(text),
            Err(_) => child.try_wait().unwrap().map(|ended| format!("{ended}")),
        });
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        let said: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
        // Made before anything can fail, so that whatever runs is ended.
        let server = Self {
            admin: said["admin_addr"].as_str().unwrap_or_default().to_owned(),
            folder: Some(folder),
            child,
        };
        assert_eq!(said["pid"], server.child.id(), "not ready: {log}");
        server
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Where it keeps everything.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Where the ready file is while it runs.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder().join("ready.json")
    }

    /// Where its admin API listens.
    pub(crate) fn admin_addr(&self) -> &str {
        &self.admin
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap()
    }

    /// Waits until it has logged a text.
    #[track_caller]
    pub(crate) fn logged(&self, text: &str) {
        let found = some_time_blocking(|| self.log().contains(text).then_some(()));
        assert!(found.is_some(), "{text} in {}", self.log());
    }

    /// A command that talks to this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("SIDEGATE_URL", format!("http://{}", self.admin));
        command.env("DATA_DIR", self.data_dir());
        command
    }

    /// Runs a command against this server.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        finish(&mut self.command(arguments))
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end and gives the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = some_time_blocking(|| self.child.try_wait().unwrap());
        status.unwrap_or_else(|| panic!("it does not end: {}", self.log())).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal("TERM");
            some_time_blocking(|| self.child.try_wait().unwrap_or_default());
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `sidegate serve` on free ports of this machine.
pub(crate) fn serve(data_dir: &Path) -> Command {
    let mut command =
        program(&["serve", "--host", "127.0.0.1", "--port", "0", "--admin-port", "0"]);
    command.arg("--data-dir").arg(data_dir);
    command
}
