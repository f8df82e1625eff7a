//! `sidegate token`: what apps prove themselves with. The value of a token is shown once.
//!
//! It asks the admin API; it keeps no token.

use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::find::{Within, find, find_among, find_within};
use crate::output::{Column, Output, Printed, json, listed, optional, print};
use crate::values::duration;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use sidegate_api::app::AppAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::token::{ExpiresIn, RotationFields, TokenAttributes, TokenFields};
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
    /// Where its app is, where that is known.
    #[serde(skip)]
    namespace: String,
}

impl Printed for Row {
    fn id(&self) -> &str {
        &self.token.id
    }
}

const COLUMNS: &[Column<Row>] = &[
    ("ID", |row| row.token.id.clone()),
    ("APP", |row| row.app.clone()),
    ("NAMESPACE", |row| row.namespace.clone()),
    ("NAME", |row| row.token.attributes.name.clone()),
    ("BEGINS WITH", |row| row.token.attributes.hint.clone()),
    ("SCOPES", |row| listed(&row.token.attributes.scopes)),
    ("EXPIRES", expiry),
    ("LAST USED", last_use),
    ("REPLACED BY", |row| optional(row.token.attributes.replaced_by.as_ref())),
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

fn last_use(row: &Row) -> String {
    row.token.attributes.last_used_at.clone().unwrap_or_else(|| "never".to_owned())
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
    Rotate(Rotate),
    Revoke(Revoke),
}

/// Make a token for an app; its value is shown this one time
#[derive(Debug, Args)]
struct Create {
    /// Name or id of the app
    #[arg(long)]
    app: String,
    #[command(flatten)]
    within: Within,
    /// What you call the token
    #[arg(long, default_value = "")]
    name: String,
    /// What the token allows, in the words of the plugins
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,
    /// For how long it is valid, for example 24h or 30d, or never for until it is revoked; without this,
    /// what the gateway's setting SIDEGATE_TOKEN_EXPIRY says
    #[arg(long, value_name = "DURATION", value_parser = life, allow_hyphen_values = true)]
    expires: Option<Life>,
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
    /// Only those with exactly this name
    #[arg(long)]
    name: Option<String>,
    /// Only those that are valid now and end within this time, for example 7d
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    expires_within: Option<Duration>,
    /// Only those whose end is over, or only those whose end is not
    #[arg(long, value_name = "TRUE|FALSE")]
    expired: Option<bool>,
    /// Only those that were not used for this long, for example 30d
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    unused_for: Option<Duration>,
    /// Only those of apps in this namespace; "" is the global one
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Make a token in the place of another, which ends after a while; the new value is shown this one time
#[derive(Debug, Args)]
struct Rotate {
    /// Id or, where only one of that name is in use still, name; never the token itself
    token: String,
    /// For how long the old one is valid beside the new one [default: 24h]; 0 ends it at once
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    overlap: Option<Duration>,
    /// For how long the new one is valid, or never for until it is revoked; without this, as long as
    /// the old one was made for
    #[arg(long, value_name = "DURATION", value_parser = life, allow_hyphen_values = true)]
    expires: Option<Life>,
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

/// How long a token is to be valid.
#[derive(Debug, Clone, Copy)]
enum Life {
    Never,
    For(Duration),
}

fn life(text: &str) -> Result<Life, String> {
    match text {
        "never" => Ok(Life::Never),
        text => duration(text).map(Life::For),
    }
}

impl Life {
    fn said(self) -> ExpiresIn {
        ExpiresIn::Text(match self {
            Self::Never => "never".to_owned(),
            Self::For(duration) => format_duration(duration),
        })
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_token(create).await,
        Action::List(list) => list_tokens(list).await,
        Action::Rotate(rotate) => rotate_token(rotate).await,
        Action::Revoke(revoke) => {
            let api = revoke.admin_api.client()?;
            let token: Token = find(&api, &revoke.token).await?;
            api.delete(&format!("tokens/{}", token.id)).await?;
            eprintln!("token {} ({}…) is revoked", token.id, token.attributes.hint);
            revoke.output.removed(&token)
        }
    }
}

async fn list_tokens(list: &List) -> Result<(), Failure> {
    let api = list.admin_api.client()?;
    let app = match &list.app {
        Some(app) => {
            let within = Within::of(list.namespace.clone());
            Some(find_within::<AppAttributes>(&api, app, &within).await?.id)
        }
        None => None,
    };
    let said = [
        ("app_id", app),
        ("name", list.name.clone()),
        ("expired", list.expired.map(|expired| expired.to_string())),
        ("expires_within", list.expires_within.map(format_duration)),
        ("unused_for", list.unused_for.map(format_duration)),
        ("namespace", list.namespace.clone()),
    ];
    let parameter = |(name, text): (&str, Option<String>)| {
        Some(format!("{name}={}", utf8_percent_encode(&text?, NON_ALPHANUMERIC)))
    };
    let query: Vec<_> = said.into_iter().filter_map(parameter).collect();
    let collection = match query.is_empty() {
        true => "tokens".to_owned(),
        false => format!("tokens?{}", query.join("&")),
    };
    let tokens: Vec<Token> = api.all(&collection).await?;
    let apps = if list.output.is_table() { apps_by_id(&api).await? } else { HashMap::new() };
    // An app that came or went between the two questions has no name here.
    let row = |token: Token| {
        let id = token.attributes.app_id.to_string();
        let (app, namespace) = match apps.get(&id) {
            Some(app) => (app.name.clone(), app.namespace.clone()),
            None => (id, String::new()),
        };
        Row { token, app, namespace }
    };
    list.output.list(&tokens.into_iter().map(row).collect::<Vec<_>>(), COLUMNS)
}

/// Every app, by its id.
async fn apps_by_id(api: &AdminApi) -> Result<HashMap<String, AppAttributes>, Failure> {
    let apps = api.all::<AppAttributes>("apps").await?;
    Ok(apps.into_iter().map(|app| (app.id, app.attributes)).collect())
}

async fn create_token(create: &Create) -> Result<(), Failure> {
    let api = create.admin_api.client()?;
    let app: Resource<AppAttributes> = find_within(&api, &create.app, &create.within).await?;
    let app_id: u32 = app.id.parse().map_err(|_| {
        Failure::failed(format!("the admin API gave the app an id that is no number: {}", app.id))
    })?;
    let scopes = create.scopes.iter().map(|scope| scope.trim()).filter(|scope| !scope.is_empty());
    let fields = TokenFields {
        app_id: Some(app_id),
        name: Some(create.name.clone()),
        scopes: Some(scopes.map(str::to_owned).collect()),
        expires_in: create.expires.map(Life::said),
        expires_at: None,
    };
    let token: Token = api.post("tokens", &fields).await?;
    let AppAttributes { name, namespace, .. } = app.attributes;
    show_new(&create.output, Row { token, app: name, namespace })
}

async fn rotate_token(rotate: &Rotate) -> Result<(), Failure> {
    let api = rotate.admin_api.client()?;
    // Old ones keep their name when another takes their place.
    let goes_on = |token: &TokenAttributes| token.replaced_by.is_none() && !token.is_expired;
    let old: Token = find_among(&api, &rotate.token, goes_on).await?;
    let fields = RotationFields {
        overlap: rotate.overlap.map(format_duration),
        expires_in: rotate.expires.map(Life::said),
        expires_at: None,
    };
    let path = format!("tokens/{}", old.id);
    let token: Token = api.post(&format!("{path}/rotate"), &fields).await?;
    let app_id = old.attributes.app_id;
    // The new one is shown whatever became of its app meanwhile.
    let app = api.get::<AppAttributes>(&format!("apps/{app_id}")).await;
    let (app, namespace) = match app {
        Ok(app) => (app.attributes.name, app.attributes.namespace),
        Err(_) => (app_id.to_string(), String::new()),
    };
    show_new(&rotate.output, Row { token, app, namespace })?;
    if rotate.output.is_table() {
        tell_end(&api.get(&path).await?);
    }
    Ok(())
}

fn tell_end(old: &Token) {
    let (id, TokenAttributes { hint, expires_at, is_expired, .. }) = (&old.id, &old.attributes);
    match expires_at {
        Some(end) if !is_expired => eprintln!("token {id} ({hint}…) is valid until {end}"),
        _ => eprintln!("token {id} ({hint}…) has ended"),
    }
}

/// Prints a new token, whose value is shown this one time.
fn show_new(output: &Output, row: Row) -> Result<(), Failure> {
    if output.is_json() {
        return json(&row.token);
    }
    if output.is_quiet() {
        return print(&(row.token.attributes.token.unwrap_or_default() + "\n"));
    }
    output.one(&row, NEW)?;
    eprintln!("Keep the token now: it is not stored and cannot be shown again.");
    Ok(())
}
