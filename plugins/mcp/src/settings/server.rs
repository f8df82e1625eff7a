//! One server, as the configuration describes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_sdk::{Error, Kv, Result};
use url::Url;

use super::Limits;
use crate::era::Pinned;
use crate::pins::{Pins, Shelf};
use crate::policy::{Access, Policy, ScopeRule, pattern};
use crate::quota::{LimitRule, Quotas};
use crate::upstream::Upstream;
use crate::upstream::http::HttpServer;
use crate::upstream::sse_transport::{Address, SseServer};
use crate::upstream::stdio::{Bounds, Program, StdioServer};
use crate::visit::Visitor;

/// Longer names would leave too little of 64 for names of tools.
const LONGEST_NAME: usize = 32;

/// One server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// A part of addresses, and what names of its tools begin with.
    pub(crate) name: String,
    url: Option<String>,
    /// What is spoken at that address.
    #[serde(default)]
    transport: Transport,
    /// How many streams there may be at one time, where one is a session.
    #[serde(default = "some_streams")]
    streams: usize,
    /// A program in place of an address.
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: Vec<Header>,
    /// Who has a process of it.
    #[serde(default)]
    process_per: ProcessPer,
    /// How many processes of it there may be at one time.
    #[serde(default = "some_processes")]
    processes: usize,
    /// How many of them one app may have.
    #[serde(default = "some_of_an_app")]
    processes_per_app: usize,
    /// After how many seconds without a message a process of it ends.
    #[serde(default = "half_an_hour")]
    idle: u64,
    /// What the server is shown with each message, such as its own token.
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    tools: Access,
    #[serde(default)]
    resources: Access,
    #[serde(default)]
    prompts: Access,
    #[serde(default)]
    scopes: Vec<ScopeRule>,
    #[serde(default)]
    timeouts: Vec<TimeoutRule>,
    #[serde(default)]
    limits: Vec<LimitRule>,
    /// Whether its definitions are pinned, in place of what holds for all.
    pin: Option<bool>,
    /// Digests of sets of definitions that are approved.
    #[serde(default)]
    approved: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    /// Which era of the protocol the server is of.
    #[serde(default)]
    era: Pinned,
}

/// The transports of the protocol over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    /// Streamable HTTP, since 2025-03-26.
    #[default]
    Http,
    /// HTTP with SSE, of 2024-11-05.
    Sse,
}

/// Who has a process of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProcessPer {
    /// Each session.
    #[default]
    Session,
    /// Each app, for all of its sessions.
    App,
}

/// How long calls of some tools may take.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TimeoutRule {
    tool: String,
    seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

/// Each is a client's session.
fn some_processes() -> usize {
    16
}

/// Likewise, and a stream takes less than a process.
fn some_streams() -> usize {
    64
}

/// Less than all, so that others find a place.
fn some_of_an_app() -> usize {
    4
}

fn half_an_hour() -> u64 {
    30 * 60
}

impl ServerSettings {
    /// The way to the server.
    pub(crate) fn upstream(&self, limits: Limits) -> Result<Upstream> {
        let most_bytes = limits.message_bytes;
        let pairs = |all: &[Header]| -> Vec<(String, String)> {
            all.iter().map(|header| (header.name.clone(), header.value.clone())).collect()
        };
        let Some(command) = &self.command else {
            let (url, headers) = (self.url()?, pairs(&self.headers).into_iter().collect());
            return Ok(match self.transport {
                Transport::Http => Upstream::Http(HttpServer::new(url, &headers, most_bytes)?),
                Transport::Sse => Upstream::Sse(SseServer::new(Address {
                    server: self.name.clone(),
                    url,
                    headers,
                    most_streams: self.streams,
                    most_bytes,
                    longest: self.longest(limits.longest),
                })?),
            });
        };
        Ok(Upstream::Stdio(StdioServer::new(Program {
            server: self.name.clone(),
            command: command.clone(),
            args: self.args.clone(),
            env: pairs(&self.env),
            bounds: Bounds { in_all: self.processes, per_app: self.processes_per_app },
            is_shared: self.process_per == ProcessPer::App,
            longest_idle: Duration::from_secs(self.idle.clamp(1, 604_800)),
            most_bytes,
        })))
    }

