//! Plugins and how they are doing, as the admin API tells them. The rules of a plugin are the model's.

use crate::operation::Fields;
use crate::public_endpoints::PublicEndpointsAttributes;
use crate::record::RecordAttributes;
use crate::route::EndpointAttributes;
use crate::state::State;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What can be said about a plugin. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginFields {
    /// Unique name, 1 to 255 characters, not digits only.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// `file:///absolute/path`, or `grpc://host:port[,host:port…]` for a plugin that runs already.
    pub command: Option<String>,
    /// Where it is mounted; the same as `config.slug`, an empty text removes it. Unique.
    pub slug: Option<String>,
    /// The plugin's configuration; at most 1 MiB. Replaced as a whole, or merged.
    pub config: Option<Map<String, Value>>,
    /// The operator's word to the gateway, texts by name. Replaced as a whole, or merged.
    #[schemars(extend("additionalProperties" = sent_option()))]
    pub options: Option<Map<String, Value>>,
    /// Primary hook; `custom_endpoint` is what this gateway runs.
    pub hook_type: Option<String>,
    /// All hooks. Those besides `custom_endpoint` are kept and not acted upon.
    pub hook_types: Option<Vec<String>>,
    /// What it may ask of the gateway; replaced as a whole. The same twice is the same once.
    #[schemars(with = "Option<Vec<String>>")]
    pub service_scopes: Option<BTreeSet<String>>,
    /// Whether it runs; `true` where nothing is said.
    pub is_active: Option<bool>,
    /// Refused unless empty.
    pub checksum: Option<String>,
    /// Which edges get it; said at its creation and never changed. Nothing or an empty text is the global namespace,
    /// which every edge gets.
    pub namespace: Option<String>,
    /// Who looks after it, such as a repository; an empty text is nobody in particular. A note, and no right.
    pub managed_by: Option<String>,
    /// Refused unless empty.
    pub oci_reference: Option<String>,
    /// Read and without meaning: a plugin is loaded as soon as it is active.
    pub load_immediately: Option<bool>,
    /// Read and without meaning: the hooks that are given always count.
    pub hook_types_customized: Option<bool>,
}

impl Fields for PluginFields {
    const NOUN: &'static str = "plugin";
}

/// An option that is sent: a text, or the mark that stands for one that is hidden.
fn sent_option() -> Value {
    json!({
        "anyOf": [{"type": "string"}, hidden()],
        "x-expected": "this is not a text: write it in quotes",
    })
}

/// An option that is shown.
fn shown_option() -> Value {
    json!({"anyOf": [{"type": "string"}, hidden()]})
}

/// What stands in the place of a secret.
fn hidden() -> Value {
    json!({
        "type": "object",
        "properties": {"$secret": {"const": "set"}},
        "required": ["$secret"],
        "additionalProperties": false,
    })
}

/// A plugin as it is stored, and how it is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginAttributes {
    /// Unique name, by which people and logs call it.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Where it is mounted, if anywhere.
    pub slug: Option<String>,
    /// The program, or where it runs.
    pub command: String,
    /// The plugin's configuration; `{"$secret": "set"}` stands for a secret.
    pub config: Map<String, Value>,
    /// The operator's word to the gateway; `{"$secret": "set"}` stands for a secret.
    #[schemars(extend("additionalProperties" = shown_option()))]
    pub options: Map<String, Value>,
    /// Another text whenever one of its secrets became another one; says nothing about them. `null` where it has none.
    #[serde(default)]
    pub secrets_version: Option<String>,
    /// Primary hook.
    pub hook_type: String,
    /// All hooks.
    pub hook_types: Vec<String>,
    /// What it may ask of the gateway.
    pub service_scopes: BTreeSet<String>,
    /// What its manifest wishes to ask, could be granted and is not.
    #[serde(default)]
    pub missing_scopes: Vec<String>,
    /// What it offers without a token.
    #[serde(default)]
    pub public_endpoints: PublicEndpointsAttributes,
    /// Whether it runs.
    pub is_active: bool,
    /// How often it was told to start anew.
    pub reloads: u32,
    /// Which edges get it; empty for the global namespace, which every edge gets.
    #[serde(default)]
    pub namespace: String,
    /// Who looks after it; empty for nobody in particular.
    #[serde(default)]
    pub managed_by: String,
    /// How it is doing.
    pub status: StatusAttributes,
    /// When it was registered; UTC, RFC 3339.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// How a plugin is doing, over all nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusAttributes {
    /// In short.
    #[serde(flatten)]
    pub summary: StatusSummary,
    /// What it says of itself.
    #[serde(flatten)]
    pub manifest: ManifestSummary,
    /// How it is doing on each node; one where the gateway stands alone.
    #[serde(default)]
    pub nodes: Vec<NodeStatus>,
}

