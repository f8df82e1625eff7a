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
    /// Whether the gateway demands a token.
    pub require_auth: bool,
    /// Where a token is demanded although `require_auth` is false, because GET demands one there.
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

/// Where an endpoint demands a token although it does not say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RaisedAttributes {
    /// On this path.
    pub path: String,
    /// For these methods.
    pub methods: Vec<String>,
}

/// A route that is served now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Whether the gateway demands a token.
    pub require_auth: bool,
    /// Where a token is demanded although `require_auth` is false, because GET demands one there.
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
