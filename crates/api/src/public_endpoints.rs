//! Endpoints that need no token, as the admin API tells and decides them.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an endpoint that needs no token is served, or that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicState {
    /// An operator approved it, or it was there before approvals were.
    Approved,
    /// Nobody approved it, and the setting `SIDEGATE_PUBLIC_ENDPOINTS` is `allow`.
    Allowed,
    /// It answers 401 until an operator approves it; of several methods at least one.
    NotApproved,
}

/// The public endpoints of a plugin, each as a method and the path that the plugin registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicEndpointsAttributes {
    /// Approved ones, also such as the plugin does not offer now.
    pub approved: Vec<String>,
    /// Served without approval, because the setting `SIDEGATE_PUBLIC_ENDPOINTS` is `allow`.
    pub allowed: Vec<String>,
    /// Those that answer 401 until they are approved.
    pub pending: Vec<String>,
}

/// Public endpoints to approve and to revoke. Each entry is a method and a path as the plugin registered
/// it (`GET /hello`), a path alone, which means every method of it, or `*` for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicEndpointFields {
    /// To be served without a token.
    pub approve: Option<Vec<String>>,
    /// To be served so no longer.
    pub revoke: Option<Vec<String>>,
}

impl Fields for PublicEndpointFields {
    const NOUN: &'static str = "plugin";
}
