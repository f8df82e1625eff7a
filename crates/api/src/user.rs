//! Users of the console, as the admin API tells them: people with a name, a role and a password. Neither a password nor
//! what is kept of it is in any answer.

use crate::operation::Fields;
use crate::role::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be said about a new user. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserFields {
    /// By which they sign in; unique, 1 to 64 lower-case letters, digits and `._@+-`, not digits only; must be said.
    pub name: Option<String>,
    /// What they may do; must be said.
    pub role: Option<Role>,
    /// Whether they may sign in; true where nothing is said.
    pub enabled: Option<bool>,
    /// 12 to 256 characters; without one they cannot sign in until somebody gives them one.
    pub password: Option<String>,
}

impl Fields for UserFields {
    const NOUN: &'static str = "user";
}

/// What can become different of a user. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeFields {
    /// By which they sign in, as at their creation.
    pub name: Option<String>,
    /// What they may do; counts at once, also where they are signed in.
    pub role: Option<Role>,
    /// Whether they may sign in; `false` ends their sessions at once.
    pub enabled: Option<bool>,
}

impl Fields for UserChangeFields {
    const NOUN: &'static str = "user";
}

/// Another password of a user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordFields {
    /// The new one, 12 to 256 characters; must be said. It ends their sessions but the one that it came with.
    pub password: Option<String>,
    /// The one before; needed for one's own, whatever one's role is.
    pub current_password: Option<String>,
}

impl Fields for PasswordFields {
    const NOUN: &'static str = "user";
}

/// A user as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserAttributes {
    /// By which they sign in; the audit log calls them `user:` and this.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub enabled: bool,
    /// Whether they have a password.
    pub has_password: bool,
    /// By way of which issuer they sign in; `null` for one who has a password or gets one.
    pub issuer: Option<String>,
    /// When they got it; `null` without one.
    pub password_changed_at: Option<String>,
    /// When they last signed in; `null` if never.
    pub last_signed_in_at: Option<String>,
    /// When they were made; UTC, RFC 3339.
    pub created_at: String,
    /// When they were last changed.
    pub updated_at: String,
}

/// Which page of a list of users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the one with exactly this name.
    pub name: Option<String>,
}
