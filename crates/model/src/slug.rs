//! The name under which a plugin is mounted, and its rule.

use std::sync::Arc;

/// The name under which a plugin's endpoints are mounted: `[a-z0-9][a-z0-9._-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(Arc<str>);

/// A text that is no slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "slug {0:?} is not valid: use 1 to 63 characters from a-z, 0-9, '.', '_' and '-', starting with a letter or digit"
)]
pub struct InvalidSlug(pub String);

impl Slug {
    /// Checks and takes a slug.
    ///
    /// # Errors
    /// [`InvalidSlug`] names the text and the rule.
    ///
    /// ```
    /// use sidegate_model::plugin::Slug;
    /// assert_eq!(Slug::parse("my-mcp").unwrap().as_str(), "my-mcp");
    /// assert!(Slug::parse("My MCP").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let later = |b: u8| first(b) || matches!(b, b'.' | b'_' | b'-');
        let bytes = text.as_bytes();
        if (1..=63).contains(&bytes.len()) && first(bytes[0]) && bytes.iter().all(|b| later(*b)) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSlug(text.chars().take(100).collect()))
        }
    }

    /// As it stands in paths.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
