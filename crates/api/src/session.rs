//! Sessions of the console, as the admin API tells them: how one signs in, who is signed in, and links that let somebody
//! in once. What is secret of a session is in its cookie and in a key that its requests show beside it.

use crate::operation::Fields;
use crate::role::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use sidegate_model::console_cookie::CONSOLE_COOKIE;

/// The header in which requests of a session show its key. Browsers send the cookie to every port of a host, and a key that
/// a page keeps only where the page says so.
pub const SESSION_KEY_HEADER: &str = "x-sidegate-session";

/// The header of requests that nobody's action made: pages ask by themselves, and a session that does nothing else goes
/// unused.
pub const BACKGROUND_HEADER: &str = "x-sidegate-background";

/// How somebody signs in: by name and password, or by an admin token, or by a link, or by way of a provider; exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInFields {
    /// The name of a user.
    pub name: Option<String>,
    /// Their password.
    pub password: Option<String>,
    /// An admin token, or the one of `root`.
    pub admin_token: Option<String>,
    /// What stands after `#link=` in a link to the console. It is good for one use.
    pub link: Option<String>,
    /// What came back from a provider.
    pub oidc: Option<OidcAnswer>,
}

/// What came back from a provider, with what the page kept that began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcAnswer {
    /// The name of the provider, at whose address the answer came.
    pub provider: Option<String>,
    /// What was given at the beginning. It is good once, for 10 minutes.
    pub flow: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The state, which must be that of the beginning.
    pub state: Option<String>,
    /// Who says that they answer (RFC 9207), where somebody does.
    pub iss: Option<String>,
}

/// By way of whom somebody wants to sign in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginFields {
    /// The name of a provider.
    pub provider: Option<String>,
}

impl Fields for BeginFields {
    const NOUN: &'static str = "sign-in";
}

/// A sign-in by way of a provider that has begun.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BegunAttributes {
    /// Where the browser goes.
    pub url: String,
    /// What the page keeps for its own tab, and brings back with the answer.
    pub flow: String,
}

/// In which ways people sign in, besides links and admin tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInWaysAttributes {
    /// Whether names and passwords are taken.
    pub password: bool,
    /// By way of whom.
    pub providers: Vec<SignInProvider>,
}

/// An OpenID Connect provider by which people sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInProvider {
    /// What it is called in requests, and behind the `@` of its users' names.
    pub name: String,
    /// What people read.
    pub title: String,
}

impl Fields for SignInFields {
    const NOUN: &'static str = "session";
}

/// How it was proved who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By the token in the `Authorization` header of the request itself.
    #[default]
    Header,
    /// By a session that began with a name and a password.
    Password,
    /// By a session that began with an admin token.
    AdminToken,
    /// By a session that began with a link.
    Link,
    /// By a session that began by way of an OpenID Connect provider.
    Oidc,
}

/// A session. Times are UTC, RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionAttributes {
    /// Whose it is: the name of a user or of an admin token, or `root`.
    pub user: String,
    /// What the audit log calls them: as `user`, with `user:` before the name of a user.
    pub actor: String,
    /// The number of the user, where it is one's.
    pub user_id: Option<u32>,
    /// The number of the admin token, where it is one's.
    pub admin_token_id: Option<u32>,
    /// What they may do now.
    pub role: Role,
    /// How it began.
    pub via: Via,
    /// Whether it is the session that asks.
    pub current: bool,
    /// Whether sessions may only read here, whatever their role is.
    pub read_only: bool,
    /// From which address it began.
    pub peer: Option<String>,
    /// When it began.
    pub created_at: String,
    /// When it was last used, to within a minute; what a page asks by itself is no use.
    pub last_used_at: String,
    /// When it ends if it is not used before.
    pub idle_expires_at: String,
    /// When it ends in any case.
    pub expires_at: String,
    /// What its requests show in `X-Sidegate-Session`, in the answer to signing in and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Which sessions end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOutQuery {
    /// Every session of the same user or admin token, not only this one.
    pub everywhere: Option<bool>,
}

/// Which page of a list of sessions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
}

/// A link that lets whoever opens it first into the console, as whoever made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleLinkAttributes {
    /// What to open in a browser. What is secret of it stands after the `#`, which browsers send to nobody.
    pub url: String,
    /// Until when it is good; UTC, RFC 3339.
    pub expires_at: String,
}
