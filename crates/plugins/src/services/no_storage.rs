//! A storage that cannot be reached, for processes that are only looked at, and for tests in which nothing is kept.

use super::Keepers;
use sidegate_model::UnixMillis;
use sidegate_model::kv::{
    Condition, Kept, Kv, KvError, KvFuture, KvPage, KvRange, NewEntry, Written,
};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_sealing::NoKeys;

/// Keeps nothing and finds nothing.
pub(crate) struct NoStorage;

impl NoStorage {
    /// The same, and no keys either.
    pub(crate) fn keepers() -> Keepers {
        Keepers::new(Self, NoKeys)
    }
}

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

    fn find<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, Option<Kept>> {
        no_storage()
    }

    fn write_if<'a>(
        &'a self,
        _: PluginId,
        _: NewEntry<'a>,
        _: Condition<'a>,
    ) -> KvFuture<'a, Written> {
        no_storage()
    }

    fn take<'a>(&'a self, _: PluginId, _: &'a str, _: Condition<'a>) -> KvFuture<'a, Option<Kept>> {
        no_storage()
    }

    fn list<'a>(&'a self, _: PluginId, _: KvRange<'a>) -> KvFuture<'a, KvPage> {
        no_storage()
    }
}
