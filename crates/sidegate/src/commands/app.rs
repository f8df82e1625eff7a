//! `sidegate app`: the callers, their limits and their metadata.
//!
//! It asks the admin API; the rules of an app are checked there.

use super::amend::{Amendment, Members};
use crate::client::{AdminApi, AdminApiFlags, said};
use crate::error::Failure;
use crate::find::{Narrowed, Within, find_within};
use crate::output::{Column, Output, object_text, optional};
use crate::pairs::{JsonPair, Pair, object};
use crate::values;
use clap::{Args, Subcommand};
use sidegate_api::app::{AppAttributes, AppFields, MadeForClient};
use sidegate_api::resource::Resource;
use sidegate_model::duration::format_duration;

type App = Resource<AppAttributes>;

const COLUMNS: &[Column<App>] = &[
    ("ID", |app| app.id.clone()),
    ("NAME", |app| app.attributes.name.clone()),
    ("NAMESPACE", |app| app.attributes.namespace.clone()),
    ("OWNER", |app| app.attributes.owner_email.clone()),
    ("ACTIVE", |app| app.attributes.is_active.to_string()),
    ("RATE LIMIT", rate_limit),
    ("METADATA", |app| object_text(&app.attributes.metadata)),
];

const DETAILS: &[Column<App>] = &[
    ("id", |app| app.id.clone()),
    ("name", |app| app.attributes.name.clone()),
    ("namespace", |app| app.attributes.namespace.clone()),
    ("managed by", |app| app.attributes.managed_by.clone()),
    ("description", |app| app.attributes.description.clone()),
    ("owner", |app| app.attributes.owner_email.clone()),
    ("active", |app| app.attributes.is_active.to_string()),
    ("rate limit", rate_limit),
    // As people write it: whole amounts without a fraction.
    ("monthly budget", |app| app.attributes.monthly_budget.to_string()),
    ("metadata", |app| object_text(&app.attributes.metadata)),
    ("max staleness", |app| optional(app.attributes.max_staleness.as_ref())),
    ("made for", |app| made_for(&app.attributes)),
    ("created", |app| app.attributes.created_at.clone()),
    ("updated", |app| app.attributes.updated_at.clone()),
];

fn made_for(app: &AppAttributes) -> String {
    let of = |it: &MadeForClient| format!("client {} of issuer {}", it.client, it.issuer);
    app.made_for.as_ref().map(of).unwrap_or_default()
}

fn rate_limit(app: &App) -> String {
    match app.attributes.rate_limit {
        0 => "unlimited".to_owned(),
        requests => format!("{requests} a minute"),
    }
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
    /// Which edges get it and its tokens; for life. Without this it is the global one, which every edge gets
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    admin_api: AdminApiFlags,
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
    within: Within,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    admin_api: AdminApiFlags,
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
    /// How old an edge's knowledge may be for its tokens to be taken there, for example 1h; "" is as old as the edge
    /// allows
    #[arg(long, value_name = "DURATION", value_parser = staleness)]
    max_staleness: Option<String>,
    /// Who looks after it, such as a repository; a note, and no right
    #[arg(long, value_name = "NAME")]
    managed_by: Option<String>,
}

/// A duration in words of the API, or nothing.
fn staleness(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { values::duration(text).map(format_duration) }
}

/// List apps, of all namespaces where none is named
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    narrowed: Narrowed,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// One app, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    app: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => {
            let api = create.admin_api.client()?;
            let metadata = object(&create.fields.metadata, &create.fields.metadata_json)?;
            let fields = AppFields {
                name: Some(create.name.clone()),
                owner_email: Some(create.owner_email.clone()),
                metadata: Some(metadata),
                namespace: create.namespace.clone(),
                ..create.fields.said()
            };
            let when_taken = "`sidegate app update NAME …` changes an app that is there already";
            let app = api.create("apps", &fields, when_taken).await?;
            create.output.one(&app, DETAILS)
        }
        Action::List(list) => {
            let path = format!("apps{}", list.narrowed.query());
            let apps = list.admin_api.client()?.all(&path).await?;
            list.output.list(&apps, COLUMNS)
        }
        Action::Show(one) => {
            let app = find_within(&one.admin_api.client()?, &one.app, &one.within).await?;
            one.output.one(&app, DETAILS)
        }
        Action::Update(update) => update_app(update).await,
        Action::Delete(one) => delete_app(one, &one.admin_api.client()?).await,
    }
}

impl Fields {
    fn said(&self) -> AppFields {
        AppFields {
            description: self.description.clone(),
            rate_limit: self.rate_limit,
            monthly_budget: self.monthly_budget,
            max_staleness: self.max_staleness.clone(),
            managed_by: self.managed_by.clone(),
            ..AppFields::default()
        }
    }
}

async fn update_app(update: &Update) -> Result<(), Failure> {
    let set = object(&update.fields.metadata, &update.fields.metadata_json)?;
    let fields = AppFields {
        name: update.name.clone(),
        owner_email: update.owner_email.clone(),
        is_active: update.active,
        ..update.fields.said()
    };
    let metadata = Members { set, unset: update.remove_metadata.clone(), ..Members::default() };
    let members = vec![("metadata", metadata)];
    let amendment = Amendment { fields: said(&fields), members, query: "" };
    if amendment.is_nothing() {
        return Err(Failure::usage("nothing to change: name at least one field")
            .hint("`sidegate app update --help` lists the fields"));
    }
    let api = update.admin_api.client()?;
    let app: App = find_within(&api, &update.app, &update.within).await?;
    let app: App = amendment.make(&api, &format!("apps/{}", app.id), "app").await?;
    update.output.one(&app, DETAILS)
}

async fn delete_app(one: &One, api: &AdminApi) -> Result<(), Failure> {
    let app: App = find_within(api, &one.app, &one.within).await?;
    api.delete(&format!("apps/{}", app.id)).await?;
    eprintln!("app {} ({}) and its tokens are deleted", app.attributes.name, app.id);
    one.output.removed(&app)
}
