//! Admin tokens, what people and programs use this API with, as it tells them; and who somebody is by the one they
//! came with.

use crate::operation::Fields;
use crate::role::Role;
use crate::session::Via;
use crate::token::ExpiresIn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be said about a new admin token. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTokenFields {
    /// What its holder is called, in the audit log too; unique, 1 to 255 characters, not digits only; must be said.
    pub name: Option<String>,
    /// What its holder may do; must be said.
    pub role: Option<Role>,
    /// For how long it is valid, or `never` for until it is revoked; without this and `expires_at` it is `never`.
    pub expires_in: Option<ExpiresIn>,
    /// Until when it is valid, in place of `expires_in`; as in `2030-01-31T12:00:00Z`.
    pub expires_at: Option<String>,
}

impl Fields for AdminTokenFields {
    const NOUN: &'static str = "admin-token";
}

/// An admin token as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdminTokenAttributes {
    /// What its holder is called.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// How its text begins.
    pub hint: String,
    /// Until when it is valid; `null` for one without end.
    pub expires_at: Option<String>,
    /// Whether that is over.
    pub is_expired: bool,
    /// When it was last used, to within a minute; `null` if never.
    pub last_used_at: Option<String>,
    /// When it was made; UTC, RFC 3339.
    pub created_at: String,
    /// Its text, in the answer to its creation and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Which page of a list of admin tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTokenQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the one with exactly this name.
    pub name: Option<String>,
}

/// Who asks, by the token or the session that came with the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoamiAttributes {
    /// What the audit log calls them: the name of their admin token, `user:` and the name of a user, or `root`.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How that was proved.
    #[serde(default)]
    pub via: Via,
    /// The number of their admin token; `null` where they have none.
    pub admin_token_id: Option<u32>,
    /// The number of the user; `null` where it is none.
    #[serde(default)]
    pub user_id: Option<u32>,
    /// The number of the session; `null` where the token came with the request.
    #[serde(default)]
    pub session_id: Option<u32>,
    /// Whether they may only read here, whatever their role is.
    #[serde(default)]
    pub read_only: bool,
    /// Until when their token or session is valid; `null` for one without end.
    pub expires_at: Option<String>,
}
