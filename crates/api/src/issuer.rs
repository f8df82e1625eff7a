//! Issuers, whose JWT access tokens are taken beside the gateway's own, as the admin API tells them. The rules of an
//! issuer are the model's.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What can be said about an issuer. Absent and `null` both mean: nothing said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerFields {
    /// Unique name, 1 to 255 characters, without commas, not digits only. Plugins name it so in their option `issuers`.
    pub name: Option<String>,
    /// Its `iss`, compared character by character: an address with `https://`; `plugin:` and the slug of a plugin here;
    /// or `tls:` and a name where its callers show client certificates.
    pub url: Option<String>,
    /// Where its keys are; an empty text is where its metadata say, below `url`.
    pub jwks_uri: Option<String>,
    /// A JWT must be for one of these; `{slug}` stands for the slug of the plugin that is called.
    pub audiences: Option<Vec<String>>,
    /// How its JWTs may be signed: of `ES256`, `ES384`, `RS256`, `PS256` and `EdDSA`.
    pub algorithms: Option<Vec<String>>,
    /// The claims that may name the client, of which the first that is there counts; `client_id` and `azp` where nothing is
    /// said.
    pub client_claims: Option<Vec<String>>,
    /// What the `typ` of a JWT may be; `at+jwt` where nothing is said.
    pub token_types: Option<Vec<String>>,
    /// The scopes that its JWTs may carry; others in them count for nothing. An empty list is all. Of `tls:NAME` those that
    /// whoever shows a certificate has.
    pub scopes: Option<Vec<String>>,
    /// For which app each of its clients speaks, by name; replaced as a whole, or merged. Of `tls:NAME` a client is `uri:…`,
    /// `dns:…` or `sha256:…`.
    pub clients: Option<BTreeMap<String, String>>,
    /// How many apps are made at most for clients that are bound to none, when they first come with a good JWT; 0 is none, as
    /// where nothing is said. They are called by the issuer's name, a slash and the client. Only standalone: 400 at a control
    /// plane.
    pub create_apps: Option<u32>,
    /// The address of whoever owns apps that are made so.
    pub create_apps_owner: Option<String>,
    /// Requests a minute of each app that is made so, at least 1; 60 where nothing is said.
    pub create_apps_rate_limit: Option<u32>,
    /// Whether its JWTs are taken; `true` where nothing is said.
    pub is_active: Option<bool>,
    /// Whether its keys may be at a private address, or at one of this machine, there without TLS, too.
    pub allow_private: Option<bool>,
    /// How far clocks may differ: a duration, at most `5m`; `30s` where nothing is said.
    pub leeway: Option<String>,
    /// How long its keys are good after they were fetched, where it does not answer any more: a duration, at most `7d`;
    /// `1h` where nothing is said.
    pub keys_max_age: Option<String>,
    /// Which edges get it; said at its creation and never changed. Nothing or an empty text is the global namespace,
    /// which every edge gets.
    pub namespace: Option<String>,
    /// Who looks after it, such as a repository; an empty text is nobody in particular. A note, and no right.
    pub managed_by: Option<String>,
}

impl Fields for IssuerFields {
    const NOUN: &'static str = "issuer";
}

/// An issuer as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IssuerAttributes {
    /// Unique name.
    pub name: String,
    /// Its `iss`.
    pub url: String,
    /// Where its keys are; empty for where its metadata say.
    pub jwks_uri: String,
    /// A JWT must be for one of these.
    pub audiences: Vec<String>,
    /// How its JWTs may be signed.
    pub algorithms: Vec<String>,
    /// The claims that may name the client.
    pub client_claims: Vec<String>,
    /// What the `typ` of a JWT may be.
    pub token_types: Vec<String>,
    /// The scopes that its JWTs may carry; empty for all.
    pub scopes: Vec<String>,
    /// For which app each of its clients speaks.
    pub clients: BTreeMap<String, String>,
    /// How many apps are made at most for clients that are bound to none; 0 is none.
    pub create_apps: u32,
    /// The address of whoever owns apps that are made so; empty where none are.
    pub create_apps_owner: String,
    /// Requests a minute of each app that is made so; 60 where none are.
    pub create_apps_rate_limit: u32,
    /// Whether its JWTs are taken.
    pub is_active: bool,
    /// Whether its keys may be at a private address.
    pub allow_private: bool,
    /// How far clocks may differ.
    pub leeway: String,
    /// How long its keys are good after they were fetched.
    pub keys_max_age: String,
    /// Which edges get it; empty for the global namespace, which every edge gets.
    pub namespace: String,
    /// Who looks after it; empty for nobody in particular.
    pub managed_by: String,
    /// Its keys as the node beside the admin API has them; `null` where no plugin names it, in answers to changes, and at a
    /// control plane, whose edges count them in their metrics.
    pub keys: Option<IssuerKeysAttributes>,
    /// When it was registered; UTC, RFC 3339.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// The keys of an issuer, as a node has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuerKeysAttributes {
    /// How many were fetched that JWTs can be signed with.
    pub count: u64,
    /// Whether they are still good; `false` where none were ever fetched, or too long ago.
    pub are_good: bool,
    /// When they were last asked for; UTC, RFC 3339.
    pub asked_at: Option<String>,
    /// When they were last fetched; UTC, RFC 3339.
    pub fetched_at: Option<String>,
    /// Why they could not be fetched the last time; `null` where they were.
    pub error: Option<String>,
}

/// How a list of issuers can be narrowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerQuery {
    /// Which page, from 1.
    pub page: Option<u32>,
    /// How many things a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Another name of `limit`.
    pub page_size: Option<u32>,
    /// Only the issuer with exactly this name, or the ones of several namespaces.
    pub name: Option<String>,
    /// Only those in this namespace; an empty text is the global one.
    pub namespace: Option<String>,
    /// Only those that this one looks after; an empty text is nobody.
    pub managed_by: Option<String>,
}
