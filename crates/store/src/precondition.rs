//! What whoever changes a thing believes of it: a change can be made on the condition that nothing
//! has changed since it was read.

use crate::error::StoreError;

/// The condition under which a change is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is stored.
    #[default]
    None,
    /// Only while the thing has one of these versions, see
    /// [`Plugin::version`](sidegate_model::plugin::Plugin::version) and its like.
    VersionIn(Vec<String>),
}

impl Precondition {
    /// Looks whether the condition holds for a thing with this version.
    pub(crate) fn check(
        &self,
        what: &'static str,
        id: impl std::fmt::Display,
        version: &str,
    ) -> Result<(), StoreError> {
        match self {
            Self::VersionIn(versions) if !versions.iter().any(|known| known == version) => {
                Err(StoreError::ChangedMeanwhile { what, id: id.to_string() })
            }
            _ => Ok(()),
        }
    }
}
