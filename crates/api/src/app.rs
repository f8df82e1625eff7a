//! Apps, the callers of plugin endpoints, as the admin API tells them. The rules of an app are the
//! model's.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What can be said about an app. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppFields {
    /// Unique name, 1 to 255 characters, not digits only.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// E-mail address of who is responsible.
    pub owner_email: Option<String>,
    /// Whether its tokens are accepted; `true` where nothing is said.
    pub is_active: Option<bool>,
    /// Budget a month, handed to plugins.
    pub monthly_budget: Option<f64>,
    /// Requests a minute on plugin endpoints; 0 is unlimited.
    pub rate_limit: Option<u32>,
    /// Another name of `rate_limit`.
    pub rate_limit_rpm: Option<u32>,
    /// Values that plugins see with every request of this app; replaced as a whole, or merged.
    pub metadata: Option<Map<String, Value>>,
    /// Which edges get it and its tokens; said at its creation and never changed. Nothing or an empty text is the global
    /// namespace, which every edge gets.
    pub namespace: Option<String>,
    /// How old an edge's knowledge may be for its tokens to be taken there: a duration such as `1h`; an empty text is as
    /// old as the edge allows.
    pub max_staleness: Option<String>,
    /// Who looks after it, such as a repository; an empty text is nobody in particular. A note, and no right.
    pub managed_by: Option<String>,
}

impl Fields for AppFields {
    const NOUN: &'static str = "app";
}

/// An app as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppAttributes {
    /// Unique name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// E-mail address of who is responsible.
    pub owner_email: String,
    /// Whether its tokens are accepted.
    pub is_active: bool,
    /// Budget a month, handed to plugins.
    pub monthly_budget: f64,
    /// Requests a minute on plugin endpoints; 0 is unlimited.
    pub rate_limit: u32,
    /// Values that plugins see with every request of this app.
    pub metadata: Map<String, Value>,
    /// Which edges get it; empty for the global namespace, which every edge gets.
    #[serde(default)]
    pub namespace: String,
    /// How old an edge's knowledge may be for its tokens to be taken there; `null` for as old as the edge allows.
    #[serde(default)]
    pub max_staleness: Option<String>,
    /// Who looks after it; empty for nobody in particular.
    #[serde(default)]
    pub managed_by: String,
    /// For which client of which issuer it was made on first sight; absent where a person made it. Never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<MadeForClient>,
    /// When it was registered; UTC, RFC 3339.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// A client of an issuer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MadeForClient {
    /// The number of the issuer, which may be gone.
    pub issuer: String,
    /// The client, as its JWTs name it.
    pub client: String,
}

/// How a list of apps can be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the app with exactly this name, or the ones of several namespaces.
    pub name: Option<String>,
    /// Only those in this namespace; an empty text is the global one.
    pub namespace: Option<String>,
    /// Only those that this one looks after; an empty text is nobody.
    pub managed_by: Option<String>,
}
