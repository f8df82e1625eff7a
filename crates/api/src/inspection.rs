//! What a program says of itself when it is started once, without serving, as the admin API tells it.

use crate::plugin_preview::PreviewedProblem;
use crate::record::LineAttributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a program said when it was started once. Nothing of it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectionAttributes {
    /// Why it would not serve as it is, in words for an operator; `null` where it would.
    pub failure: Option<String>,
    /// Its manifest, its own words; empty where it has none.
    #[schemars(extend("type" = "object"))]
    pub manifest: Value,
    /// The hooks that its manifest names.
    pub hooks: Vec<String>,
    /// What its manifest wishes to ask of the gateway and can be granted.
    pub wished_scopes: Vec<String>,
    /// What its manifest wishes and this gateway does not know.
    pub unknown_scopes: Vec<String>,
    /// What it would serve.
    pub endpoints: Vec<InspectedEndpoint>,
    /// A JSON Schema of its configuration, its own; empty where it has none.
    #[schemars(extend("type" = ["object", "boolean"]))]
    pub config_schema: Value,
    /// Which of its settings are secrets, as paths in the configuration.
    pub secret_settings: Vec<String>,
    /// What of the configuration that was sent does not fit its schema.
    pub config_problems: Vec<PreviewedProblem>,
    /// What an operator should know of it although it would serve.
    pub warnings: Vec<String>,
    /// What it printed first, oldest first.
    pub first_lines: Vec<LineAttributes>,
    /// SHA-256 of the program in lower-case hex, for the option `sha256`; `null` where it could not be read.
    pub sha256: Option<String>,
    /// How long its start took.
    pub start_duration_ms: u64,
}

/// An endpoint that a program would serve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedEndpoint {
    /// The path as the plugin registers it: `/exact` or `/prefix/*`.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<String>,
    /// Whether it demands a token.
    pub require_auth: bool,
    /// What the token must carry, all of it.
    pub scopes_required: Vec<String>,
    /// Whether it answers with streams.
    pub stream_response: bool,
    /// Free text of the plugin.
    pub description: String,
    /// The plugin's own values.
    pub metadata: BTreeMap<String, String>,
}
