//! `sidegate admin-token`: what people and programs use the admin API with, each with a name and a role. The value of
//! one is shown once.
//!
//! It asks the admin API; it keeps no token.

use super::named::{Asking, ROLES};
use crate::error::Failure;
use crate::output::{Column, json, print};
use crate::values::duration;
use clap::{Args, Subcommand};
use sidegate_api::admin_token::{AdminTokenAttributes, AdminTokenFields};
use sidegate_api::resource::Resource;
use sidegate_api::token::ExpiresIn;
use sidegate_model::duration::format_duration;
use sidegate_model::role::Role;

type AdminToken = Resource<AdminTokenAttributes>;

const COLUMNS: &[Column<AdminToken>] = &[
    ("ID", |token| token.id.clone()),
    ("NAME", |token| token.attributes.name.clone()),
    ("ROLE", |token| token.attributes.role.to_string()),
    ("BEGINS WITH", |token| token.attributes.hint.clone()),
    ("EXPIRES", expiry),
    ("LAST USED", |token| {
        token.attributes.last_used_at.clone().unwrap_or_else(|| "never".to_owned())
    }),
];

const NEW: &[Column<AdminToken>] = &[
    ("id", |token| token.id.clone()),
    ("name", |token| token.attributes.name.clone()),
    ("role", |token| token.attributes.role.to_string()),
    ("expires", expiry),
    ("token", |token| token.attributes.token.clone().unwrap_or_default()),
];

fn expiry(token: &AdminToken) -> String {
    match &token.attributes.expires_at {
        None => "never".to_owned(),
        Some(time) if token.attributes.is_expired => format!("{time} (expired)"),
        Some(time) => time.clone(),
    }
}

/// Manage who may use the admin API, and how much of it
///
/// A viewer reads, but never secrets. An operator also changes configurations, policy, apps and tokens, switches
/// plugins on and off and reloads them. An admin also decides which code runs and who rules. The token in
/// SIDEGATE_ADMIN_TOKEN of the gateway, or in its file admin.token, is that of an admin called root, which nothing here
/// takes away.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    /// List admin tokens, without their values
    List(Asking),
    Revoke(Revoke),
}

/// Make an admin token; its value is shown this one time
#[derive(Debug, Args)]
struct Create {
    /// What its holder is called, in the audit log too; unique
    name: String,
    /// What its holder may do
    #[arg(long, value_parser = ROLES)]
    role: String,
    /// For how long it is valid, for example 12h or 90d, or never for until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = life, allow_hyphen_values = true, default_value = "never")]
    expires_in: String,
    #[command(flatten)]
    asking: Asking,
}

/// Make an admin token invalid, at once and for good; also the one that is used here
#[derive(Debug, Args)]
struct Revoke {
    /// Name or id; never the token itself
    token: String,
    #[command(flatten)]
    asking: Asking,
}

/// How long a token is to be valid, in words of the API.
fn life(text: &str) -> Result<String, String> {
    match text {
        "never" => Ok(text.to_owned()),
        text => duration(text).map(format_duration),
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_token(create).await,
        Action::List(asking) => asking.list(COLUMNS).await,
        Action::Revoke(Revoke { token, asking }) => {
            asking.delete::<AdminTokenAttributes>(token, "revoked").await
        }
    }
}

async fn create_token(create: &Create) -> Result<(), Failure> {
    let api = create.asking.client()?;
    let fields = AdminTokenFields {
        name: Some(create.name.clone()),
        role: Role::parse(&create.role).map(Into::into),
        expires_in: Some(ExpiresIn::Text(create.expires_in.clone())),
        expires_at: None,
    };
    let when_taken = "choose another name, or revoke that one first: `sidegate admin-token list`";
    let token: AdminToken = api.create("admin-tokens", &fields, when_taken).await?;
    if create.asking.output.is_json() {
        return json(&token);
    }
    if create.asking.output.is_quiet() {
        return print(&(token.attributes.token.unwrap_or_default() + "\n"));
    }
    create.asking.output.one(&token, NEW)?;
    eprintln!("Keep the token now: it is not stored and cannot be shown again.");
    Ok(())
}
