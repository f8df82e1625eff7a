//! Features: names of what an object may need its reader to know. They keep an older edge from overlooking what it
//! does not understand.

use crate::sealed_settings;
use std::collections::BTreeSet;

/// An app whose tokens are taken only where what is known is new enough.
pub(crate) const MAX_STALENESS: &str = "max_staleness";

/// What this version knows.
const KNOWN: &[&str] = &[MAX_STALENESS, sealed_settings::FEATURE];

/// What an edge knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features(BTreeSet<String>);

/// What an object needs and an edge does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it needs {}, which this version does not know; upgrade the edge", .0.join(", "))]
pub struct NotUnderstood(pub Vec<String>);

impl Features {
    /// Those of this version.
    pub fn of_this_version() -> Self {
        Self::of(KNOWN.iter().copied())
    }

    /// These ones.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether all of these are known.
    ///
    /// # Errors
    /// [`NotUnderstood`] with those that are not.
    pub fn check<'a>(
        &self,
        required: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), NotUnderstood> {
        let unknown = required.into_iter().filter(|name| !self.0.contains(*name));
        let unknown: Vec<_> = unknown.map(|name| name.chars().take(100).collect()).collect();
        if unknown.is_empty() { Ok(()) } else { Err(NotUnderstood(unknown)) }
    }
}
