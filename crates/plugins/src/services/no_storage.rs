//! A storage that cannot be reached, for tests in which nothing is kept.

use sidegate_model::UnixMillis;
use sidegate_model::kv::{Kv, KvError, KvFuture};
use sidegate_model::plugin::PluginId;

/// Keeps nothing and finds nothing.
pub(crate) struct NoStorage;

fn no_storage<'a, T: Send + 'a>() -> KvFuture<'a, T> {
    Box::pin(std::future::ready(Err(KvError::Unavailable(String::new()))))
}

impl Kv for NoStorage {
    fn read<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, Option<Vec<u8>>> {
        no_storage()
    }

    fn write<'a>(
        &'a self,
        _: PluginId,
        _: &'a str,
        _: &'a [u8],
        _: Option<UnixMillis>,
    ) -> KvFuture<'a, bool> {
        no_storage()
    }

    fn delete<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, bool> {
        no_storage()
    }
}
