//! Namespaces: which edges get what. Every edge gets the global one and one of its own, if it has one.

use std::fmt;
use std::sync::Arc;

/// The name of a namespace; empty for the global one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(Arc<str>);

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

    /// Whether it is the one that every edge gets.
    pub fn is_global(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is written; empty for the global one.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For people: the global namespace has no name to show.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_global() { "(global)" } else { &self.0 })
    }
}
