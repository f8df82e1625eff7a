//! The command line: `sidegate …` against a running gateway.

use crate::binaries::program;
use crate::eventually::{PATIENCE, within};
use serde_json::Value;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// The command line with what it needs to find the gateway.
pub struct Cli {
    environment: Vec<(String, String)>,
}

/// What a finished command left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Its data.
    pub stdout: String,
    /// Its words to people.
    pub stderr: String,
}

impl Cli {
    /// A command line with nothing but this in its environment.
    pub fn with(environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { environment: environment.iter().map(owned).collect() }
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(program("sidegate"));
        command.args(arguments).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = within(PATIENCE, "a command", command.output()).await;
        let output = output.expect("the command can be started");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command that goes on until it is dropped, with its data for the story to read.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(program("sidegate"));
        command.args(arguments).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).spawn().expect("the command can be started")
    }

    /// Runs a command that must succeed, and gives its data.
    ///
    /// # Panics
    /// When it fails.
    pub async fn ok(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code, Some(0), "sidegate {arguments:?}: {finished:?}");
        finished.stdout
    }

    /// Runs a command that must succeed, with `--output json`, and gives its data.
    ///
    /// # Panics
    /// When it fails, or prints something else.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--output", "json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Runs a command that must fail with this exit code, and gives what it said.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub async fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code, Some(code), "sidegate {arguments:?}: {finished:?}");
        finished.stderr
    }
}
