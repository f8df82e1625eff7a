//! What the settings mean: texts become addresses, durations, sizes and paths, each checked, all
//! problems found in one pass.
//!
//! It reads no environment and opens no file; `layers.rs` brings the texts, and `reader.rs` reads them.

use super::console;
use super::control::ControlPlaneSettings;
use super::edge::EdgeSettings;
use super::layers::{Layers, Problem};
use super::levels::Levels;
use super::reader::Reader;
pub(crate) use super::role::Role;
pub(crate) use super::secret::Secret;
use sidegate_control::ConsoleSettings;
use sidegate_gateway::{Believed, EdgeLimits, Proxies, PublicUrls};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_plugins::host::Permitted;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything `sidegate serve` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    /// Which parts the process has.
    pub(crate) role: Role,
    /// What an edge needs beside.
    pub(crate) edge: EdgeSettings,
    /// What a control plane needs beside.
    pub(crate) control: ControlPlaneSettings,
    /// Where clients connect.
    pub(crate) gateway_addr: SocketAddr,
    /// Where the admin API listens.
    pub(crate) admin_addr: SocketAddr,
    /// The settings of these addresses that somebody chose.
    pub(crate) chosen_addrs: Vec<&'static str>,
    /// The folder for everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// The database, with the default filled in.
    pub(crate) database_dsn: Secret,
    /// Where the key lies that encrypts secrets in the database.
    pub(crate) secrets_key: KeyFile,
    /// What is logged, and how.
    pub(crate) log: Log,
    /// Certificate and key, when clients come over TLS.
    pub(crate) tls: Option<TlsPaths>,
    /// Certificate and key of the admin API, when it speaks TLS.
    pub(crate) admin_tls: Option<TlsPaths>,
    /// Whether clients may ask for `/ready` and `/metrics`.
    pub(crate) public_probes: bool,
    /// Whether endpoints that need no token wait for approval.
    pub(crate) public_endpoints: PublicMode,
    /// Limits and deadlines of requests and connections.
    pub(crate) limits: EdgeLimits,
    /// Which commands may be run as plugins.
    pub(crate) permitted: Permitted,
    /// Whose word about clients is believed, and which.
    pub(crate) proxies: Proxies,
    /// Where clients reach the gateway.
    pub(crate) public_urls: PublicUrls,
    /// Name of this gateway, for plugins.
    pub(crate) edge_id: String,
    /// Namespace of this gateway, for plugins.
    pub(crate) edge_namespace: String,
    /// How many threads serve; 0 is one a core.
    pub(crate) shards: usize,
    /// The admin token, when the operator chose it.
    pub(crate) admin_token: Option<Secret>,
    /// How long new tokens last of which nothing is said.
    pub(crate) token_expiry: Option<Duration>,
    /// How often it is written when tokens were last used.
    pub(crate) token_use_interval: Duration,
    /// How long entries of the audit log are kept; `None` is for ever.
    pub(crate) audit_retention: Option<Duration>,
    /// How long revisions are kept; `None` for ever.
    pub(crate) history_retention: Option<Duration>,
    /// How the console behaves.
    pub(crate) console: ConsoleSettings,
    /// After how long a process for the page of a plugin ends that is asked nothing.
    pub(crate) plugin_page_idle: Duration,
}

/// The file of the key that encrypts secrets.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether it is made where it is missing: nobody said where it is.
    pub(crate) is_made: bool,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// How much.
    pub(crate) levels: Levels,
    /// One JSON object a line instead of text.
    pub(crate) json: bool,
    /// Where requests are told, if not on stderr.
    pub(crate) access_file: Option<PathBuf>,
}

/// The files of a TLS identity.
#[derive(Debug, Clone)]
pub(crate) struct TlsPaths {
    /// PEM file with the chain.
    pub(crate) certificate: PathBuf,
    /// The authorities that vouch for clients, where these are asked for certificates.
    pub(crate) client_ca: Option<PathBuf>,
    /// PEM file with the key.
    pub(crate) key: PathBuf,
}

