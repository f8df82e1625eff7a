//! A storage that cannot be reached, for tests in which nothing is kept.

use sidegate_model::UnixMillis;
use sidegate_model::kv::{Kv, KvError, KvFuture};
use sidegate_model::plugin::PluginId;

/// Keeps nothing and finds nothing.
pub(crate) struct Nowhere;

fn nowhere<'a, T: Send + 'a>() -> KvFuture<'a, T> {
    Box::pin(std::future::ready(Err(KvError::Unavailable(String::new()))))
}

impl Kv for Nowhere {
    fn read<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, Option<Vec<u8>>> {
        nowhere()
    }

    fn write<'a>(
        &'a self,
        _: PluginId,
        _: &'a str,
        _: &'a [u8],
        _: Option<UnixMillis>,
    ) -> KvFuture<'a, bool> {
        nowhere()
    }

    fn delete<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, bool> {
        nowhere()
    }
}