/// How a plugin is doing in short, whether on one node or over all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusSummary {
    /// Where it is in its life.
    pub state: State,
    /// Why it is not ready, in words for an operator.
    pub reason: Option<String>,
    /// What an operator should know although it runs.
    pub warnings: Vec<String>,
    /// Why the latest reload failed, where the instance before it serves on; a warning says so, too.
    pub reload_failure: Option<String>,
    /// Process id of the instance that serves.
    pub pid: Option<u32>,
    /// How often it was started again after it ended by itself.
    pub restarts: u32,
    /// How long until it is started again, in `backoff`.
    pub next_start_in_ms: Option<u64>,
    /// Since when the instance serves; UTC, RFC 3339.
    pub ready_since: Option<String>,
}

/// What a plugin says of itself in its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestSummary {
    /// Hooks that its manifest names.
    pub hooks: Vec<String>,
    /// Scopes that its manifest wishes.
    pub requested_scopes: Vec<String>,
}

/// How a plugin is doing on one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = say_there)]
pub struct NodeStatus {
    /// The name of the node, as in the setting `EDGE_ID`.
    pub node: String,
    /// In short.
    #[serde(flatten)]
    pub summary: StatusSummary,
}

/// Describes the members of a summary as those of one node.
fn say_there(schema: &mut Schema) {
    for (name, description) in [
        ("state", "Where it is in its life there."),
        ("reason", "Why it is not ready there, in words for an operator."),
        ("pid", "Process id of the instance that serves there."),
    ] {
        if let Some(member) = schema.pointer_mut(&format!("/properties/{name}")) {
            member["description"] = json!(description);
        }
    }
}

/// How a plugin is doing, with what it serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WholeStatusAttributes {
    /// Its name.
    pub name: String,
    /// Where it is mounted, if anywhere.
    pub slug: Option<String>,
    /// Whether it is to run.
    pub is_active: bool,
    /// What it may ask of the gateway.
    pub service_scopes: BTreeSet<String>,
    /// What its manifest wishes to ask, could be granted and is not.
    #[serde(default)]
    pub missing_scopes: Vec<String>,
    /// What it offers without a token.
    #[serde(default)]
    pub public_endpoints: PublicEndpointsAttributes,
    /// How it is doing, in short.
    #[serde(flatten)]
    pub summary: StatusSummary,
    /// What it says of itself.
    #[serde(flatten)]
    pub manifest: ManifestSummary,
    /// How it is doing on each node; one where the gateway stands alone.
    #[serde(default)]
    pub nodes: Vec<NodeStatus>,
    /// Whether the gateway is ready only while it serves.
    pub required: bool,
    /// Requests open now, on all its processes.
    pub in_flight: u64,
    /// The process that serves.
    pub instance: Option<RecordAttributes>,
    /// The last process that did not end in order.
    pub last_failure: Option<RecordAttributes>,
    /// What it serves.
    pub endpoints: Vec<EndpointAttributes>,
}

/// What a plugin says of its configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaAttributes {
    /// A JSON Schema, the plugin's own; empty where it has none, or was not started yet.
    #[schemars(extend("type" = ["object", "boolean"]))]
    pub schema: Value,
}

/// Scopes to grant or to revoke: one, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeFields {
    /// One scope.
    pub scope: Option<String>,
    /// Several; the same twice is the same once.
    #[schemars(with = "Option<Vec<String>>")]
    pub scopes: Option<BTreeSet<String>>,
}

impl Fields for ScopeFields {
    const NOUN: &'static str = "plugin";
}

/// Whether what the manifest of a plugin wishes is to be granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalFields {
    /// `true` grants all of it beside what is granted already; `false` revokes everything.
    pub approved: bool,
}

impl Fields for ApprovalFields {
    const NOUN: &'static str = "plugin";
}

/// Whether a configuration is held against the plugin's schema before it is saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaCheck {
    /// It is.
    #[default]
    Check,
    /// It is not: the schema is that of the process that runs, which may be about to be replaced.
    Ignore,
}

/// How a list of plugins can be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the plugin with exactly this name, or the ones of several namespaces.
    pub name: Option<String>,
    /// Only plugins with this hook.
    pub hook_type: Option<String>,
    /// Only plugins that are to run, or only others.
    pub is_active: Option<bool>,
    /// Only those in this namespace; an empty text is the global one.
    pub namespace: Option<String>,
    /// Only those that this one looks after; an empty text is nobody.
    pub managed_by: Option<String>,
}

/// Where a plugin is reloaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReloadQuery {
    /// Only on this node, which has a new process when it is answered. Nothing is stored, and `If-Match` does not count.
    pub node: Option<String>,
}

/// How a plugin is changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuery {
    /// Whether its configuration is held against its schema; `check` where nothing is said.
    pub schema: Option<SchemaCheck>,
    /// `true` changes nothing, and says what would be changed and what would happen to its processes.
    pub dry_run: Option<bool>,
}
