//! What all answers share: a thing with its type and number, a whole answer, and what is said about
//! an answer itself. Knows no particular noun.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing a resource is, in the singular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceType {
    /// A plugin.
    #[serde(alias = "plugins")]
    Plugin,
    /// How a plugin is doing.
    PluginStatus,
    /// What a plugin says of its configuration.
    PluginConfigSchema,
    /// One process of a plugin.
    #[serde(alias = "plugin-records")]
    PluginRecord,
    /// An app.
    #[serde(alias = "apps")]
    App,
    /// A token of an app.
    #[serde(alias = "tokens")]
    Token,
    /// An endpoint of a plugin, mounted.
    #[serde(alias = "routes")]
    Route,
    /// An admin token.
    #[serde(alias = "admin-tokens")]
    AdminToken,
    /// A namespace.
    Namespace,
    /// A revision of what is stored.
    Revision,
    /// What differs between two revisions.
    Diff,
    /// What going back to a revision changes.
    Rollback,
    /// Who asks.
    Whoami,
    /// An entry of the audit log.
    AuditEntry,
    /// How much is logged.
    Logging,
    /// What would happen to a request.
    Explanation,
}

/// One thing: its type, its number and what there is to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Resource_{A}")]
pub struct Resource<A> {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: ResourceType,
    /// Its id, as it stands in addresses.
    pub id: String,
    /// What there is to know of it.
    pub attributes: A,
}

/// A whole answer with one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Shown_{A}")]
pub struct Shown<A> {
    /// The thing.
    pub data: Resource<A>,
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Changed_{A}")]
pub struct Changed<A> {
    /// The thing as it is now.
    pub data: Resource<A>,
    /// What became of the change.
    pub meta: ChangeMeta,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeMeta {
    /// Whether the change was live when the answer was sent. One that is not is stored, and will be.
    pub applied: bool,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Page_{A}")]
pub struct PageOf<A> {
    /// The things on this page, oldest first.
    pub data: Vec<Resource<A>>,
    /// Where the page stands in its list.
    pub meta: Paging,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paging {
    /// How many things there are on all pages.
    pub total_count: u64,
    /// How many pages there are.
    pub total_pages: u64,
    /// How many things a page has at most.
    pub page_size: u32,
    /// Which page this is, from 1.
    pub page_number: u32,
}

/// A whole list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "List_{A}")]
pub struct ListOf<A> {
    /// All things there are.
    pub data: Vec<Resource<A>>,
    /// How many.
    pub meta: Count,
}

/// How many things a list has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    /// How many.
    pub total_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_in_the_singular_and_read_as_earlier_versions_wrote_them() {
        let read = |text: &str| serde_json::from_value::<ResourceType>(text.into()).unwrap();
        for (old, new) in
            [("plugins", "plugin"), ("plugin-records", "plugin-record"), ("routes", "route")]
        {
            assert_eq!(read(old), read(new));
            assert_eq!(serde_json::to_value(read(old)).unwrap(), new);
        }
    }
}
