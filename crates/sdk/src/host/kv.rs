//! Values by key, kept by the host. How much may be kept is the host's rule; what can never be kept
//! is not sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sidegate_wire::management::microgateway_management_service_client::MicrogatewayManagementServiceClient as Client;
use sidegate_wire::management::{
    DeletePluginKvRequest, PluginContext, ReadPluginKvRequest, WritePluginKvRequest,
};
use sidegate_wire::studio as console;
use sidegate_wire::studio::ai_studio_management_service_client::AiStudioManagementServiceClient as Console;

use super::error::HostError;
use super::line::{Again, Line};
use crate::machine;

pub(super) const SCOPE: &str = "kv.readwrite";
/// The longest key and the largest value, in bytes.
const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 1024 * 1024;
/// A thousand years; hosts need not know how to write down what lies behind.
const FOR_EVER: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// Key-value storage of this plugin's own, made by [`Host::kv`](crate::Host::kv).
///
/// The last write wins, also between two processes of the same plugin, as during a reload; [`put`](Self::put) changes a
/// value only if nobody else did, [`take`](Self::take) gives it to one alone. A key has 1 to 512 bytes, a value at most
/// 1 MiB, and a plugin at most 10,000 keys and 64 MiB, under Sidegate.
#[derive(Clone, Debug)]
pub struct Kv {
    line: Arc<Line>,
}

impl Kv {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line }
    }

    pub(super) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    /// The value of a key; `None` where there is none or it has expired.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, HostError> {
        self.check(key, &[])?;
        let context = self.line.context(SCOPE);
        let message = ReadPluginKvRequest { context, key: key.to_owned() };
        let asks_console = self.line.asks_console();
        let call = |channel| {
            let message = message.clone();
            async move {
                if asks_console {
                    let message = console::ReadPluginKvRequest {
                        context: context_of(message.context),
                        key: message.key,
                    };
                    let answer = Console::new(channel).read_plugin_kv(message).await?;
                    return Ok(answer.map(|answer| answer.value));
                }
                let answer = Client::new(channel).read_plugin_kv(message).await?;
                Ok(answer.map(|answer| answer.value))
            }
        };
        match self.line.ask(SCOPE, Again::Yes, call).await {
            Ok(value) => Ok(Some(value)),
            Err(HostError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a value until it is deleted, in place of an earlier one.
    ///
    /// # Errors
    /// See [`HostError`]: `Invalid` where key or value are too large, `Full` where this plugin's
    /// storage is.
    pub async fn set(&self, key: &str, value: impl Into<Bytes>) -> Result<(), HostError> {
        self.write(key, value.into(), None).await
    }

    /// Keeps a value for so long; a thousand years and more are for ever.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn set_for(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        duration: Duration,
    ) -> Result<(), HostError> {
        let until = (duration < FOR_EVER).then(|| machine::now() + duration);
        self.write(key, value.into(), until).await
    }

    /// Removes a key; tells whether it was there.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn delete(&self, key: &str) -> Result<bool, HostError> {
        self.check(key, &[])?;
        let context = self.line.context(SCOPE);
        let message = DeletePluginKvRequest { context, key: key.to_owned() };
        let asks_console = self.line.asks_console();
        let call = |channel| {
            let message = message.clone();
            async move {
                if asks_console {
                    let message = console::DeletePluginKvRequest {
                        context: context_of(message.context),
                        key: message.key,
                    };
                    let answer = Console::new(channel).delete_plugin_kv(message).await?;
                    return Ok(answer.map(|answer| answer.deleted));
                }
                let answer = Client::new(channel).delete_plugin_kv(message).await?;
                Ok(answer.map(|answer| answer.deleted))
            }
        };
        // Asked twice, the second answer would be "no".
        self.line.ask(SCOPE, Again::No, call).await
    }

    /// The value of a key, read as JSON.
    ///
    /// # Errors
    /// See [`HostError`]: `Json` where the value is something else.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, HostError> {
        let value = self.get(key).await?;
        let read = |value: Bytes| serde_json::from_slice(&value);
        value.map(read).transpose().map_err(|error| HostError::json(&error))
    }

    /// Keeps a value as JSON.
    ///
    /// # Errors
    /// As [`set`](Self::set); `Json` where JSON cannot express the value.
    pub async fn set_json(&self, key: &str, value: &impl Serialize) -> Result<(), HostError> {
        let text = serde_json::to_vec(value).map_err(|error| HostError::json(&error))?;
        self.set(key, text).await
    }

    async fn write(
        &self,
        key: &str,
        value: Bytes,
        until: Option<SystemTime>,
    ) -> Result<(), HostError> {
        self.check(key, &value)?;
        let message = WritePluginKvRequest {
            context: self.line.context(SCOPE),
            key: key.to_owned(),
            value,
            expire_at: until.map(Into::into),
        };
        let asks_console = self.line.asks_console();
        let call = |channel| {
            let message = message.clone();
            async move {
                if asks_console {
                    let WritePluginKvRequest { context, key, value, expire_at } = message;
                    let context = context_of(context);
                    let message = console::WritePluginKvRequest { context, key, value, expire_at };
                    return Ok(Console::new(channel).write_plugin_kv(message).await?.map(drop));
                }
                Ok(Client::new(channel).write_plugin_kv(message).await?.map(drop))
            }
        };
        self.line.ask(SCOPE, Again::Yes, call).await
    }

    /// Refuses what the host would refuse, in its words, before it is sent.
    pub(super) fn check(&self, key: &str, value: &[u8]) -> Result<(), HostError> {
        // Without a host that is what the author has to hear.
        self.line.channel()?;
        let text = match (key.len(), value.len()) {
            (1..=KEY_BYTES, 0..=VALUE_BYTES) => return Ok(()),
            (1..=KEY_BYTES, size) => {
                format!("the value has {size} bytes, {VALUE_BYTES} are the most")
            }
            (size, _) => format!("the key must have 1 to {KEY_BYTES} bytes, this one has {size}"),
        };
        Err(HostError::Invalid(text))
    }
}

/// The same to a console.
fn context_of(context: Option<PluginContext>) -> Option<console::PluginContext> {
    let PluginContext { plugin_id, method_scope } = context?;
    Some(console::PluginContext { plugin_id, method_scope })
}
