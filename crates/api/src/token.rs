//! Tokens, what apps prove themselves with, as the admin API tells them. What makes one valid is the
//! model's business.

use crate::operation::Fields;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What can be said about a new token. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenFields {
    /// Number of the app it speaks for; must be said.
    pub app_id: Option<u32>,
    /// What you call it; need not be unique, may be empty.
    pub name: Option<String>,
    /// What it allows, in the words of the plugins; at most 64.
    pub scopes: Option<Vec<String>>,
    /// For how long it is valid, or `never` for until it is revoked; without this and `expires_at`, what the setting
    /// `SIDEGATE_TOKEN_EXPIRY` says.
    pub expires_in: Option<ExpiresIn>,
    /// Until when it is valid, in place of `expires_in`; as in `2030-01-31T12:00:00Z`.
    pub expires_at: Option<String>,
}

impl Fields for TokenFields {
    const NOUN: &'static str = "token";
}

/// How a new token takes the place of another. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationFields {
    /// For how long the old one is valid beside the new one, where it does not end before: a duration, `24h` where
    /// nothing is said. `0` ends it at once.
    pub overlap: Option<String>,
    /// For how long the new one is valid, or `never` for until it is revoked; without this and `expires_at`, as long
    /// as the old one was made for.
    pub expires_in: Option<ExpiresIn>,
    /// Until when the new one is valid, in place of `expires_in`; as in `2030-01-31T12:00:00Z`.
    pub expires_at: Option<String>,
}

impl Fields for RotationFields {
    const NOUN: &'static str = "token";
}

/// A duration as text, or the nanoseconds that existing clients send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExpiresIn {
    /// As in `24h`, `30d` or `1h30m`; or `never`.
    Text(String),
    /// Nanoseconds, at least a second of them.
    Nanoseconds(i64),
}

impl JsonSchema for ExpiresIn {
    fn schema_name() -> Cow<'static, str> {
        "ExpiresIn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration such as \"24h\", \"30d\" or \"1h30m\", or \"never\"; a bare number is nanoseconds.",
            "anyOf": [{"type": "string"}, {"type": "integer", "format": "int64"}],
            "x-expected": "write a duration in quotes, as in \"24h\", \"30d\" or \"1h30m\"",
        })
    }
}

/// A token as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenAttributes {
    /// Number of the app it speaks for.
    pub app_id: u32,
    /// What you call it.
    pub name: String,
    /// How its text begins.
    pub hint: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Until when it is valid; `null` for one without end.
    pub expires_at: Option<String>,
    /// Whether that is over.
    pub is_expired: bool,
    /// When it was last used, to within a minute and with what was not written yet left out; `null` if never.
    #[serde(default)]
    pub last_used_at: Option<String>,
    /// Number of the token that was made in its place.
    #[serde(default)]
    pub replaced_by: Option<u32>,
    /// When it was made; UTC, RFC 3339.
    pub created_at: String,
    /// Its text, in the answer to its creation and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// How a list of tokens can be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only tokens of the app with this number.
    pub app_id: Option<u32>,
    /// Only tokens with exactly this name.
    pub name: Option<String>,
    /// Only tokens whose end is over, or only those whose end is not.
    pub expired: Option<bool>,
    /// Only tokens that end before this time, over or not; as in `2030-01-31T12:00:00Z`.
    pub expires_before: Option<String>,
    /// Only tokens that are valid now and end within this duration, as in `7d`.
    pub expires_within: Option<String>,
    /// Only tokens that were not used since this time; one that never was counts from when it was made.
    pub unused_since: Option<String>,
    /// The same with a duration, as in `30d`, in place of the time.
    pub unused_for: Option<String>,
    /// Only tokens of apps in this namespace; an empty text is the global one.
    pub namespace: Option<String>,
}
