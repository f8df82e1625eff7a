//! A testing host in the place of the console: it calls what the plugin's page would call.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use sidegate_wire::plugin::{CallRequest, GetAssetRequest, ListAssetsRequest};

use super::host::{Host, failed, timed};
use crate::error::{Error, Result};

impl Host {
    /// Calls a method of the plugin as its page would, and gives what it answers.
    ///
    /// # Errors
    /// The plugin's own words, where it refuses.
    pub async fn call(&self, method: &str, payload: impl Serialize) -> Result<Value> {
        let request = CallRequest {
            method: method.to_owned(),
            payload: serde_json::to_string(&payload)?,
            ..CallRequest::default()
        };
        let answer = self.client().call(timed(request)).await.map_err(|status| failed(&status))?;
        let answer = answer.into_inner();
        if !answer.success {
            return Err(Error::new(answer.error_message));
        }
        Ok(serde_json::from_str(&answer.data).unwrap_or(Value::String(answer.data)))
    }

    /// Type and content of a file of the plugin's user interface.
    ///
    /// # Errors
    /// When the plugin has no such file.
    pub async fn asset(&self, path: &str) -> Result<(String, Bytes)> {
        let request = timed(GetAssetRequest { asset_path: path.to_owned() });
        let answer =
            self.client().get_asset(request).await.map_err(|status| failed(&status))?.into_inner();
        if answer.success {
            Ok((answer.mime_type, answer.content))
        } else {
            Err(Error::new(answer.error_message))
        }
    }

    /// The paths of the plugin's files that begin so.
    ///
    /// # Errors
    /// When the plugin has no files at all.
    pub async fn assets(&self, prefix: &str) -> Result<Vec<String>> {
        let request = timed(ListAssetsRequest { path_prefix: prefix.to_owned() });
        let answer = self.client().list_assets(request).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        if answer.success {
            Ok(answer.assets.into_iter().map(|asset| asset.path).collect())
        } else {
            Err(Error::new(answer.error_message))
        }
    }

    /// A key of the configuration, as the plugin was started with it or has changed it since by
    /// [`update_config`](crate::Host::update_config); the plugin itself is not started again.
    pub fn configured(&self, key: &str) -> Option<Value> {
        self.memory()?.config.get(key).cloned()
    }

    /// Stores another value of a key, as somebody else does meanwhile; the plugin hears nothing of it.
    pub fn configure(&self, key: &str, value: impl Into<Value>) {
        if let Some(mut memory) = self.memory() {
            memory.config.insert(key.to_owned(), value.into());
        }
    }
}
