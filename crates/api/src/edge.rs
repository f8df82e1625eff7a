//! Edges of a control plane, as the admin API tells them: which there are, how each is doing, and what lets one join.

use crate::operation::Fields;
use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::edge::EdgeState as ModelState;

/// What can be said about a new edge. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeFields {
    /// What it is called: unique, 1 to 63 characters from a-z, 0-9 and `-`, not digits only; must be said.
    pub name: Option<String>,
    /// Which namespace it gets beside the global one, for life; without it the global one only.
    pub namespace: Option<String>,
    /// For how long its join token can be redeemed: a duration such as `1h`; without it what the setting
    /// `SIDEGATE_JOIN_TOKEN_EXPIRY` says.
    pub join_token_expires_in: Option<String>,
}

impl Fields for EdgeFields {
    const NOUN: &'static str = "edge";
}

/// What can be said about another join token. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTokenFields {
    /// For how long it can be redeemed: a duration such as `1h`; without it what the setting
    /// `SIDEGATE_JOIN_TOKEN_EXPIRY` says.
    pub join_token_expires_in: Option<String>,
}

impl Fields for JoinTokenFields {
    const NOUN: &'static str = "join-token";
}

/// Where an edge is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// It has not joined yet.
    #[default]
    Waiting,
    /// It is connected to one of the control plane's processes.
    Connected,
    /// It joined, and is not connected now.
    Offline,
    /// It is barred.
    Revoked,
}

impl EdgeState {
    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        ModelState::from(self).as_str()
    }
}

impl From<ModelState> for EdgeState {
    fn from(state: ModelState) -> Self {
        match state {
            ModelState::Waiting => Self::Waiting,
            ModelState::Connected => Self::Connected,
            ModelState::Offline => Self::Offline,
            ModelState::Revoked => Self::Revoked,
        }
    }
}

impl From<EdgeState> for ModelState {
    fn from(state: EdgeState) -> Self {
        match state {
            EdgeState::Waiting => Self::Waiting,
            EdgeState::Connected => Self::Connected,
            EdgeState::Offline => Self::Offline,
            EdgeState::Revoked => Self::Revoked,
        }
    }
}

/// An edge, and what it said last. Times are UTC, RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeAttributes {
    /// What it is called.
    pub name: String,
    /// Which namespace it gets beside the global one; empty for the global one only.
    pub namespace: String,
    /// Where it is in its life.
    pub state: EdgeState,
    /// When it was registered.
    pub created_at: String,
    /// When it joined; `null` if it did not.
    pub joined_at: Option<String>,
    /// Since when it is barred.
    pub revoked_at: Option<String>,
    /// Until when its join token can be redeemed; `null` where it has none.
    pub join_token_expires_at: Option<String>,
    /// When it was last connected, to within a minute; now while it is connected, `null` if it never was.
    pub last_seen_at: Option<String>,
    /// Its version; `null` while it never came.
    pub version: Option<String>,
    /// The control plane's process that it is connected to.
    pub replica: Option<String>,
    /// Since when it is connected.
    pub connected_since: Option<String>,
    /// Where it listens for clients, as in `http://0.0.0.0:8081`; `null` while it does not say so.
    #[serde(default)]
    pub client_url: Option<String>,
    /// For how long it had not heard from its control plane when it said something last.
    pub stale_for_seconds: Option<u64>,
    /// When its certificate ends, which it renews by itself.
    pub certificate_expires_at: Option<String>,
    /// `fresh`, `stale` or `not_ready`, as it says of itself.
    pub readiness: Option<String>,
    /// Why it is not fresh.
    pub readiness_reasons: Vec<String>,
    /// What it serves by, of each namespace that it gets.
    pub positions: Vec<EdgePositionAttributes>,
    /// How its plugins are doing.
    pub plugins: Vec<EdgePluginAttributes>,
    /// Its join token, in the answer to its making and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_token: Option<String>,
    /// The command that lets it join, with the token in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_command: Option<String>,
}

/// What an edge serves by in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgePositionAttributes {
    /// Which namespace; empty for the global one.
    pub namespace: String,
    /// The lineage of what it serves by; `null` while it has nothing.
    pub lineage: Option<u64>,
    /// The revision of what it serves by.
    pub revision: Option<u64>,
    /// The revision that is published.
    pub head_revision: Option<u64>,
    /// Whether it serves by what is published.
    pub is_current: bool,
    /// What it does not serve by.
    pub rejected: Vec<RejectedObjectAttributes>,
}

/// Something that an edge does not serve by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedObjectAttributes {
    /// What, as in `plugin/7`; `manifest` for all of it.
    pub object: String,
    /// Why.
    pub reason: String,
    /// Whether an earlier version of it is served.
    pub keeps_last_good: bool,
}

/// How a plugin is doing on an edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgePluginAttributes {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Where it is in its life there.
    pub state: State,
    /// Why it does not serve.
    pub reason: Option<String>,
}

/// How a list of edges can be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// Only those of this namespace; empty for those that get the global one only.
    pub namespace: Option<String>,
    /// Only those in this state.
    pub state: Option<EdgeState>,
}

/// Another authority of edges' certificates, which takes the place of the one in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorityAttributes {
    /// SHA-256 of its public key, in hexadecimal.
    pub key: String,
    /// From when on it issues certificates. Until then edges hear of it; nothing is to be done.
    pub issues_from: String,
}

/// The lineage of what is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineageAttributes {
    /// Edges follow a higher one whatever the revision.
    pub lineage: u64,
}

/// Of which namespace something is asked for. Absent and `null` both mean: the global one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceKeyFields {
    /// Which namespace.
    pub namespace: Option<String>,
}

impl Fields for NamespaceKeyFields {
    const NOUN: &'static str = "namespace-key";
}

/// What an edge needs to start from a bootstrap file. Whoever has it can read the secrets of the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceKeyAttributes {
    /// The namespace; empty for the global one.
    pub namespace: String,
    /// The public key by which a bootstrap file is known: for `SIDEGATE_BOOTSTRAP_SIGNER`.
    pub signer: String,
    /// The text of a file for `SIDEGATE_BOOTSTRAP_KEY_FILE`.
    pub key_file: String,
}

/// What edges of a namespace serve by, as a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BootstrapFileAttributes {
    /// The namespace; empty for the global one.
    pub namespace: String,
    /// The public key by which it is known.
    pub signer: String,
    /// Its bytes in Base64.
    pub content: String,
}

/// Of which namespace the file is to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapFileQuery {
    /// Which namespace; without it the global one.
    pub namespace: Option<String>,
}