/// What the commands that talk to the admin API need to know.
#[derive(Debug)]
pub(crate) struct ClientConfig {
    /// Where the admin API is, without a slash at the end.
    pub(crate) url: String,
    /// The token, when it was named.
    pub(crate) admin_token: Option<Secret>,
    /// Where the file with the token is otherwise.
    pub(crate) data_dir: PathBuf,
    /// A file with certificates to trust beside those of the system.
    pub(crate) ca: Option<PathBuf>,
}

impl Config {
    /// Gives the texts their meaning.
    ///
    /// # Errors
    /// Every problem there is, not just the first.
    pub(crate) fn resolve(layers: &Layers) -> Result<Self, Vec<Problem>> {
        let mut read = Reader::new(layers);
        let data_dir = read.path("DATA_DIR");
        let dsn = match read.text("DATABASE_DSN") {
            dsn if dsn.is_empty() => sqlite_address(&data_dir.join("sidegate.db")),
            dsn => dsn,
        };
        let role = match read.word("SIDEGATE_ROLE").as_str() {
            "edge" => Role::Edge,
            "control" => Role::Control,
            _ => Role::Standalone,
        };
        let config = Self {
            role,
            edge: EdgeSettings::read(&mut read, role),
            control: ControlPlaneSettings::read(&mut read),
            gateway_addr: SocketAddr::new(read.host("HOST"), read.port("PORT")),
            admin_addr: SocketAddr::new(read.host("ADMIN_HOST"), read.port("ADMIN_PORT")),
            chosen_addrs: read.chosen(&[
                "PORT",
                "HOST",
                "ADMIN_PORT",
                "ADMIN_HOST",
                "EDGE_ID",
                "EDGE_NAMESPACE",
            ]),
            secrets_key: read.secrets_key(&dsn, &data_dir),
            database_dsn: Secret::new(dsn),
            data_dir,
            log: read.log(),
            tls: read.tls(),
            admin_tls: read.admin_tls(),
            public_probes: read.switch("PUBLIC_PROBES"),
            public_endpoints: match read.word("SIDEGATE_PUBLIC_ENDPOINTS").as_str() {
                "approve" => PublicMode::Approve,
                _ => PublicMode::Allow,
            },
            limits: read.limits(),
            permitted: Permitted {
                dirs: read.folders("PLUGIN_DIRS"),
                commands: read.list("PLUGIN_COMMAND_ALLOWLIST"),
            },
            proxies: Proxies {
                trusted: read.networks("TRUSTED_PROXIES"),
                believed: match read.word("TRUSTED_PROXY_HEADER").as_str() {
                    "forwarded" => Believed::Forwarded,
                    _ => Believed::XForwardedFor,
                },
            },
            public_urls: read.public_urls("SIDEGATE_PUBLIC_URL"),
            edge_id: read.text("EDGE_ID"),
            edge_namespace: read.text("EDGE_NAMESPACE"),
            shards: read.number("GATEWAY_SHARDS"),
            admin_token: read.secret("SIDEGATE_ADMIN_TOKEN"),
            token_expiry: Some(read.duration("SIDEGATE_TOKEN_EXPIRY"))
                .filter(|expiry| !expiry.is_zero()),
            token_use_interval: read.duration("SIDEGATE_TOKEN_USE_INTERVAL"),
            audit_retention: Some(read.duration("SIDEGATE_AUDIT_RETENTION"))
                .filter(|retention| !retention.is_zero()),
            history_retention: Some(read.duration("SIDEGATE_HISTORY_RETENTION"))
                .filter(|retention| !retention.is_zero()),
            console: console::read(&mut read),
            plugin_page_idle: read.duration("SIDEGATE_PLUGIN_PAGE_IDLE_TIMEOUT"),
        };
        config.check_ports(&mut read);
        read.outcome(config)
    }

