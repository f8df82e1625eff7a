//! The little of the admin API that the benchmark needs: register a plugin, wait for it, reload it,
//! make a token.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// The admin token of every gateway of the benchmark.
pub const ADMIN_TOKEN: &str = "sga_the-benchmarks-own-admin-token";
/// How long one call may take; registering a plugin with 10,000 routes is one.
const CALL: Duration = Duration::from_secs(20);

/// A gateway's admin API.
#[derive(Debug, Clone)]
pub struct Admin {
    addr: SocketAddr,
}

impl Admin {
    /// The API at this address.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Registers a program as the plugin of the benchmark and waits until it serves.
    ///
    /// # Errors
    /// When it is refused or does not serve.
    pub async fn add_plugin(&self, program: &Path, routes: u32) -> Result<()> {
        let command = format!("file://{}", program.display());
        let config = json!({"slug": "bench", "routes": routes.to_string()});
        let plugin = json!({"name": "bench", "command": command, "config": config});
        self.register(&plugin).await
    }

    /// Registers the first plugin and waits until it serves.
    ///
    /// # Errors
    /// When it is refused or does not serve.
    pub(crate) async fn register(&self, plugin: &Value) -> Result<()> {
        self.call("POST", "plugins", plugin).await?;
        self.wait_ready(None).await?;
        Ok(())
    }

    /// Starts the plugin anew and waits until the new process serves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn reload(&self) -> Result<()> {
        let old = self.wait_ready(None).await?;
        self.call("POST", "plugins/1/reload", &Value::Null).await?;
        self.wait_ready(Some(old)).await?;
        Ok(())
    }

    /// Makes an app with one token; gives the token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn token(&self) -> Result<String> {
        let app = json!({"name": "bench", "owner_email": "bench@example.com"});
        let app = self.call("POST", "apps", &app).await?;
        let id = app["id"].as_str().and_then(|id| id.parse::<u32>().ok());
        let token = json!({"app_id": id, "name": "bench", "scopes": ["read", "write"]});
        let token = self.call("POST", "tokens", &token).await?;
        let text = token["attributes"]["token"].as_str();
        Ok(text.with_context(|| format!("a new token shows its text: {token}"))?.to_owned())
    }

    /// Waits until a process other than `old` serves; gives its id.
    async fn wait_ready(&self, old: Option<u64>) -> Result<u64> {
        let end = Instant::now() + CALL;
        loop {
            let data = self.call("GET", "plugins/1/status", &Value::Null).await?;
            let status = &data["attributes"];
            let pid = status["pid"].as_u64().filter(|pid| Some(*pid) != old);
            match (status["state"].as_str(), pid) {
                (Some("ready"), Some(pid)) => return Ok(pid),
                (Some("parked" | "stopped"), _) => bail!("the plugin does not serve: {status}"),
                _ => ensure!(Instant::now() < end, "the plugin is not ready: {status}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls it; gives the `data` of the answer.
    ///
    /// # Errors
    /// When it is refused, or takes too long.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = timeout(CALL, self.exchange(method, path, body)).await;
        let answer = answer.with_context(|| format!("{method} {path} took too long"))??;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer of the admin API")?;
        let is_done = head.starts_with("HTTP/1.1 2");
        ensure!(is_done, "{method} {path}: {} {body}", head.lines().next().unwrap_or_default());
        let mut json: Value = serde_json::from_str(body).unwrap_or_default();
        Ok(json["data"].take())
    }

    async fn exchange(&self, method: &str, path: &str, body: &Value) -> Result<String> {
        let mut stream = TcpStream::connect(self.addr).await.context("reach the admin API")?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {ADMIN_TOKEN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}
