//! The storage of the host: conditions are looked at where the values are, so that they hold for all processes that
//! share it.

use std::sync::Arc;
use std::time::Duration;

use sidegate_sdk::{Host, HostError, Version};

use super::{Answer, Entry, Storage};

/// The host's storage.
pub(crate) struct HostStorage {
    host: Host,
}

impl HostStorage {
    pub(crate) fn new(host: Host) -> Arc<Self> {
        Arc::new(Self { host })
    }
}

impl Storage for HostStorage {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            let found = self.host.kv().find(key).await?;
            Ok(found.map(|it| Entry { value: it.value.to_vec(), version: it.version }))
        })
    }

    fn put<'a>(&'a self, key: &'a str, value: Vec<u8>, lifetime: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            self.host.kv().put(key, value).for_time(lifetime).await?;
            Ok(())
        })
    }

    fn insert_if_absent<'a>(
        &'a self,
        key: &'a str,
        value: Vec<u8>,
        lifetime: Duration,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let put = self.host.kv().put(key, value).for_time(lifetime);
            Ok(put.if_absent().await?.is_some())
        })
    }

    fn replace_if<'a>(
        &'a self,
        key: &'a str,
        version: &'a Version,
        value: Vec<u8>,
        lifetime: Duration,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let put = self.host.kv().put(key, value).for_time(lifetime);
            Ok(put.if_version(version).await?.is_some())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.host.kv().delete(key).await?;
            Ok(())
        })
    }

    fn seal<'a>(&'a self, clear: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            match self.host.seal(clear, purpose).await {
                Ok(sealed) => Ok(Some(sealed.to_vec())),
                Err(HostError::Unsupported(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn open<'a>(&'a self, sealed: Vec<u8>, purpose: &'static str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(
            async move { Ok(self.host.open(sealed, purpose).await?.map(|clear| clear.to_vec())) },
        )
    }
}
