//! The host as a plugin sees it: one value to clone and to keep.

use std::sync::Arc;

use sidegate_wire::plugin::ConnInfo;

use super::apps::Apps;
use super::events::Events;
use super::kv::Kv;
use super::line::Line;
use super::logger::Logger;
use crate::tls::HostTls;

/// The host that runs the plugin, to be asked. Cheap to clone; all clones share one connection,
/// which is made by the first question and made again when it is lost.
///
/// It comes with the configuration ([`Config::host`](crate::Config::host)), with every request
/// ([`Request::plugin_host`](crate::Request::plugin_host)) and with the session
/// ([`Plugin::on_session`](crate::Plugin::on_session)). A plugin can ask as soon as it is
/// initialized, and within `initialize` already.
///
/// Every call answers within ten seconds. What the operator has to allow is refused with
/// [`HostError::NotGranted`](crate::HostError::NotGranted) until it is; the plugin need not be
/// restarted then. Where there is no host, each call fails at once with
/// [`HostError::NoHost`](crate::HostError::NoHost).
///
/// ```
/// use std::sync::Arc;
/// use sidegate_sdk::testing;
/// use sidegate_sdk::{Config, Host, Plugin, Request, Result};
///
/// struct Notes { host: Host }
///
/// fn plugin() -> Plugin<Notes> {
///     Plugin::new("notes", "1.0.0")
///         .initialize(async |config: Config| Ok(Notes { host: config.host().clone() }))
///         .put("/*", async |req: Request, notes: Arc<Notes>| -> Result<&str> {
///             notes.host.kv().set(req.relative_path(), req.body().clone()).await?;
///             Ok("kept")
///         })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let host = testing::Host::start(plugin(), Config::default()).granting(["kv.readwrite"]).await?;
/// let answer = host.send(Request::builder().method("PUT").path("/milk").body("2 l")).await;
/// assert_eq!((answer.text(), host.stored("/milk").as_deref()), ("kept", Some(&b"2 l"[..])));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Host {
    line: Arc<Line>,
}

impl Host {
    /// Whether there is a host to ask. Whether it allows what is asked shows when it is asked.
    pub fn is_there(&self) -> bool {
        self.line.has_host()
    }

    /// Values by key, which outlive the process; every plugin has its own. Needs the scope
    /// `kv.readwrite`.
    pub fn kv(&self) -> Kv {
        Kv::new(Arc::clone(&self.line))
    }

    /// What plugins of this gateway tell each other. Needs no scope.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.line))
    }

    /// The apps that the gateway knows.
    pub fn apps(&self) -> Apps {
        Apps::new(Arc::clone(&self.line))
    }

    /// The host's log. Works without a host too: lines go to stderr.
    pub fn logger(&self) -> Logger {
        Logger::new()
    }

    /// Notes what the host said of itself and of this plugin; 0 says nothing.
    pub(crate) fn learn(&self, broker_id: u32, plugin_id: u32) {
        self.line.learn(broker_id, plugin_id);
    }

    /// Notes where a service of the host's listens.
    pub(crate) fn hear(&self, info: ConnInfo) {
        self.line.hear(info);
    }

    /// Asks over TLS from now on.
    pub(crate) fn encrypt(&self, tls: HostTls) {
        self.line.encrypt(tls);
    }

    /// Ends subscriptions for good; calls still work.
    pub(crate) fn end(&self) {
        self.line.ended().cancel();
    }
}