    /// Which era it is of, where that need not be asked.
    pub(crate) fn era(&self) -> Pinned {
        match self.transport {
            Transport::Http => self.era,
            Transport::Sse => Pinned::Sessions,
        }
    }

    /// What passes. `open` is whether an app may use what nothing is said of.
    pub(crate) fn policy(&self, open: bool) -> Policy {
        Policy {
            server: self.name.clone(),
            tools: self.tools.clone(),
            resources: self.resources.clone(),
            prompts: self.prompts.clone(),
            scopes: self.scopes.clone(),
            methods: self.methods.clone(),
            open,
        }
    }

    /// How long calls of this tool may take, where something is said of it.
    pub(crate) fn timeout_of(&self, tool: &str) -> Option<Duration> {
        let rule = self.timeouts.iter().find(|rule| pattern::covers(&rule.tool, tool))?;
        Some(Duration::from_secs(rule.seconds.clamp(1, 86_400)))
    }

    /// How long the longest of its answers may take, where others may take so long.
    fn longest(&self, others: Duration) -> Duration {
        let own = self.timeouts.iter().filter_map(|rule| self.timeout_of(&rule.tool));
        own.fold(others, Duration::max)
    }

    /// How often each app may call its tools.
    pub(crate) fn quotas(&self) -> Quotas {
        Quotas::new(self.limits.clone())
    }

    /// What is pinned of it, if anything.
    pub(crate) fn pins(&self, limits: Limits, kv: Kv, visitor: Visitor) -> Option<Pins> {
        let is_pinned = self.pin.unwrap_or(limits.pin);
        let shelf = Shelf::new(kv, &self.name);
        is_pinned.then(|| Pins::new(shelf, visitor, &self.approved, limits.pin_check))
    }

    /// What people may know of it: nothing that could be a secret.
    pub(crate) fn shown(&self) -> Value {
        let address = self.url().ok().map(|mut url| {
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        });
        json!({
            "target": self.command.clone().or(address),
            "is_program": self.command.is_some(),
            "rules": {
                "tools": self.tools,
                "resources": self.resources,
                "prompts": self.prompts,
                "scopes": self.scopes,
                "limits": self.limits,
                "timeouts": self.timeouts,
            },
        })
    }

    fn url(&self) -> Result<Url> {
        let wrong = |why: &str| Error::new(format!("servers: {}: its url {why}", self.name));
        let url = Url::parse(self.url.as_deref().unwrap_or_default())
            .map_err(|_| wrong("is no address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("begins with neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a password in it, which belongs into headers"));
        }
        Ok(url)
    }

    /// `commands` are the programs that may be started.
    pub(super) fn check(&self, commands: &[String]) -> Result<()> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = self.name.as_str();
        let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || !name.chars().all(is_plain) || name.len() > LONGEST_NAME {
            let rule = "a name has 1 to 32 of a-z, 0-9 and -, and begins with a letter";
            return Err(Error::new(format!("servers: {name:?}: {rule}")));
        }
        if name == "mcp" {
            return Err(Error::new("servers: mcp is the address of all servers together"));
        }
        if let Some(rule) = self.limits.iter().find(|rule| !rule.says_something()) {
            let why = "per_minute, at_once or both, from 1 on, belong to it";
            return Err(Error::new(format!("servers: {name}: limits: {}: {why}", rule.tool)));
        }
        if self.transport == Transport::Sse && self.era == Pinned::Stateless {
            let why = "no server of era 2026 speaks the transport sse";
            return Err(Error::new(format!("servers: {name}: {why}")));
        }
        match (&self.url, &self.command) {
            (None, Some(_)) if self.transport == Transport::Sse => {
                let why = "the transport sse needs a url, and has no command";
                Err(Error::new(format!("servers: {name}: {why}")))
            }
            (Some(_), None) => self.url().map(drop),
            (None, Some(command)) if commands.contains(command) => Ok(()),
            (None, Some(command)) => {
                let why = "is none of those that an admin allows (option env.MCP_COMMANDS)";
                Err(Error::new(format!("servers: {name}: {command} {why}")))
            }
            _ => Err(Error::new(format!("servers: {name}: it needs either url or command"))),
        }
    }
}
