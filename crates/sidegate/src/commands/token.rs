//! `sidegate token`: what apps prove themselves with. The value of a token is shown once.
//!
//! It asks the admin API; it keeps no token.

use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::find::find;
use crate::output::{Column, Output, Printed, json, listed, print};
use crate::values::duration;
use clap::{Args, Subcommand};
use serde::Serialize;
use sidegate_api::app::AppAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::token::{ExpiresIn, TokenAttributes, TokenFields};
use sidegate_model::duration::format_duration;
use std::collections::HashMap;
use std::time::Duration;

type Token = Resource<TokenAttributes>;

/// A token as people see it.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    token: Token,
    /// How its app is called, where that is known, else its number.
    #[serde(skip)]
    app: String,
}

impl Printed for Row {
    fn id(&self) -> &str {
        &self.token.id
    }
}

const COLUMNS: &[Column<Row>] = &[
    ("ID", |row| row.token.id.clone()),
    ("APP", |row| row.app.clone()),
    ("NAME", |row| row.token.attributes.name.clone()),
    ("BEGINS WITH", |row| row.token.attributes.hint.clone()),
    ("SCOPES", |row| listed(&row.token.attributes.scopes)),
    ("EXPIRES", expiry),
];

const NEW: &[Column<Row>] = &[
    ("id", |row| row.token.id.clone()),
    ("app", |row| row.app.clone()),
    ("scopes", |row| listed(&row.token.attributes.scopes)),
    ("expires", expiry),
    ("token", |row| row.token.attributes.token.clone().unwrap_or_default()),
];

fn expiry(row: &Row) -> String {
    let token = &row.token.attributes;
    match &token.expires_at {
        None => "never".to_owned(),
        Some(time) if token.is_expired => format!("{time} (expired)"),
        Some(time) => time.clone(),
    }
}

/// Manage the tokens of apps
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token for an app; its value is shown this one time
#[derive(Debug, Args)]
struct Create {
    /// Name or id of the app
    #[arg(long)]
    app: String,
    /// What you call the token
    #[arg(long, default_value = "")]
    name: String,
    /// What the token allows, in the words of the plugins
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,
    /// For how long it is valid, for example 24h or 30d; without this, until it is revoked
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    expires: Option<Duration>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// List tokens, without their values
#[derive(Debug, Args)]
struct List {
    /// Only those of this app, by name or id
    #[arg(long)]
    app: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Make a token invalid, at once and for good
#[derive(Debug, Args)]
struct Revoke {
    /// Id or, when it is unique, name; never the token itself
    token: String,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_token(create).await,
        Action::List(list) => {
            let api = list.admin_api.client()?;
            let collection = match &list.app {
                None => "tokens".to_owned(),
                Some(app) => {
                    format!("tokens?app_id={}", find::<AppAttributes>(&api, app).await?.id)
                }
            };
            let tokens: Vec<Token> = api.all(&collection).await?;
            let names =
                if list.output.is_table() { app_names(&api).await? } else { HashMap::new() };
            // An app that came or went between the two questions has no name here.
            let row = |token: Token| {
                let id = token.attributes.app_id.to_string();
                Row { app: names.get(&id).cloned().unwrap_or(id), token }
            };
            list.output.list(&tokens.into_iter().map(row).collect::<Vec<_>>(), COLUMNS)
        }
        Action::Revoke(revoke) => {
            let api = revoke.admin_api.client()?;
            let token: Token = find(&api, &revoke.token).await?;
            api.delete(&format!("tokens/{}", token.id)).await?;
            eprintln!("token {} ({}…) is revoked", token.id, token.attributes.hint);
            revoke.output.removed(&token)
        }
    }
}

/// How every app is called, by its id.
async fn app_names(api: &AdminApi) -> Result<HashMap<String, String>, Failure> {
    let apps = api.all::<AppAttributes>("apps").await?;
    Ok(apps.into_iter().map(|app| (app.id, app.attributes.name)).collect())
}

async fn create_token(create: &Create) -> Result<(), Failure> {
    let api = create.admin_api.client()?;
    let app: Resource<AppAttributes> = find(&api, &create.app).await?;
    let app_id: u32 = app.id.parse().map_err(|_| {
        Failure::failed(format!("the admin API gave the app an id that is no number: {}", app.id))
    })?;
    let scopes = create.scopes.iter().map(|scope| scope.trim()).filter(|scope| !scope.is_empty());
    let fields = TokenFields {
        app_id: Some(app_id),
        name: Some(create.name.clone()),
        scopes: Some(scopes.map(str::to_owned).collect()),
        expires_in: create.expires.map(|expires| ExpiresIn::Text(format_duration(expires))),
        expires_at: None,
    };
    let token: Token = api.post("tokens", &fields).await?;
    if create.output.is_json() {
        return json(&token);
    }
    if create.output.is_quiet() {
        return print(&(token.attributes.token.unwrap_or_default() + "\n"));
    }
    create.output.one(&Row { token, app: app.attributes.name }, NEW)?;
    eprintln!("Keep the token now: it is not stored and cannot be shown again.");
    Ok(())
}
