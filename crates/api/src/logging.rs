//! How much is logged, as the admin API tells it. What the words mean is the log's business.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be said about how much is logged. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoggingFields {
    /// As in the setting `LOG_LEVEL`, for example `info,access=off`.
    pub level: Option<String>,
}

impl Fields for LoggingFields {
    const NOUN: &'static str = "logging";
}

/// How much is logged now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggingAttributes {
    /// As in the setting `LOG_LEVEL`.
    pub level: String,
}
