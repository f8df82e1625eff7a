//! Namespaces: which edges get what. Every edge gets the global one and one of its own, if it has one.

use crate::UnixMillis;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The name of a namespace; empty for the global one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(Arc<str>);

/// Number of a namespace that is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A namespace as it is registered. The global one is there without that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNamespace {
    /// Number, given by the store.
    pub id: NamespaceId,
    /// Its name.
    pub name: Namespace,
    /// Text for people; may be empty.
    pub description: String,
    /// When it was registered.
    pub created_at: UnixMillis,
}

impl KnownNamespace {
    /// The global one, as if it were registered.
    pub fn global() -> Self {
        let (id, name) = (NamespaceId(0), Namespace::global());
        Self { id, name, description: String::new(), created_at: 0 }
    }

    /// A text for its content, which never changes.
    pub fn version(&self) -> String {
        format!("{:x}", self.created_at)
    }
}

/// Longest description of a namespace, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1000;

/// A text that names no namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "namespace {0:?} is not valid: use 1 to 63 characters from a-z, 0-9 and '-', with a letter or digit at both ends"
)]
pub struct InvalidNamespace(pub String);

impl Namespace {
    /// The one that every edge gets.
    pub fn global() -> Self {
        Self("".into())
    }

    /// Reads a name; the empty one is the global namespace.
    ///
    /// # Errors
    /// [`InvalidNamespace`] with the text.
    ///
    /// ```
    /// use sidegate_model::namespace::Namespace;
    /// assert_eq!(Namespace::parse("berlin-2").unwrap().as_str(), "berlin-2");
    /// assert!(Namespace::parse("").unwrap().is_global());
    /// assert!(Namespace::parse("../x").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidNamespace> {
        let bytes = text.as_bytes();
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let at_ends = |end: Option<&u8>| end.is_none_or(|byte| inner(*byte));
        let fits = bytes.len() <= 63
            && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
            && at_ends(bytes.first())
            && at_ends(bytes.last());
        if fits {
            return Ok(Self(text.into()));
        }
        Err(InvalidNamespace(text.chars().take(100).collect()))
    }

    /// Whether one edge can see what is in both: names there are the same for it.
    ///
    /// ```
    /// use sidegate_model::namespace::Namespace;
    /// let [global, berlin, oslo] = ["", "berlin", "oslo"].map(|name| Namespace::parse(name).unwrap());
    /// assert!(global.meets(&oslo) && berlin.meets(&global) && berlin.meets(&berlin));
    /// assert!(!berlin.meets(&oslo));
    /// ```
    pub fn meets(&self, other: &Self) -> bool {
        self.is_global() || other.is_global() || self == other
    }

    /// Whether it is the one that every edge gets.
    pub fn is_global(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is written; empty for the global one.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::global()
    }
}

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Namespace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// For people: the global namespace has no name to show.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_global() { "(global)" } else { &self.0 })
    }
}
