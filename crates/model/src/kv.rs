//! Key-value storage of plugins, as whoever serves it needs it: what may be kept and how it is asked
//! for. Where it is kept is somebody else's business.

use crate::UnixMillis;
use crate::plugin::PluginId;
use std::future::Future;
use std::pin::Pin;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 512;
/// Largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// Most keys that one plugin may hold.
pub const MAX_KEYS: usize = 10_000;
/// Most bytes that keys and values of one plugin may take together.
pub const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// Why an entry was not kept, found or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The key breaks the rule.
    #[error("the key must have 1 to {MAX_KEY_BYTES} bytes, this one has {0}")]
    Key(usize),
    /// The value is too large.
    #[error("the value has {0} bytes, {MAX_VALUE_BYTES} are the most")]
    Value(usize),
    /// The plugin holds as much as it may.
    #[error(
        "the storage of this plugin is full: {MAX_KEYS} keys and {MAX_TOTAL_BYTES} bytes are the most; delete some or let them expire"
    )]
    Full,
    /// It cannot be reached now. The text is internal, never shown to a plugin.
    #[error("the storage cannot be reached: {0}")]
    Unavailable(String),
}

/// What comes of a question to the storage.
pub type KvFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// Key-value storage in which every plugin has a space of its own.
pub trait Kv: Send + Sync + 'static {
    /// The value under this key; `None` when there is none or it has expired.
    fn read<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, Option<Vec<u8>>>;

    /// Keeps a value, in place of an earlier one; without `expires_at` for ever. Tells whether the
    /// key is new.
    fn write<'a>(
        &'a self,
        plugin: PluginId,
        key: &'a str,
        value: &'a [u8],
        expires_at: Option<UnixMillis>,
    ) -> KvFuture<'a, bool>;

    /// Removes a key. Tells whether it was there and had not expired.
    fn delete<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, bool>;
}

/// Checks a key and the size of a value.
///
/// # Errors
/// [`KvError::Key`] and [`KvError::Value`] name the rule.
///
/// ```
/// use sidegate_model::kv::{KvError, check};
/// assert!(check("visits", b"12").is_ok());
/// assert_eq!(check("", b""), Err(KvError::Key(0)));
/// ```
pub fn check(key: &str, value: &[u8]) -> Result<(), KvError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(KvError::Key(key.len()));
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(KvError::Value(value.len()));
    }
    Ok(())
}
