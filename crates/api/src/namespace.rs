//! Namespaces, which say which edges get what, as the admin API tells them.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be said about a new namespace. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceFields {
    /// Its name, 1 to 63 characters from a-z, 0-9 and `-`; must be said.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

impl Fields for NamespaceFields {
    const NOUN: &'static str = "namespace";
}

/// A namespace. The global one, which has no name, is always there and in no list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceAttributes {
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The revision at which something in it last changed.
    pub head: Option<u64>,
    /// When it was registered; UTC, RFC 3339.
    pub created_at: String,
}

/// Which page of the list of namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the one with exactly this name.
    pub name: Option<String>,
}
