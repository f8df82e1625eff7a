//! An MCP server of the benchmark, and a gateway with the plugin for MCP servers before it.

use crate::contestant::Contestant;
use crate::http::Connection;
use crate::program::{MEASURED, Program, beside};
use crate::start::{Sidegate, plain, private_folder};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// A call of a tool.
pub const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":"bench"}}}"#;
/// What is answered to it.
pub const ANSWER: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello bench"}]}}"#;
/// What is answered to whoever begins a session.
pub const INTRODUCTION: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Whom a client asks, and where.
#[derive(Debug)]
pub struct Endpoint {
    /// Who answers.
    pub contestant: Contestant,
    path: &'static str,
}

/// Starts the server; clients can ask it directly.
///
/// # Errors
/// When it does not start.
pub fn server(name: &str, folder: &Path) -> Result<Endpoint> {
    let folder = private_folder(folder, "server")?;
    let mut server = Program::start(Command::new(beside("bench-mcp-server")?), MEASURED, &folder)?;
    let addr = server.first_line()?.parse()?;
    Ok(Endpoint { contestant: plain(name, addr, server, None), path: "/mcp" })
}

/// Starts a gateway with the plugin before this server, which logs each call as it does by default.
///
/// # Errors
/// When it does not start.
pub async fn gateway(name: &str, server: &Endpoint, folder: &Path) -> Result<Endpoint> {
    let usual = Sidegate { log_level: "info", ..Sidegate::usual(name)? };
    let contestant = usual.start_without_plugin(folder).await?;
    let command = format!("file://{}", beside("sidegate-plugin-mcp")?.display());
    let url = format!("http://{}{}", server.contestant.addr, server.path);
    let plugin = json!({
        "name": "mcp",
        "command": command,
        "config": {"slug": "mcp", "servers": [{"name": "bench", "url": url}]},
        "service_scopes": ["kv.readwrite"],
    });
    let admin = contestant.admin.as_ref().context("ours has an admin API")?;
    admin.register(&plugin).await?;
    Ok(Endpoint { contestant, path: "/plugins/mcp/mcp" })
}

impl Endpoint {
    /// Begins a session; gives its id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn session(&self) -> Result<String> {
        let mut connection = Connection::open(self.contestant.addr).await?;
        let head = connection.head_of(&self.request("POST", None, INITIALIZE)).await?;
        let is_id =
            |line: &&str| line.get(..15).is_some_and(|n| n.eq_ignore_ascii_case("mcp-session-id:"));
        let line = head.lines().find(is_id);
        let id = line.with_context(|| format!("no session: {head}"))?[15..].trim().to_owned();
        let mut connection = Connection::open(self.contestant.addr).await?;
        let head = connection.head_of(&self.request("POST", Some(&id), INITIALIZED)).await?;
        ensure!(head.starts_with("HTTP/1.1 202"), "a session does not begin: {head}");
        Ok(id)
    }

    /// Listens to what the server says by itself; gives the connection once that is agreed on.
    ///
    /// # Errors
    /// When nobody may listen.
    pub async fn listen(&self, session: &str) -> Result<tokio::net::TcpStream> {
        let mut connection = Connection::open(self.contestant.addr).await?;
        let head = connection.head_of(&self.request("GET", Some(session), "")).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "nobody may listen: {head}");
        Ok(connection.stall())
    }

    /// The bytes of a request.
    pub fn request(&self, method: &str, session: Option<&str>, body: &str) -> Vec<u8> {
        let token = self.contestant.token().unwrap_or_default();
        let accept = if body.is_empty() { "" } else { "application/json, " };
        let mut text = format!(
            "{method} {} HTTP/1.1\r\nHost: bench.example.com\r\nAuthorization: Bearer {token}\r\n\
             Accept: {accept}text/event-stream\r\nContent-Type: application/json\r\n",
            self.path
        );
        if let Some(session) = session {
            text.push_str(&format!(
                "Mcp-Session-Id: {session}\r\nMcp-Protocol-Version: 2025-11-25\r\n"
            ));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}
