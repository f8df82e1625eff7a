//! `sidegate app`: the callers, their limits and their metadata.
//!
//! It asks the admin API; the rules of an app are checked there.

use super::amend::{Amendment, Members};
use crate::client::{AdminApi, Connection};
use crate::error::Failure;
use crate::output::{Column, Output, field, text};
use crate::pairs::{JsonPair, Pair, object};
use crate::values;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

const COLUMNS: &[Column] = &[
    ("ID", |app| text(app, "id")),
    ("NAME", |app| text(app, "name")),
    ("OWNER", |app| text(app, "owner_email")),
    ("ACTIVE", |app| text(app, "is_active")),
    ("RATE LIMIT", rate_limit),
    ("METADATA", |app| text(app, "metadata")),
];

const DETAILS: &[Column] = &[
    ("id", |app| text(app, "id")),
    ("name", |app| text(app, "name")),
    ("description", |app| text(app, "description")),
    ("owner", |app| text(app, "owner_email")),
    ("active", |app| text(app, "is_active")),
    ("rate limit", rate_limit),
    ("monthly budget", monthly_budget),
    ("metadata", |app| text(app, "metadata")),
    ("created", |app| text(app, "created_at")),
    ("updated", |app| text(app, "updated_at")),
];

fn rate_limit(app: &Value) -> String {
    match field(app, "rate_limit").as_u64() {
        Some(0) => "unlimited".to_owned(),
        Some(requests) => format!("{requests} a minute"),
        None => String::new(),
    }
}

/// As people write it: whole amounts without a fraction.
fn monthly_budget(app: &Value) -> String {
    field(app, "monthly_budget").as_f64().map_or_else(String::new, |budget| budget.to_string())
}

/// Manage apps, the callers of plugin endpoints
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    /// Show an app with all its fields
    Show(One),
    Update(Update),
    /// Delete an app and all its tokens, which are refused from then on
    Delete(One),
}

/// Register a new app
#[derive(Debug, Args)]
struct Create {
    /// Unique name
    #[arg(long)]
    name: String,
    /// E-mail address of who is responsible
    #[arg(long, value_name = "EMAIL")]
    owner_email: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Change fields of an app; what is not named stays as it is
#[derive(Debug, Args)]
struct Update {
    /// Name or id
    app: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// New e-mail address of who is responsible
    #[arg(long, value_name = "EMAIL")]
    owner_email: Option<String>,
    /// Whether its tokens are accepted
    #[arg(long, value_name = "TRUE|FALSE")]
    active: Option<bool>,
    /// Remove a key from the metadata
    #[arg(long, value_name = "KEY")]
    remove_metadata: Vec<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// The fields that both a new and an existing app take
#[derive(Debug, Args)]
struct Fields {
    /// Free text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A value that plugins see with every request of this app
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<Pair>,
    /// The same with a JSON value
    #[arg(long, value_name = "KEY=JSON")]
    metadata_json: Vec<JsonPair>,
    /// Requests a minute on plugin endpoints; 0 is unlimited
    #[arg(long, value_name = "RPM", value_parser = values::rate_limit, allow_negative_numbers = true)]
    rate_limit: Option<u32>,
    /// Budget a month, handed to plugins
    #[arg(long, value_name = "AMOUNT", value_parser = values::amount, allow_negative_numbers = true)]
    monthly_budget: Option<f64>,
}

/// List all apps
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// One app, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    app: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => {
            let api = create.connection.open()?;
            let mut attributes = create.fields.attributes();
            attributes.insert("name".into(), json!(create.name));
            attributes.insert("owner_email".into(), json!(create.owner_email));
            let metadata = object(&create.fields.metadata, &create.fields.metadata_json)?;
            attributes.insert("metadata".into(), Value::Object(metadata));
            let when_taken = "`sidegate app update NAME …` changes an app that is there already";
            let app = api.create("apps", &wrapped(&attributes), when_taken).await?;
            create.output.one(&app, DETAILS)
        }
        Action::List(list) => {
            let apps = list.connection.open()?.all("apps").await?;
            list.output.list(&apps, COLUMNS)
        }
        Action::Show(one) => {
            let app = one.connection.open()?.find("apps", &one.app).await?;
            one.output.one(&app, DETAILS)
        }
        Action::Update(update) => update_app(update).await,
        Action::Delete(one) => delete_app(one, &one.connection.open()?).await,
    }
}

impl Fields {
    fn attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), value);
            }
        };
        set("description", self.description.as_ref().map(|text| json!(text)));
        set("rate_limit", self.rate_limit.map(|limit| json!(limit)));
        set("monthly_budget", self.monthly_budget.map(|budget| json!(budget)));
        attributes
    }
}

fn wrapped(attributes: &Map<String, Value>) -> Value {
    json!({"data": {"type": "app", "attributes": attributes}})
}

async fn update_app(update: &Update) -> Result<(), Failure> {
    let set = object(&update.fields.metadata, &update.fields.metadata_json)?;
    let mut attributes = update.fields.attributes();
    let named = [
        ("name", update.name.as_ref().map(|name| json!(name))),
        ("owner_email", update.owner_email.as_ref().map(|email| json!(email))),
        ("is_active", update.active.map(|active| json!(active))),
    ];
    attributes.extend(named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let metadata = Members { set, unset: update.remove_metadata.clone(), ..Members::default() };
    let members = vec![("metadata", metadata)];
    let amendment = Amendment { fields: attributes, members, query: "" };
    if amendment.is_nothing() {
        return Err(Failure::usage("nothing to change: name at least one field")
            .hint("`sidegate app update --help` lists the fields"));
    }
    let api = update.connection.open()?;
    let app = api.find("apps", &update.app).await?;
    let app = amendment.make(&api, (&format!("apps/{}", text(&app, "id")), "app")).await?;
    update.output.one(&app, DETAILS)
}

async fn delete_app(one: &One, api: &AdminApi) -> Result<(), Failure> {
    let app = api.find("apps", &one.app).await?;
    api.delete(&format!("apps/{}", text(&app, "id"))).await?;
    eprintln!("app {} ({}) and its tokens are deleted", text(&app, "name"), text(&app, "id"));
    one.output.removed(&app)
}
