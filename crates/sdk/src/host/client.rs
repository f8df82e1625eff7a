//! The host as a plugin sees it: one value to clone and to keep.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use sidegate_wire::plugin::ConnInfo;

use super::apps::Apps;
use super::error::HostError;
use super::events::Events;
use super::kv::Kv;
use super::line::Line;
use super::logger::Logger;
use super::{sealing, studio};
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

    /// Changes this plugin's own configuration: the keys that are given, whose value is removed where it is
    /// null; all others stay as they are. Answers, with a text for people, when the change is served: by then
    /// another process may have taken the place of those that run.
    ///
    /// Only for methods of the plugin's page ([`Plugin::rpc`](crate::Plugin::rpc)), which run beside a console: a
    /// gateway answers [`HostError::Unsupported`]. Needs the scope `plugins.write`. The slug, and what the schema
    /// marks with `x-admin`, are not the plugin's to change.
    ///
    /// # Errors
    /// See [`HostError`]: `Refused` where the configuration does not take the change, in the host's words.
    pub async fn update_config(&self, changes: &impl Serialize) -> Result<String, HostError> {
        studio::update_config(&self.line, changes, None::<&()>).await
    }

    /// The same, only while the configuration is as `expected`: a JSON object of the keys that the change was made from, with
    /// what they were, and null for what was not there. Two who change the same at once do not undo each other then.
    ///
    /// A host that does not know this, which is none of Sidegate's, does as if nothing was expected.
    ///
    /// # Errors
    /// See [`HostError`]: `Changed` where it is not as expected; nothing was changed then.
    pub async fn update_config_if(
        &self,
        changes: &impl Serialize,
        expected: &impl Serialize,
    ) -> Result<String, HostError> {
        studio::update_config(&self.line, changes, Some(expected)).await
    }

    /// Encrypts bytes with a key of the host's, so that they can be handed to somebody who is to bring them back unread and
    /// unchanged, such as in a cookie. This plugin alone can [`open`](Self::open) them, also after a restart and at another
    /// edge of its namespace. Needs the scope `kv.readwrite`.
    ///
    /// `associated` is not in them and has to be given again to open them: for whom they are, or what for, so that what was
    /// sealed for one purpose is of no use for another. It may be empty. When they end has to be in what is sealed: the
    /// host does not know.
    ///
    /// ```
    /// use sidegate_sdk::{Host, HostError};
    ///
    /// async fn remembered(host: &Host, cookie: Vec<u8>) -> Result<Option<String>, HostError> {
    ///     let opened = host.open(cookie, "cookie of a visitor").await?;
    ///     Ok(opened.map(|name| String::from_utf8_lossy(&name).into_owned()))
    /// }
    ///
    /// async fn remember(host: &Host, name: String) -> Result<Vec<u8>, HostError> {
    ///     Ok(host.seal(name, "cookie of a visitor").await?.to_vec())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`HostError`]: `Invalid` for more than 64 KiB, or 4 KiB of associated data; `Unavailable` while the host has no
    /// key.
    pub async fn seal(
        &self,
        clear: impl Into<Bytes>,
        associated: impl Into<Bytes>,
    ) -> Result<Bytes, HostError> {
        sealing::seal(&self.line, clear.into(), associated.into()).await
    }

    /// Decrypts what [`seal`](Self::seal) made. `None` where this plugin did not seal it, it was changed, other associated
    /// data belong to it, or its key is gone: an edge keeps the last 32 of its namespace.
    ///
    /// # Errors
    /// See [`HostError`]: `Unavailable` while the host has no key.
    pub async fn open(
        &self,
        sealed: impl Into<Bytes>,
        associated: impl Into<Bytes>,
    ) -> Result<Option<Bytes>, HostError> {
        sealing::open(&self.line, sealed.into(), associated.into()).await
    }

    /// Notes what the host said of itself and of this plugin; 0 says nothing.
    pub(crate) fn learn(&self, broker_id: u32, plugin_id: u32) {
        self.line.learn(broker_id, plugin_id);
    }

    /// Notes what the host offers beyond the original contract.
    pub(crate) fn offers(&self, features: &[String]) {
        self.line.offers(features);
    }

    /// Notes that it is a console that asks, which has other services than a gateway.
    pub(crate) fn is_console(&self) {
        self.line.is_console();
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