    fn check_ports(&self, read: &mut Reader<'_>) {
        if listen_on_the_same(self.gateway_addr, self.admin_addr) {
            let port = self.admin_addr.port();
            let what = format!("the admin API has port {port} too: choose another for one of them");
            read.wrong("PORT", what);
        }
    }
}

impl Config {
    /// How many threads serve.
    pub(crate) fn threads(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            shards => shards,
        }
    }
}

impl ClientConfig {
    /// Gives the texts that matter to a command their meaning, and leaves the others alone.
    ///
    /// # Errors
    /// Every problem there is, not just the first.
    pub(crate) fn resolve(layers: &Layers) -> Result<Self, Vec<Problem>> {
        let mut read = Reader::new(layers);
        let config = Self {
            url: read.url("SIDEGATE_URL"),
            admin_token: read.secret("SIDEGATE_ADMIN_TOKEN"),
            data_dir: read.path("DATA_DIR"),
            ca: Some(read.path("SIDEGATE_CA")).filter(|path| !path.as_os_str().is_empty()),
        };
        read.outcome(config)
    }
}

/// The address of a database file; the two characters that mean something in it are masked.
fn sqlite_address(path: &Path) -> String {
    format!("sqlite:{}", path.to_string_lossy().replace('%', "%25").replace('?', "%3F"))
}

fn listen_on_the_same(a: SocketAddr, b: SocketAddr) -> bool {
    let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && overlap
}

