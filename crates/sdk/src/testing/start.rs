//! What a testing host is given before it starts.

use std::future::IntoFuture;

use sidegate_wire::management::AppInfo;

use super::host::Host;
use super::services::Services;
use crate::config::Config;
use crate::error::Result;
use crate::handler::Boxed;
use crate::plugin::Plugin;

/// A host about to start, made by [`Host::start`]: await it, after saying what the plugin may ask.
#[must_use = "a host starts when it is awaited"]
pub struct Start<S> {
    plugin: Plugin<S>,
    config: Config,
    services: Services,
}

impl Host {
    /// Starts and initializes a plugin with this configuration, as Sidegate does, when awaited.
    ///
    /// # Errors
    /// When the plugin's description is unsound, or when it refuses the configuration.
    pub fn start<S>(plugin: Plugin<S>, config: impl Into<Config>) -> Start<S>
    where
        S: Send + Sync + 'static,
    {
        let (config, services) = (config.into(), Services::default());
        let pairs = config.iter().map(|(key, value)| (key.to_owned(), value.into()));
        services.memory().config = pairs.collect();
        Start { plugin, config, services }
    }
}

impl<S: Send + Sync + 'static> Start<S> {
    /// Grants scopes such as `kv.readwrite`, as an operator does. Without it none is granted.
    pub fn granting<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.services.memory().granted.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Starts it as a console does, for its page only: there it can change its own configuration.
    pub fn in_console(self) -> Self {
        self.services.memory().in_console = true;
        self
    }

    /// Keeps a value for the plugin, as if it had set it in an earlier life.
    pub fn storing(self, key: &str, value: impl Into<bytes::Bytes>) -> Self {
        self.services.memory().write(key, value.into(), None);
        self
    }

    /// Adds an app that the plugin can ask for.
    pub fn with_app(self, app: AppInfo) -> Self {
        self.services.memory().apps.push(app);
        self
    }

    /// Adds a secret that is valid and belongs to this app.
    pub fn with_secret(self, secret: &str, app_id: u32) -> Self {
        self.services.memory().secrets.insert(secret.to_owned(), app_id);
        self
    }
}

impl<S: Send + Sync + 'static> IntoFuture for Start<S> {
    type Output = Result<Host>;
    type IntoFuture = Boxed<Result<Host>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(Host::launch(self.plugin, self.config, Some(self.services)))
    }
}

impl<S> std::fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
