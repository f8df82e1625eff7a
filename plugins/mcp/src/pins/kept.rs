//! What was approved of a server and what waits for it, in the storage of the plugin.

use serde::{Deserialize, Serialize};
use sidegate_sdk::{Error, HostError, Kv, Result};

use super::definitions::Definitions;
use crate::clock;

/// A set of definitions, and since when it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) definitions: Definitions,
    pub(crate) since: u64,
    /// How it came to be approved.
    #[serde(default)]
    pub(crate) by: String,
}

/// Where the sets of one server are kept.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    kv: Kv,
    server: String,
}

impl Shelf {
    pub(crate) fn new(kv: Kv, server: &str) -> Self {
        Self { kv, server: server.to_owned() }
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    fn approved_key(&self) -> String {
        format!("pins/{}/approved", self.server)
    }

    fn held_key(&self) -> String {
        format!("pins/{}/held", self.server)
    }

    pub(crate) async fn approved(&self) -> Result<Option<Kept>, HostError> {
        self.kv.get_json(&self.approved_key()).await
    }

    /// What the server said last that differs from what is approved.
    pub(crate) async fn held(&self) -> Result<Option<Kept>, HostError> {
        self.kv.get_json(&self.held_key()).await
    }

    /// Approves what is seen first, unless something is approved already; gives what counts.
    pub(crate) async fn begin(&self, seen: &Definitions) -> Result<Definitions, HostError> {
        let value = value(seen, "first seen")?;
        if self.kv.put(&self.approved_key(), value).if_absent().await?.is_some() {
            return Ok(seen.clone());
        }
        Ok(self.approved().await?.map(|kept| kept.definitions).unwrap_or_default())
    }

    /// Keeps what differs, for whoever decides.
    pub(crate) async fn hold(&self, seen: &Definitions) -> Result<(), HostError> {
        if self.held().await?.is_some_and(|held| held.definitions == *seen) {
            return Ok(());
        }
        self.kv.set(&self.held_key(), value(seen, "")?).await
    }

    /// Nothing differs any more.
    pub(crate) async fn let_go(&self) -> Result<(), HostError> {
        self.kv.delete(&self.held_key()).await.map(drop)
    }

    /// Puts a set in the place of the approved one, if that is still the one that was looked at.
    pub(crate) async fn replace(&self, seen: &Definitions, by: &str) -> Result<bool, HostError> {
        let before = self.kv.find(&self.approved_key()).await?;
        let put = self.kv.put(&self.approved_key(), value(seen, by)?);
        let put = match &before {
            Some(entry) => put.if_version(&entry.version),
            None => put.if_absent(),
        };
        Ok(put.await?.is_some())
    }

    /// Approves what is held, where it is the set of this digest: exactly what somebody looked at.
    pub(crate) async fn approve(&self, digest: &str, by: &str) -> Result<()> {
        let held = self.held().await?;
        let Some(held) = held.filter(|held| held.definitions.digest() == digest) else {
            return Err(Error::new("this set is not what the server says any more: look again"));
        };
        if !self.replace(&held.definitions, by).await? {
            return Err(Error::new("somebody approved at the same time: look again"));
        }
        self.let_go().await?;
        Ok(())
    }
}

fn value(definitions: &Definitions, by: &str) -> Result<Vec<u8>, HostError> {
    let kept = Kept { definitions: definitions.clone(), since: clock::now(), by: by.to_owned() };
    serde_json::to_vec(&kept).map_err(|error| HostError::Json(error.to_string()))
}