/// What takes more than one text, or is one of its own kind.
impl Reader<'_> {
    /// A key is made beside a database that is made as well. Several processes can have one on a server, so there
    /// it must be given.
    fn secrets_key(&mut self, dsn: &str, data_dir: &Path) -> KeyFile {
        let path = self.path("SIDEGATE_SECRETS_KEY_FILE");
        if !path.as_os_str().is_empty() {
            return KeyFile { path, is_made: false };
        }
        if dsn.trim_start().to_ascii_lowercase().starts_with("postgres") {
            let what = "a database on a server needs it: name the file with the key that its secrets are sealed with (after a copy, the secrets.key of the folder before), or for a new database one with the output of `openssl rand -base64 32`";
            self.wrong("SIDEGATE_SECRETS_KEY_FILE", what.to_owned());
        }
        KeyFile { path: data_dir.join("secrets.key"), is_made: true }
    }

    fn secret(&mut self, variable: &str) -> Option<Secret> {
        let text = self.text(variable);
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what = "has characters that no header can carry: use letters, digits, '-' and '_'";
            self.wrong(variable, what.to_owned());
        }
        (!text.is_empty()).then(|| Secret::new(text))
    }

    fn log(&mut self) -> Log {
        let levels = Levels::parse(&self.text("LOG_LEVEL")).unwrap_or_else(|what| {
            self.wrong("LOG_LEVEL", what);
            Levels::parse("info").expect("info is a level")
        });
        let file = self.path("ACCESS_LOG_FILE");
        let access_file = (!file.as_os_str().is_empty()).then_some(file);
        Log { levels, json: self.word("LOG_FORMAT") == "json", access_file }
    }

    fn tls(&mut self) -> Option<TlsPaths> {
        let enabled = self.switch("TLS_ENABLED");
        const CLIENT_CA: &str = "SIDEGATE_TLS_CLIENT_CA_PATH";
        let client_ca = self.path(CLIENT_CA);
        let client_ca = (!client_ca.as_os_str().is_empty()).then_some(client_ca);
        let [certificate, key] = ["TLS_CERT_PATH", "TLS_KEY_PATH"].map(|name| self.path(name));
        let paths = TlsPaths { certificate, client_ca, key };
        if !enabled {
            if paths.client_ca.is_some() {
                let what =
                    "clients come without TLS and can show no certificate: set TLS_ENABLED=true";
                self.wrong(CLIENT_CA, what.to_owned());
            }
            return None;
        }
        for (variable, path) in
            [("TLS_CERT_PATH", &paths.certificate), ("TLS_KEY_PATH", &paths.key)]
        {
            if path.as_os_str().is_empty() {
                self.wrong(variable, "TLS_ENABLED needs it: name the PEM file".to_owned());
            }
        }
        Some(paths)
    }

    /// Both files or none.
    fn admin_tls(&mut self) -> Option<TlsPaths> {
        let names = ["ADMIN_TLS_CERT_PATH", "ADMIN_TLS_KEY_PATH"];
        let [certificate, key] = names.map(|variable| self.path(variable));
        let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
        match (is_set(&certificate), is_set(&key)) {
            (false, false) => return None,
            (true, true) => {}
            (has_certificate, _) => {
                let (missing, other) =
                    if has_certificate { (names[1], names[0]) } else { (names[0], names[1]) };
                self.wrong(missing, format!("{other} needs it: name the PEM file"));
            }
        }
        Some(TlsPaths { certificate, client_ca: None, key })
    }

    fn limits(&mut self) -> EdgeLimits {
        let idle = self.duration("PLUGIN_ENDPOINT_STREAM_IDLE_TIMEOUT");
        EdgeLimits {
            max_body_bytes: self.number("PLUGIN_ENDPOINT_MAX_BODY_SIZE"),
            unary_timeout: self.duration("PLUGIN_ENDPOINT_TIMEOUT"),
            stream_timeout: self.duration("PLUGIN_ENDPOINT_STREAM_TIMEOUT"),
            stream_idle_timeout: (!idle.is_zero()).then_some(idle),
            header_read_timeout: self.duration("READ_HEADER_TIMEOUT"),
            body_idle_timeout: self.duration("BODY_IDLE_TIMEOUT"),
            body_min_rate: self.number("BODY_MIN_RATE"),
            keep_alive_idle: self.duration("IDLE_TIMEOUT"),
            max_header_bytes: self.number("MAX_HEADER_BYTES"),
            max_headers: self.number("MAX_HEADERS"),
            max_connections: self.number("MAX_CONNECTIONS"),
            drain_timeout: self.duration("SHUTDOWN_TIMEOUT"),
            ..EdgeLimits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::tests::{environment, flags};
    use super::super::layers::{Environment, Flags};
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let (layers, problems) = Layers::collect(&environment(pairs), &Flags::default());
        assert_eq!(problems, []);
        Config::resolve(&layers).map_err(|all| all.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn without_any_setting_the_documented_defaults_count() {
        let config = resolve(&[]).unwrap();
        assert_eq!(config.gateway_addr.to_string(), "0.0.0.0:8081");
        assert_eq!(config.admin_addr.to_string(), "127.0.0.1:8080");
        assert_eq!(config.database_dsn.reveal(), "sqlite:./data/sidegate.db");
        assert_eq!(config.limits.max_body_bytes, 1_048_576);
        assert_eq!(config.limits.unary_timeout, Duration::from_secs(60));
        assert_eq!(config.limits.stream_timeout, Duration::from_secs(300));
        assert_eq!(config.limits.stream_idle_timeout, None);
        assert!(config.tls.is_none() && config.admin_token.is_none());
        assert_eq!(config.public_endpoints, PublicMode::Allow);
        let approve = resolve(&[("SIDEGATE_PUBLIC_ENDPOINTS", "approve")]).unwrap();
        assert_eq!(approve.public_endpoints, PublicMode::Approve);
        assert_eq!(config.token_expiry, None);
        assert_eq!(config.audit_retention, Some(Duration::from_secs(90 * 24 * 60 * 60)));
        let for_ever = resolve(&[("SIDEGATE_AUDIT_RETENTION", "0")]).unwrap();
        assert_eq!(for_ever.audit_retention, None);
    }

    #[test]
    fn all_problems_are_reported_at_once_with_place_and_advice() {
        let problems = resolve(&[
            ("PORT", "99999"),
            ("HOST", "example.com"),
            ("LOG_LEVEL", "loud"),
            ("TLS_ENABLED", "yes"),
            ("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "0"),
            ("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "30"),
            ("PLUGIN_ENDPOINT_TIMEOUT", "0s"),
            ("TRUSTED_PROXIES", "10.0.0.0/40, nobody"),
            ("MAX_HEADERS", "many"),
        ])
        .unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        env HOST: "example.com" is no IP address: use one such as 0.0.0.0
        env PORT: "99999" is no port: use a number from 0 to 65535
        env LOG_LEVEL: "loud" is not valid: use one of trace, debug, info, warn, error, off, fatal, panic
        env TLS_ENABLED: "yes" is not valid: use true or false
        env PLUGIN_ENDPOINT_MAX_BODY_SIZE: "0" is no whole number from 1 upwards
        env PLUGIN_ENDPOINT_TIMEOUT: must be more than 0: write for example 60s
        env PLUGIN_ENDPOINT_STREAM_TIMEOUT: duration "30" has a number without a unit: add ns, us, ms, s, m, h or d, as in 30s
        env MAX_HEADERS: "many" is no whole number from 1 upwards
        env TRUSTED_PROXIES: "10.0.0.0/40" is no address or network: write 10.0.0.7 or 10.0.0.0/8
        env TRUSTED_PROXIES: "nobody" is no address or network: write 10.0.0.7 or 10.0.0.0/8
        "#);
    }

    #[test]
    fn tls_needs_both_files() {
        let problems = resolve(&[("TLS_ENABLED", "true")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        let both = [("TLS_ENABLED", "true"), ("TLS_CERT_PATH", "c"), ("TLS_KEY_PATH", "k")];
        assert!(resolve(&both).unwrap().tls.is_some());
        let without = resolve(&[("SIDEGATE_TLS_CLIENT_CA_PATH", "ca")]).unwrap_err();
        assert!(without[0].contains("TLS_ENABLED=true"), "{without:?}");
    }

    #[test]
    fn the_admin_api_speaks_tls_with_both_files_only() {
        assert!(resolve(&[]).unwrap().admin_tls.is_none());
        let both = [("ADMIN_TLS_CERT_PATH", "c"), ("ADMIN_TLS_KEY_PATH", "k")];
        assert!(resolve(&both).unwrap().admin_tls.is_some());
        for one in both {
            let problems = resolve(&[one]).unwrap_err();
            assert!(problems[0].contains(&format!("{} needs it", one.0)), "{problems:?}");
        }
    }

    #[test]
    fn both_listeners_on_one_port_are_refused_but_any_port_twice_is_fine() {
        let problems = resolve(&[("PORT", "8080")]).unwrap_err();
        assert_eq!(
            problems,
            ["env PORT: the admin API has port 8080 too: choose another for one of them"]
        );
        assert!(resolve(&[("PORT", "0"), ("ADMIN_PORT", "0")]).is_ok());
        let apart = [
            ("HOST", "127.0.0.2"),
            ("PORT", "9"),
            ("ADMIN_HOST", "127.0.0.1"),
            ("ADMIN_PORT", "9"),
        ];
        assert!(resolve(&apart).is_ok());
    }

    #[test]
    fn a_client_command_ignores_settings_that_only_the_server_needs() {
        let environment = environment(&[("PORT", "nonsense"), ("SIDEGATE_ADMIN_TOKEN", "t0p")]);
        let (layers, _) = Layers::collect(&environment, &flags(&[("SIDEGATE_URL", "http://h:1/")]));
        let client = ClientConfig::resolve(&layers).unwrap();
        assert_eq!(client.url, "http://h:1");
        assert!(!format!("{client:?}").contains("t0p"), "{client:?}");
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for bad in ["localhost:8080", "https://", "http://", "unix:///x"] {
            let flags = flags(&[("SIDEGATE_URL", bad)]);
            let (layers, _) = Layers::collect(&Environment::default(), &flags);
            assert!(ClientConfig::resolve(&layers).is_err(), "{bad}");
        }
    }
}
