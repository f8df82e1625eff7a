//! A process of a control plane, as `sidegate serve --role control` runs it, and the edges that it lets join. Knows
//! nothing of what edges serve.

use crate::admin::Admin;
use crate::cli::Cli;
use crate::free_port;
use crate::gateway::{Gateway, GatewayBuilder};
use crate::running::{Environment, Launch, Running, log_file};
use serde_json::json;
use sidegate_api::edge::EdgeAttributes;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::panicking;
use tempfile::TempDir;

/// The key of the secrets in the database of every control plane: 32 bytes that are no secret.
const SECRETS_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A running process of a control plane. Others with the same database are its replicas.
pub struct ControlPlane {
    admin: Admin,
    sync_addr: SocketAddr,
    running: Option<Running>,
    environment: Environment,
    // Last, so that it outlives the process.
    folder: TempDir,
}

impl ControlPlane {
    /// One whose database is this; it begins at a port for edges that it keeps.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(database: &str) -> Self {
        Self::start_with(Some(database), &[]).await
    }

    /// One with a database of its own in its folder, or with this one, and with these settings, too.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(database: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("sgcp").tempdir().expect("a folder");
        let mut environment = in_the_role(&folder.path().join("data"));
        let key = folder.path().join("key-of-secrets");
        fs::write(&key, SECRETS_KEY).expect("a file");
        environment.set("SIDEGATE_SECRETS_KEY_FILE", key.to_str().expect("text"));
        if let Some(database) = database {
            environment.set("DATABASE_DSN", database);
        }
        for (name, value) in settings {
            environment.set(name, value);
        }
        Self::first_started(environment, folder).await
    }

    /// One that is started on the data folder of a gateway that stood alone, with what lies in it: its database, its key
    /// and its admin token. Nothing but the role is said.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on(data: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("sgcp").tempdir().expect("a folder");
        let mut environment = in_the_role(data);
        environment.remove("SIDEGATE_ADMIN_TOKEN");
        Self::first_started(environment, folder).await
    }

    async fn first_started(environment: Environment, folder: TempDir) -> Self {
        let admin = Admin::new(([127, 0, 0, 1], 0).into(), environment.admin_token());
        let sync_addr = ([127, 0, 0, 1], 0).into();
        let mut started = Self { admin, sync_addr, running: None, environment, folder };
        started.start_again().await;
        started
    }

    /// Starts it again on the same folder and the same port for edges.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let folder = self.folder.path();
        let launch =
            Launch { environment: &self.environment, open_files: None, folder, stderr: None };
        let mut running = launch.spawn(&[]);
        let said = running.wait_ready(folder).await;
        let addr = |key: &str| -> SocketAddr {
            let addr = said[key].as_str().and_then(|addr| addr.parse().ok());
            addr.unwrap_or_else(|| panic!("{key} in the ready file: {said}"))
        };
        self.admin = self.admin.at(addr("admin_addr"));
        self.sync_addr = addr("sync_addr");
        self.running = Some(running);
    }

    /// Where edges come.
    pub fn url(&self) -> String {
        format!("https://{}", self.sync_addr)
    }

    /// Its admin API.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The command line, told where it is.
    pub fn cli(&self) -> Cli {
        let url = format!("http://{}", self.admin.addr());
        Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", self.admin.token())])
    }

    /// Its process.
    ///
    /// # Panics
    /// When it was ended.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it was not ended before").pid()
    }

    /// Where it keeps what is not in its database.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the story's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }

    /// Registers an edge; gives a gateway that is about to start as that one.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn edge(&self, name: &str, namespace: &str) -> GatewayBuilder {
        let token = self.join_token(name, namespace).await;
        Gateway::builder().edge(&self.url()).env("SIDEGATE_JOIN_TOKEN", token)
    }

    /// Registers an edge; gives what it joins with, once.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn join_token(&self, name: &str, namespace: &str) -> String {
        let new = json!({"name": name, "namespace": namespace});
        let edge = self.admin.create::<EdgeAttributes>("edges", &new).await;
        let token = edge.attributes.join_token.expect("its making shows it");
        self.admin.keep_secret(&token);
        token
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Panics
    /// When it was ended.
    pub fn kill(&mut self) {
        self.running.take().expect("it was not ended before").kill();
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it does not end well, or has a secret in its log.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let problems = running.end(&self.admin.secrets());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if !panicking() {
            return self.stop();
        }
        if let Some(mut running) = self.running.take() {
            eprintln!("--- the control plane's log:\n{}--- its end", self.log());
            running.end(&[]);
        }
    }
}

/// What each of them is told, with its data in this folder.
fn in_the_role(data: &Path) -> Environment {
    let mut environment = Environment::usual(data);
    environment.set("SIDEGATE_ROLE", "control");
    environment.set("SIDEGATE_SYNC_HOST", "127.0.0.1");
    environment.set("SIDEGATE_SYNC_PORT", &free_port().to_string());
    environment.remove("PORT");
    environment
}
