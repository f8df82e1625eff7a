//! The configuration, read once at the start. What is wrong with it is told to the operator in words.

pub(crate) mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use sidegate_sdk::{Config, Error, Result};

use server::ServerSettings;

/// More would be more addresses than anybody looks after.
const MOST_SERVERS: usize = 64;

/// What holds for all servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a server may say nothing while it is asked.
    pub(crate) timeout: Duration,
    /// How long an answer may take in all.
    pub(crate) longest: Duration,
    /// The longest message of a server that is read, in bytes.
    pub(crate) message_bytes: usize,
    /// Whether an app may use what neither its metadata nor the configuration says anything of.
    pub(crate) open: bool,
    /// Whether definitions of servers are pinned, where one says nothing of it.
    pub(crate) pin: bool,
    /// After how long a server is asked again what it offers, where that is pinned.
    pub(crate) pin_check: Duration,
    /// Whether arguments of calls are logged.
    pub(crate) audit_arguments: bool,
}

/// The whole configuration.
pub(crate) struct Settings {
    pub(crate) servers: Vec<ServerSettings>,
    pub(crate) limits: Limits,
    /// How long a session counts, in seconds.
    pub(crate) session_lifetime: u64,
    pub(crate) require_auth: bool,
}

impl Settings {
    /// `commands` are the programs that may be started as servers.
    pub(crate) fn read(config: &Config, commands: &[String]) -> Result<Self> {
        let servers: Vec<ServerSettings> = config.json("servers")?.unwrap_or_default();
        if servers.len() > MOST_SERVERS {
            return Err(Error::new(format!("servers: {MOST_SERVERS} are the most")));
        }
        let mut names = BTreeSet::new();
        for server in &servers {
            server.check(commands)?;
            if !names.insert(server.name.as_str()) {
                return Err(Error::new(format!("servers: {} is there twice", server.name)));
            }
        }
        let limits = Limits {
            timeout: seconds(config, "timeout", 60)?,
            longest: seconds(config, "longest", 300)?,
            message_bytes: number(config, "message_bytes", 4 << 20, 1024..=64 << 20)?,
            open: config.flag("open", true)?,
            pin: config.flag("pin", false)?,
            pin_check: seconds(config, "pin_check", 300)?,
            audit_arguments: config.flag("audit_arguments", false)?,
        };
        let session_lifetime = number(config, "session_lifetime", 604_800, 60..=31_536_000)? as u64;
        let require_auth = config.flag("require_auth", true)?;
        Ok(Self { servers, limits, session_lifetime, require_auth })
    }
}

fn seconds(config: &Config, key: &str, default: usize) -> Result<Duration> {
    number(config, key, default, 1..=86_400).map(|seconds| Duration::from_secs(seconds as u64))
}

fn number(
    config: &Config,
    key: &str,
    default: usize,
    within: std::ops::RangeInclusive<usize>,
) -> Result<usize> {
    let number = config.parse(key)?.unwrap_or(default);
    if within.contains(&number) {
        return Ok(number);
    }
    let (least, most) = within.into_inner();
    Err(Error::new(format!("{key}: {number} is not between {least} and {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(servers: &str) -> String {
        let config = Config::from([("servers", servers)]);
        Settings::read(&config, &["/bin/mcp".to_owned()])
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_server_that_cannot_be_asked_is_named() {
        let url = r#""url": "http://127.0.0.1:1/mcp""#;
        assert_eq!(refused(&format!(r#"[{{"name": "files", {url}}}]"#)), "");
        assert_eq!(refused(r#"[{"name": "files", "command": "/bin/mcp", "args": ["x"]}]"#), "");
        for (servers, words) in [
            (format!(r#"[{{"name": "Files", {url}}}]"#), "servers: \"Files\""),
            (format!(r#"[{{"name": "mcp", {url}}}]"#), "servers: mcp is"),
            (format!(r#"[{{"name": "a", {url}}}, {{"name": "a", {url}}}]"#), "a is there twice"),
            (r#"[{"name": "a", "url": "ftp://x"}]"#.to_owned(), "a: its url"),
            (r#"[{"name": "a", "url": "http://u:p@x/"}]"#.to_owned(), "a: its url"),
            (r#"[{"name": "a"}]"#.to_owned(), "a: it needs either"),
            (r#"[{"name": "a", "command": "/bin/sh"}]"#.to_owned(), "a: /bin/sh is none"),
            (
                format!(r#"[{{"name": "a", {url}, "limits": [{{"tool": "x"}}]}}]"#),
                "a: limits: x: per_m",
            ),
            (
                format!(r#"[{{"name": "a", {url}, "transport": "sse", "era": "2026"}}]"#),
                "a: no server of era 2026",
            ),
            (
                r#"[{"name": "a", "command": "/bin/mcp", "transport": "sse"}]"#.to_owned(),
                "a: the transport sse needs a url",
            ),
            (r#"[{"name": "a", "command": "mcp"}]"#.to_owned(), "a: mcp is none"),
        ] {
            assert!(refused(&servers).contains(words), "{servers}: {}", refused(&servers));
        }
    }
}
