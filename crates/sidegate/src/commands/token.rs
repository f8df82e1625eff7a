//! `sidegate token`: what apps prove themselves with. The value of a token is shown once.
//!
//! It asks the admin API; it keeps no token.

use crate::client::{AdminApi, Connection};
use crate::error::Failure;
use crate::output::{Column, Output, field, json, print, text};
use crate::values::duration;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sidegate_model::duration::format_duration;
use std::collections::HashMap;
use std::time::Duration;

const COLUMNS: &[Column] = &[
    ("ID", |token| text(token, "id")),
    ("APP", app_name),
    ("NAME", |token| text(token, "name")),
    ("BEGINS WITH", |token| text(token, "hint")),
    ("SCOPES", |token| text(token, "scopes")),
    ("EXPIRES", expiry),
];

fn expiry(token: &Value) -> String {
    match text(token, "expires_at") {
        never if never.is_empty() => "never".to_owned(),
        time if field(token, "is_expired") == true => format!("{time} (expired)"),
        time => time,
    }
}

/// The name of its app, where somebody noted it, else the number.
fn app_name(token: &Value) -> String {
    match text(token, "app") {
        unknown if unknown.is_empty() => text(token, "app_id"),
        name => name,
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
    connection: Connection,
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
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Make a token invalid, at once and for good
#[derive(Debug, Args)]
struct Revoke {
    /// Id or, when it is unique, name; never the token itself
    token: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_token(create).await,
        Action::List(list) => {
            let api = list.connection.open()?;
            let collection = match &list.app {
                None => "tokens".to_owned(),
                Some(app) => format!("tokens?app_id={}", text(&api.find("apps", app).await?, "id")),
            };
            let mut tokens = api.all(&collection).await?;
            if list.output.is_table() {
                note_apps(&mut tokens, &api).await?;
            }
            list.output.list(&tokens, COLUMNS)
        }
        Action::Revoke(revoke) => {
            let api = revoke.connection.open()?;
            let token = api.find("tokens", &revoke.token).await?;
            api.delete(&format!("tokens/{}", text(&token, "id"))).await?;
            eprintln!("token {} ({}…) is revoked", text(&token, "id"), text(&token, "hint"));
            revoke.output.removed(&token)
        }
    }
}

/// Notes at every token how its app is called.
async fn note_apps(tokens: &mut [Value], api: &AdminApi) -> Result<(), Failure> {
    let apps = api.all("apps").await?;
    let names: HashMap<_, _> =
        apps.iter().map(|app| (text(app, "id"), text(app, "name"))).collect();
    for token in tokens {
        // An app that came or went between the two questions has no name here.
        if let Some(name) = names.get(&text(token, "app_id")) {
            token["attributes"]["app"] = json!(name);
        }
    }
    Ok(())
}

async fn create_token(create: &Create) -> Result<(), Failure> {
    let api = create.connection.open()?;
    let app = api.find("apps", &create.app).await?;
    let app_id: u32 = text(&app, "id").parse().map_err(|_| {
        Failure::failed(format!("the admin API gave the app an id that is no number: {app}"))
    })?;
    let scopes: Vec<_> = create.scopes.iter().map(|s| s.trim()).filter(|s| !s.is_empty()).collect();
    let mut attributes = json!({"app_id": app_id, "name": create.name, "scopes": scopes});
    if let Some(expires) = create.expires {
        attributes["expires_in"] = json!(format_duration(expires));
    }
    let body = json!({"data": {"type": "token", "attributes": attributes}});
    let mut token = api.post("tokens", &body).await?;
    let value = text(&token, "token");
    if create.output.is_json() {
        return json(&token);
    }
    if create.output.is_quiet() {
        return print(&(value + "\n"));
    }
    token["attributes"]["app"] = json!(text(&app, "name"));
    create.output.one(
        &token,
        &[
            ("id", |token| text(token, "id")),
            ("app", app_name),
            ("scopes", |token| text(token, "scopes")),
            ("expires", expiry),
            ("token", |token| text(token, "token")),
        ],
    )?;
    eprintln!("Keep the token now: it is not stored and cannot be shown again.");
    Ok(())
}
