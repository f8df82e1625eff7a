//! Key-value storage of plugins, as whoever serves it needs it: what may be kept and how it is asked
//! for. Where it is kept is somebody else's business.

use crate::UnixMillis;
use crate::plugin::PluginId;
use sha2::{Digest as _, Sha256};
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

/// Which content an entry has: the same value with the same end has the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; VERSION_BYTES]);

/// How long a version is, in bytes.
pub const VERSION_BYTES: usize = 16;

impl Version {
    /// That of this content.
    pub fn of(value: &[u8], expires_at: Option<UnixMillis>) -> Self {
        // No end is another one than any end.
        let end = expires_at.map(UnixMillis::to_be_bytes);
        let digest = Sha256::new().chain_update([u8::from(end.is_some())]);
        let digest = digest.chain_update(end.unwrap_or_default()).chain_update(value).finalize();
        Self(*digest.first_chunk().expect("a SHA-256 is longer than a version"))
    }
}

/// A value that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The value.
    pub value: Vec<u8>,
    /// When it expires; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

impl Kept {
    /// Which content it is.
    pub fn version(&self) -> Version {
        Version::of(&self.value, self.expires_at)
    }
}

/// A value to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// Its key.
    pub key: &'a str,
    /// The value.
    pub value: &'a [u8],
    /// When it expires; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

/// What must be there for something to be done. An entry that has expired is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Whatever it is.
    None,
    /// Nothing.
    Absent,
    /// This version.
    Version(Version),
    /// This value.
    Value(&'a [u8]),
}

impl Condition<'_> {
    /// Whether it holds where this is what is there.
    pub fn holds(&self, there: Option<&Kept>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => there.is_none(),
            Self::Version(version) => there.is_some_and(|kept| kept.version() == *version),
            Self::Value(value) => there.is_some_and(|kept| kept.value == *value),
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is kept.
    Kept {
        /// Whether the key is new.
        is_new: bool,
    },
    /// The condition does not hold: nothing has changed.
    Refused {
        /// What is there; `None` where nothing is.
        there: Option<Version>,
    },
}

/// Most entries of a page.
pub const MAX_PAGE_ENTRIES: u32 = 1000;
/// Most bytes that the values of a page take together, but for a page of one entry.
pub const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Which entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvRange<'a> {
    /// Only those whose key begins so.
    pub prefix: &'a str,
    /// Only those whose key comes after this one.
    pub after: &'a str,
    /// At most so many, at most [`MAX_PAGE_ENTRIES`].
    pub size: u32,
    /// With their values, at most [`MAX_PAGE_BYTES`] of them.
    pub with_values: bool,
}

/// An entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its key.
    pub key: String,
    /// How many bytes its value has.
    pub value_bytes: u64,
    /// When it expires; `None` is never.
    pub expires_at: Option<UnixMillis>,
    /// Its value, where that is wanted.
    pub value: Option<Vec<u8>>,
}

/// Some entries, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KvPage {
    /// The entries.
    pub entries: Vec<ListedEntry>,
    /// Whether more follow.
    pub has_more: bool,
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

    /// What is kept under this key; `None` when there is none or it has expired.
    fn find<'a>(&'a self, plugin: PluginId, key: &'a str) -> KvFuture<'a, Option<Kept>>;

    /// Keeps a value, in place of an earlier one, where the condition holds: looked at and written in one step.
    fn write_if<'a>(
        &'a self,
        plugin: PluginId,
        entry: NewEntry<'a>,
        condition: Condition<'a>,
    ) -> KvFuture<'a, Written>;

    /// Removes what is kept under this key, where the condition holds, and gives it to whoever removed it: to nobody else.
    fn take<'a>(
        &'a self,
        plugin: PluginId,
        key: &'a str,
        condition: Condition<'a>,
    ) -> KvFuture<'a, Option<Kept>>;

    /// Entries of a plugin that have not expired, as they are at one moment.
    fn list<'a>(&'a self, plugin: PluginId, range: KvRange<'a>) -> KvFuture<'a, KvPage>;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_a_value_and_its_end_and_of_nothing_else() {
        let all = [
            Version::of(b"", None),
            Version::of(b"", Some(0)),
            Version::of(b"\0\0\0\0\0\0\0\0", None),
            Version::of(b"", Some(1)),
            Version::of(b"a", None),
            Version::of(b"a", Some(1)),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one), "{i}");
        }
        assert_eq!(Version::of(b"a", Some(1)), all[5]);
    }

    #[test]
    fn a_condition_holds_only_where_what_it_names_is_there() {
        let there = Kept { value: b"a".to_vec(), expires_at: Some(5) };
        let holds =
            |condition: Condition<'_>| (condition.holds(None), condition.holds(Some(&there)));
        assert_eq!(holds(Condition::None), (true, true));
        assert_eq!(holds(Condition::Absent), (true, false));
        assert_eq!(holds(Condition::Version(there.version())), (false, true));
        assert_eq!(holds(Condition::Version(Version::of(b"a", None))), (false, false));
        assert_eq!(holds(Condition::Value(b"a")), (false, true));
        assert_eq!(holds(Condition::Value(b"b")), (false, false));
    }
}
