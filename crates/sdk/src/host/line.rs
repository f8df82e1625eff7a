//! The one connection of a process to its host's services, made when it is first needed.
//!
//! Calls that come at once share one dial; after a lost connection the next call dials again.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sidegate_wire::handshake::{FEATURE_SEALING, FEATURE_STORAGE};
use sidegate_wire::management::PluginContext;
use sidegate_wire::plugin::ConnInfo;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Response, Status};
use tower::service_fn;

use super::dial::Dialer;
use super::error::{HostError, lost};
use crate::tls::HostTls;

/// How long a call may take, connecting included.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// The largest answer that is read: a page of apps with all their metadata. In bytes.
pub(super) const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Whether a question may be asked again when the connection was lost before the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Asked twice it does the same.
    Yes,
    /// Somebody would see that it was asked twice.
    No,
}

/// What a host may offer beyond the original contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// Entries under conditions, taken and listed.
    Storage,
    /// Sealing.
    Sealing,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    plugin_id: AtomicU32,
    /// The services are those of a console.
    console: AtomicBool,
    /// What the host offers beyond the original contract.
    storage: AtomicBool,
    sealing: AtomicBool,
    dialer: Arc<Dialer>,
    channel: OnceLock<Channel>,
    ended: CancellationToken,
}

impl Line {
    /// Notes what the host said of itself and of this plugin; 0 says nothing.
    pub(super) fn learn(&self, broker_id: u32, plugin_id: u32) {
        if plugin_id != 0 {
            self.plugin_id.store(plugin_id, Ordering::Relaxed);
        }
        self.dialer.learn_id(broker_id);
    }

    pub(super) fn hear(&self, info: ConnInfo) {
        self.dialer.hear(info);
    }

    pub(super) fn encrypt(&self, tls: HostTls) {
        self.dialer.encrypt(tls);
    }

    pub(super) fn is_console(&self) {
        self.console.store(true, Ordering::Relaxed);
    }

    /// Whether the services have the names that they have beside a console.
    pub(super) fn asks_console(&self) -> bool {
        self.console.load(Ordering::Relaxed)
    }

    /// Notes what the host announced.
    pub(super) fn offers(&self, features: &[String]) {
        let has = |name: &str| features.iter().any(|feature| feature == name);
        self.storage.store(has(FEATURE_STORAGE), Ordering::Relaxed);
        self.sealing.store(has(FEATURE_SEALING), Ordering::Relaxed);
    }

    /// Fails where the host did not announce it.
    pub(super) fn require(&self, feature: Feature) -> Result<(), HostError> {
        let (is_offered, what) = match feature {
            Feature::Storage => (&self.storage, "storage under conditions, and lists of keys"),
            Feature::Sealing => (&self.sealing, "sealing"),
        };
        match is_offered.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(HostError::Unsupported(what.to_owned())),
        }
    }

    pub(super) fn has_host(&self) -> bool {
        self.dialer.knows_id()
    }

    /// The plugin's number, which hosts that trust their plugins want to be told.
    pub(super) fn plugin_id(&self) -> u32 {
        self.plugin_id.load(Ordering::Relaxed)
    }

    pub(super) fn context(&self, scope: &str) -> Option<PluginContext> {
        Some(PluginContext { plugin_id: self.plugin_id(), method_scope: scope.to_owned() })
    }

    /// Cancelled when the session or the plugin ends. Calls still work then, subscriptions do not.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// The shared connection; nothing is dialled yet.
    ///
    /// # Errors
    /// [`HostError::NoHost`].
    pub(super) fn channel(&self) -> Result<Channel, HostError> {
        if !self.has_host() {
            return Err(HostError::NoHost);
        }
        Ok(self.channel.get_or_init(|| connect(&self.dialer)).clone())
    }

    /// Asks once, or once more when the connection was lost, within the deadline.
    pub(super) async fn ask<T, Fut>(
        &self,
        scope: &'static str,
        again: Again,
        call: impl Fn(Channel) -> Fut,
    ) -> Result<T, HostError>
    where
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.ask_within(DEADLINE, scope, again, call).await
    }

    /// The same within another deadline.
    pub(super) async fn ask_within<T, Fut>(
        &self,
        deadline: Duration,
        scope: &'static str,
        again: Again,
        call: impl Fn(Channel) -> Fut,
    ) -> Result<T, HostError>
    where
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = self.channel()?;
        let asked = timeout(deadline, async {
            match call(channel.clone()).await {
                Err(status) if again == Again::Yes && lost(&status) => call(channel).await,
                outcome => outcome,
            }
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(HostError::of(&status, scope)),
            Err(_) => Err(HostError::Unavailable(format!(
                "it did not answer within {} s",
                deadline.as_secs()
            ))),
        }
    }
}

fn connect(dialer: &Arc<Dialer>) -> Channel {
    let dialer = Arc::clone(dialer);
    let connector = service_fn(move |_: Uri| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial().await.map(TokioIo::new) }
    });
    // The name is never resolved: the dialer knows where.
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector)
}
