//! A running gateway: the real program with a folder, ports and an environment of its own. When a
//! story lets go of it, it is ended, and nothing of it and its plugins may be left.

use crate::admin::Admin;
use crate::app::AppBuilder;
use crate::certificate::Certificate;
use crate::cli::Cli;
use crate::client::{Connection, Request, Version};
use crate::eventually::eventually;
use crate::plugin::{Plugin, PluginBuilder};
use crate::process::descendants;
use crate::raw::Raw;
use crate::running::{Environment, Launch, Old, Running, log_file};
use std::fs;
use std::io::PipeWriter;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::panicking;
use tempfile::TempDir;

/// A gateway that is about to start.
#[must_use = "a gateway is started by start"]
pub struct GatewayBuilder {
    environment: Environment,
    open_files: Option<u64>,
    folder: TempDir,
    /// Where its log goes instead of the usual file.
    stderr: Option<PipeWriter>,
}

impl GatewayBuilder {
    /// Adds a variable to its environment, in place of what the harness would set.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        let value = value.as_ref().to_str().expect("stories use text here");
        self.environment.set(name, value);
        self
    }

    /// Lets clients come over TLS, with a certificate of their own.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn tls(self) -> (Self, Certificate) {
        let certificate = Certificate::in_folder(self.folder());
        let builder = self
            .env("TLS_ENABLED", "true")
            .env("TLS_CERT_PATH", &certificate.certificate)
            .env("TLS_KEY_PATH", &certificate.key);
        (builder, certificate)
    }

    /// Takes a variable out of its environment that the harness would set.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Lets it log into a pipe, which the story reads or not.
    pub fn stderr(mut self, pipe: PipeWriter) -> Self {
        self.stderr = Some(pipe);
        self
    }

    /// Starts it with this soft limit of open files.
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// With its database on a server, and the key of its secrets in a file.
    ///
    /// # Panics
    /// When that file cannot be written.
    pub fn database(self, dsn: impl AsRef<std::ffi::OsStr>) -> Self {
        let key = self.folder().join("key-of-secrets");
        // 32 bytes that are no secret.
        std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("a file");
        self.env("DATABASE_DSN", dsn).env("SIDEGATE_SECRETS_KEY_FILE", key)
    }

    /// As an edge of the control plane at this address.
    pub fn edge(self, control_url: &str) -> Self {
        let edge = self.env("SIDEGATE_ROLE", "edge").env("SIDEGATE_CONTROL_URL", control_url);
        edge.env_remove("SIDEGATE_ADMIN_TOKEN")
    }

    /// A folder that lives as long as the gateway.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it does not; its log is printed.
    pub async fn start(self) -> Gateway {
        let Self { environment, open_files, folder, stderr } = self;
        let launch =
            Launch { environment: &environment, open_files, folder: folder.path(), stderr };
        let mut running = launch.spawn(&[]);
        let said = running.wait_ready(folder.path()).await;
        assert_eq!(said["pid"], running.pid());
        let addr = |key: &str| -> SocketAddr {
            let addr = said[key].as_str().and_then(|addr| addr.parse().ok());
            addr.unwrap_or_else(|| panic!("{key} in the ready file: {said}"))
        };
        let admin = Admin::new(addr("admin_addr"), environment.admin_token());
        Gateway { addr: addr("gateway_addr"), admin, running: Some(running), environment, folder }
    }
}

/// A running gateway.
pub struct Gateway {
    addr: SocketAddr,
    admin: Admin,
    running: Option<Running>,
    environment: Environment,
    // Last, so that it outlives the process.
    folder: TempDir,
}

impl Gateway {
    /// A gateway with the usual settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A gateway with other settings.
    ///
    /// # Panics
    /// When there is no room for a folder.
    pub fn builder() -> GatewayBuilder {
        let folder = tempfile::Builder::new().prefix("sg").tempdir().expect("a temporary folder");
        let environment = Environment::usual(&folder.path().join("data"));
        GatewayBuilder { environment, open_files: None, folder, stderr: None }
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Its process.
    ///
    /// # Panics
    /// When it was ended.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it was not ended before").pid()
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the story's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a shell script into the story's folder; gives the command that runs it as a plugin.
    ///
    /// # Panics
    /// When the folder cannot be written to.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the folder can be written to");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("the file is ours");
        format!("file://{}", path.display())
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }

    /// Waits until its log holds a text, and gives what it logged so far: lines are written a
    /// moment after what they tell of.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn logged(&self, text: &str) -> String {
        let what = format!("the log holds {text:?}");
        eventually(&what, async || Some(self.log()).filter(|log| log.contains(text))).await
    }

    /// Its admin API.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The command line, told where this gateway is.
    pub fn cli(&self) -> Cli {
        let url = format!("http://{}", self.admin.addr());
        Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", self.admin.token())])
    }

    /// Begins a plugin, mounted under its name.
    pub fn plugin(&self, name: &str) -> PluginBuilder {
        PluginBuilder::new(self.admin.clone(), name)
    }

    /// A plugin that was registered otherwise.
    pub fn plugin_by_id(&self, id: u32) -> Plugin {
        Plugin::new(self.admin.clone(), id)
    }

    /// Runs the plugin `lab` under `/plugins/lab/`.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn lab(&self) -> Plugin {
        self.plugin("lab").ready().await
    }

    /// Begins an app.
    pub fn app(&self, name: &str) -> AppBuilder {
        AppBuilder::new(self.admin.clone(), name)
    }

    /// A token of an app nobody cares about.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn token(&self) -> String {
        self.app("somebody").create().await.token().create().await
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// Begins a POST.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// Begins a request.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.addr, method, path)
    }

    /// A connection that several requests can share.
    pub async fn connection(&self, version: Version) -> Connection {
        Connection::open(self.addr, version).await
    }

    /// A connection for bytes.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.addr).await
    }

    /// The processes of its plugins. Each is the child of a guard, which is the gateway's.
    pub fn plugin_pids(&self) -> Vec<u32> {
        descendants(self.pid()).into_iter().flat_map(descendants).collect()
    }

    /// Every process below it: guards, plugins, and all that plugins started.
    pub fn processes(&self) -> Vec<u32> {
        descendants(self.pid())
    }

    /// Kills it as `kill -9` does. Nothing is checked: what is left is the story's business.
    ///
    /// # Panics
    /// When it was ended.
    pub fn kill(&mut self) {
        self.running.take().expect("it was not ended before").kill();
    }

    /// Asks it to stop and does not wait.
    ///
    /// # Panics
    /// When it was ended.
    pub fn begin_to_stop(&mut self) {
        self.running.as_mut().expect("it was not ended before").ask();
    }

    /// Ends it in order and starts it again on the same folder; its ports may change.
    ///
    /// # Panics
    /// When one of it fails.
    pub async fn restart(mut self) -> Self {
        self.stop();
        self.start_again().await
    }

    /// Starts it again on the same folder after it was killed; its ports may change.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, TempDir::new().expect("a folder"));
        let environment = std::mem::take(&mut self.environment);
        GatewayBuilder { environment, open_files: None, folder, stderr: None }.start().await
    }

    /// Changes a variable of the environment in which the next process is started.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.set(name, value);
        self
    }

    /// Starts another process that takes over, and waits until it serves; gives the old one, which
    /// ends by itself.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn take_over(&mut self) -> Old {
        let folder = self.folder.path();
        let launch =
            Launch { environment: &self.environment, open_files: None, folder, stderr: None };
        let mut next = launch.spawn(&["--takeover"]);
        let said = next.wait_ready(self.folder.path()).await;
        assert_eq!(said["gateway_addr"], self.addr.to_string(), "it is where the old one was");
        Old::new(self.running.replace(next).expect("it was not ended before"))
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it does not end well, leaves a process, or has a secret in its log.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let problems = running.end(&self.admin.secrets());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !panicking() {
            return self.stop();
        }
        if let Some(mut running) = self.running.take() {
            eprintln!("--- the gateway's log:\n{}--- its end", self.log());
            for problem in running.end(&[]) {
                eprintln!("{problem}");
            }
        }
    }
}
