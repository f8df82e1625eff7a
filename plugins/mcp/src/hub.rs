//! The state of the plugin: servers and sessions.

use std::sync::{Arc, Mutex, PoisonError};

use sidegate_sdk::{Config, Host, Request, Result};

use crate::health::Report;
use crate::server::Server;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::wrap::Wrapped;

/// What all requests share.
pub struct Hub {
    pub(crate) servers: Arc<[Arc<Server>]>,
    pub(crate) sessions: Sessions,
    pub(crate) wrapped: Wrapped,
    pub(crate) require_auth: bool,
    pub(crate) in_console: bool,
    pub(crate) slug: String,
    pub(crate) host: Host,
    /// Where a client reached this plugin last.
    address: Mutex<Option<String>>,
}

impl Hub {
    pub(crate) async fn start(config: Config) -> Result<Self> {
        let settings = Settings::read(&config, &commands())?;
        let sessions = Sessions::new(config.host().clone(), settings.session_lifetime);
        let wrapped = Wrapped::new(config.host().clone());
        let servers = settings.servers.into_iter();
        let servers =
            servers.map(|server| Server::new(server, settings.limits, config.host()).map(Arc::new));
        let servers: Arc<[Arc<Server>]> = servers.collect::<Result<_>>()?;
        let in_console = config.in_console();
        if !in_console {
            servers.iter().for_each(|server| look_at_first(Arc::clone(server)));
        }
        Ok(Self {
            servers,
            sessions,
            wrapped,
            require_auth: settings.require_auth,
            in_console,
            slug: config.slug().unwrap_or_default().to_owned(),
            host: config.host().clone(),
            address: Mutex::default(),
        })
    }

    /// Notes by which address somebody who was let in reached this plugin.
    pub(crate) fn is_reached_by(&self, req: &Request) {
        if req.app().is_some() && req.metadata("own_host").is_none() {
            let address = format!("{}://{}", req.scheme(), req.host());
            *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        }
    }

    /// How all do.
    pub(crate) fn report(&self) -> Report {
        let address = self.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let servers = self.servers.iter().map(|server| (server.name.clone(), server.health()));
        Report { address, servers: servers.collect() }
    }

    /// The server of this name.
    pub(crate) fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.name == name)
    }
}

/// What is pinned is what a server offers when it is first met.
fn look_at_first(server: Arc<Server>) {
    tokio::spawn(async move {
        // Why not is in the log; it is looked again before the first call.
        let _ = server.ready().await;
    });
}

/// The programs that may be started, which an admin names in the environment: their paths, with colons.
#[expect(clippy::disallowed_methods, reason = "the configuration is not an admin's alone; this is")]
fn commands() -> Vec<String> {
    let all = std::env::var("MCP_COMMANDS").unwrap_or_default();
    all.split(':').filter(|one| one.starts_with('/')).map(str::to_owned).collect()
}
