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
    /// A page that a plugin brings for the console.
    PluginPage,
    /// What the program of a plugin says of itself, in the shape of the existing system.
    PluginMetadata,
    /// What a change of a plugin would do.
    PluginPreview,
    /// What a program says of itself that was started once.
    Inspection,
    /// A request that was tried out on a plugin.
    Trial,
    /// An event that a plugin published.
    PluginEvent,
    /// An entry of a plugin's storage.
    StorageEntry,
    /// Something that waits for an operator.
    Need,
    /// One process of a plugin.
    #[serde(alias = "plugin-records")]
    PluginRecord,
    /// An app.
    #[serde(alias = "apps")]
    App,
    /// An issuer of JWTs.
    #[serde(alias = "issuers")]
    Issuer,
    /// A token of an app.
    #[serde(alias = "tokens")]
    Token,
    /// An endpoint of a plugin, mounted.
    #[serde(alias = "routes")]
    Route,
    /// A node that serves clients.
    #[serde(alias = "nodes")]
    Node,
    /// An admin token.
    #[serde(alias = "admin-tokens")]
    AdminToken,
    /// A user of the console.
    #[serde(alias = "users")]
    User,
    /// A session of the console.
    #[serde(alias = "sessions")]
    Session,
    /// A link to the console.
    ConsoleLink,
    /// In which ways people sign in.
    SignInWays,
    /// A sign-in that has begun.
    SignInFlow,
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
    /// What the files of an owner named.
    #[serde(alias = "applied-records")]
    AppliedRecord,
    /// How much is logged.
    Logging,
    /// What would happen to a request.
    Explanation,
    /// A request of a client that is open.
    OpenRequest,
    /// What was counted over the last hours.
    MetricsHistory,
    /// An edge of a control plane.
    Edge,
    /// An authority of edges' certificates.
    Authority,
    /// The lineage of what is published.
    Lineage,
    /// What an edge needs to read the secrets of a namespace.
    NamespaceKey,
    /// What edges serve by, as a file.
    BootstrapFile,
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
    /// Whether the change was live when the answer was sent: on every node that it concerns and that is connected. One
    /// that is not is stored, and will be.
    pub applied: bool,
    /// How many nodes it concerns, and where it is live.
    #[serde(default)]
    pub nodes: NodesMeta,
}

/// Where a change is live, of the nodes that it concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodesMeta {
    /// Nodes that are connected and serve by it.
    pub applied: u64,
    /// Nodes that are connected.
    pub connected: u64,
    /// Nodes that are not; nobody waits for them.
    pub offline: u64,
    /// What connected ones do not take.
    pub rejected: Vec<RejectedMeta>,
}

/// Something that a node does not take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedMeta {
    /// Which node.
    pub edge: String,
    /// What, as in `plugin/7`; `manifest` for all of it.
    pub object: String,
    /// Why.
    pub reason: String,
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
