//! Endpoints and the routes they are mounted on, as the admin API tells them.

use crate::public_endpoints::PublicState;
use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An endpoint that a plugin offers; paths begin where it is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointAttributes {
    /// The path as the plugin registered it: `/exact` or `/prefix/*`.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<String>,
    /// Whether the gateway demands a token, whoever asks for it.
    pub require_auth: bool,
    /// What the token must carry, all of it, whoever asks for it.
    #[serde(default)]
    pub scopes_required: Vec<String>,
    /// Who asks for that; nobody where everybody may call.
    #[serde(default)]
    pub demanded_by: Vec<DemandedBy>,
    /// Where more is demanded than that, because GET demands it there.
    pub raised: Vec<RaisedAttributes>,
    /// Why it is served without a token, or that it is not; `null` where a token is demanded.
    #[serde(default)]
    pub public: Option<PublicState>,
    /// Whether it answers with streams.
    pub stream_response: bool,
    /// Free text of the plugin.
    pub description: String,
    /// The plugin's own values.
    pub metadata: BTreeMap<String, String>,
}

/// Who demands something of the callers of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DemandedBy {
    /// The plugin, by what it registered.
    Plugin,
    /// The operator, by options of the plugin.
    Policy,
}

/// Where an endpoint demands a token or scopes although it does not say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RaisedAttributes {
    /// On this path.
    pub path: String,
    /// For these methods.
    pub methods: Vec<String>,
    /// All that the token must carry there.
    #[serde(default)]
    pub scopes_required: Vec<String>,
}

/// A route that is served now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteAttributes {
    /// Number of the plugin.
    pub plugin_id: u32,
    /// Name of the plugin.
    pub plugin: String,
    /// Where the plugin is mounted.
    pub slug: String,
    /// The whole path, from `/plugins/` on.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<String>,
    /// Whether the gateway demands a token, whoever asks for it.
    pub require_auth: bool,
    /// What the token must carry, all of it, whoever asks for it.
    #[serde(default)]
    pub scopes_required: Vec<String>,
    /// Who asks for that; nobody where everybody may call.
    #[serde(default)]
    pub demanded_by: Vec<DemandedBy>,
    /// Where more is demanded than that, because GET demands it there.
    pub raised: Vec<RaisedAttributes>,
    /// Why it is served without a token, or that it is not; `null` where a token is demanded.
    #[serde(default)]
    pub public: Option<PublicState>,
    /// Whether it answers with streams.
    pub stream_response: bool,
    /// Free text of the plugin.
    pub description: String,
    /// The plugin's own values.
    pub metadata: BTreeMap<String, String>,
    /// Where the plugin is in its life.
    pub state: State,
}
