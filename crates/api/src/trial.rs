//! A request that is tried out on a plugin, as the admin API takes and tells it.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::trial::TrialEnd;
use std::collections::BTreeMap;

/// A request to a plugin, which is really made. Absent and `null` both mean: nothing said.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialFields {
    /// The method; GET where nothing is said.
    pub method: Option<String>,
    /// The path below where the plugin is mounted, from `/` on, with the query if there is one; must be said.
    pub path: Option<String>,
    /// A token of an app, sent as a bearer token and kept nowhere.
    pub token: Option<String>,
    /// Other headers, by name.
    pub headers: Option<BTreeMap<String, String>>,
    /// What it brings, as a text of at most 256 KiB.
    pub body: Option<String>,
    /// The same in Base64, for what is no text.
    pub body_base64: Option<String>,
}

/// All of it can be secret.
impl std::fmt::Debug for TrialFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrialFields").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Fields for TrialFields {
    const NOUN: &'static str = "trial";
}

/// The answer to a request that was tried out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialAttributes {
    /// The method that was sent.
    pub method: String,
    /// The whole path that was sent, with the query.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<TrialHeader>,
    /// What it brought, in Base64; at most 256 KiB of it.
    pub body_base64: String,
    /// The same as a text; `null` where it is none in UTF-8.
    pub text: Option<String>,
    /// Why what is shown of it ends where it does.
    pub end: TrialEnded,
    /// What broke it, where `end` is `broken`.
    pub why: Option<String>,
    /// The id under which log and traffic have it.
    pub request_id: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl std::fmt::Debug for TrialAttributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrialAttributes").field("status", &self.status).finish_non_exhaustive()
    }
}

/// One header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialHeader {
    /// Its name, in lower case.
    pub name: String,
    /// Its value; what is no text in UTF-8 has replacements.
    pub value: String,
}

/// Why what is shown of an answer ends where it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialEnded {
    /// It is all of it.
    #[default]
    Whole,
    /// More than 256 KiB came.
    TooLong,
    /// It is a stream of events, of which the first 20 are shown, or those of the first 5 seconds.
    EnoughEvents,
    /// The time was up, 25 seconds after it was asked.
    TooLate,
    /// The connection broke, as it does when the plugin dies within its answer.
    Broken,
}

impl From<&TrialEnd> for TrialEnded {
    fn from(end: &TrialEnd) -> Self {
        match end {
            TrialEnd::Whole => Self::Whole,
            TrialEnd::TooLong => Self::TooLong,
            TrialEnd::EnoughEvents => Self::EnoughEvents,
            TrialEnd::TooLate => Self::TooLate,
            TrialEnd::Broken(_) => Self::Broken,
        }
    }
}
