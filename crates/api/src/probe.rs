//! The probes of the admin port, which need no token. What makes a gateway ready is not decided here.

use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That the admin API answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    #[schemars(extend("const" = "ok"))]
    pub status: String,
}

/// Whether the gateway is ready, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// `ready` or `not ready`.
    #[schemars(extend("enum" = ["ready", "not ready"]))]
    pub status: String,
    /// Always `sidegate`.
    #[schemars(extend("const" = "sidegate"))]
    pub service: String,
    /// The revision of the desired state that is served.
    pub revision: u64,
    /// Names of plugins that must serve and do not.
    pub missing: Vec<String>,
    /// Every plugin that is to run.
    pub plugins: Vec<PluginReadiness>,
}

/// Whether a plugin serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginReadiness {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Where it is mounted, if anywhere.
    pub slug: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// Whether the gateway is ready only while it serves.
    pub required: bool,
}
