//! What the provider needs of a storage, and records in it. Knows no record.

pub(crate) mod host;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sidegate_sdk::{HostError, Version};

/// The scope without which the host keeps nothing.
pub(crate) const NEEDED: &str = "kv.readwrite";

/// What a question to a storage comes to.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// Why a storage gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The operator has not allowed it. What to do is said here, and nowhere else.
    #[error(
        "the host's storage is not granted: `sidegate plugin grant NAME {NEEDED}` does it ({0})"
    )]
    NotGranted(HostError),
    /// The host did not do it.
    #[error("the host's storage: {0}")]
    Host(HostError),
    /// What is kept cannot be read.
    #[error("what is kept under {key:?} is damaged: {error}")]
    Damaged {
        /// Where it is.
        key: String,
        /// What reading it said.
        error: serde_json::Error,
    },
}

impl From<HostError> for StorageError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::NotGranted { .. } => Self::NotGranted(error),
            other => Self::Host(other),
        }
    }
}

/// A value as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    /// Another one after each change.
    pub(crate) version: Version,
}

/// Values by key, each for so long. What changes a value does it in one step, also where many ask at once.
pub(crate) trait Storage: Send + Sync {
    /// The value of a key, if it is there and has not expired.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Entry>>;
    /// Keeps a value, whatever was there.
    fn put<'a>(&'a self, key: &'a str, value: Vec<u8>, lifetime: Duration) -> Answer<'a, ()>;
    /// Keeps a value where there is none; tells whether it did.
    fn insert_if_absent<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        lifetime: Duration,
    ) -> Answer<'a, bool>;
    /// Keeps a value in the place of the one that had this version; tells whether it did.
    fn replace_if<'a>(
        &'a self,
        key: &'a str,
        version: &'a Version,
        value: Vec<u8>,
        lifetime: Duration,
    ) -> Answer<'a, bool>;
    /// Removes a key.
    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;
    /// What only this plugin can open again, where the same purpose is named; none where the host does not offer that.
    fn seal<'a>(&'a self, clear: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>>;
    /// What was sealed; none where it was not, or nobody has its key any more.
    fn open<'a>(&'a self, sealed: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>>;
}

/// A record and what it takes to change it.
#[derive(Debug, Clone)]
pub(crate) struct Record<T> {
    pub(crate) value: T,
    pub(crate) version: Version,
}

/// Records as JSON in a storage.
#[derive(Clone)]
pub(crate) struct Records {
    storage: Arc<dyn Storage>,
}

impl Records {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<Record<T>>, StorageError> {
        let Some(entry) = self.storage.get(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&entry.value).map_err(damaged(key))?;
        Ok(Some(Record { value, version: entry.version }))
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        value: &(impl Serialize + Sync),
        lifetime: Duration,
    ) -> Result<(), StorageError> {
        let value = serde_json::to_vec(value).map_err(damaged(key))?;
        self.storage.put(key, value, lifetime).await
    }

    pub(crate) async fn insert(
        &self,
        key: &str,
        value: &(impl Serialize + Sync),
        lifetime: Duration,
    ) -> Result<bool, StorageError> {
        let value = serde_json::to_vec(value).map_err(damaged(key))?;
        self.storage.insert_if_absent(key, value, lifetime).await
    }

    /// Keeps the record if nobody changed it since it was read; tells whether it did.
    pub(crate) async fn replace(
        &self,
        key: &str,
        record: &Record<impl Serialize + Sync>,
        lifetime: Duration,
    ) -> Result<bool, StorageError> {
        let value = serde_json::to_vec(&record.value).map_err(damaged(key))?;
        self.storage.replace_if(key, &record.version, value, lifetime).await
    }

    pub(crate) async fn seal(
        &self,
        clear: Vec<u8>,
        purpose: &'static str,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.seal(clear, purpose).await
    }

    pub(crate) async fn open(
        &self,
        sealed: Vec<u8>,
        purpose: &'static str,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.open(sealed, purpose).await
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.storage.delete(key).await
    }
}

fn damaged(key: &str) -> impl FnOnce(serde_json::Error) -> StorageError {
    let key = key.to_owned();
    |error| StorageError::Damaged { key, error }
}
