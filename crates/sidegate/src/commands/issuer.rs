//! `sidegate issuer`: whose JWT access tokens, and whose client certificates, are taken beside the gateway's own tokens, and for
//! which apps they speak.
//!
//! It asks the admin API; the rules of an issuer are checked there.

use super::amend::{Amendment, Members};
use crate::client::{AdminApi, AdminApiFlags, said};
use crate::error::Failure;
use crate::find::{Narrowed, Within, find_within};
use crate::output::{Column, Output};
use crate::pairs::{Pair, object};
use crate::values;
use clap::{Args, Subcommand};
use serde_json::Value;
use sidegate_api::issuer::{IssuerAttributes, IssuerFields, IssuerKeysAttributes};
use sidegate_api::resource::Resource;
use sidegate_model::client_certificate;
use sidegate_model::duration::format_duration;

type Issuer = Resource<IssuerAttributes>;

const COLUMNS: &[Column<Issuer>] = &[
    ("ID", |issuer| issuer.id.clone()),
    ("NAME", |issuer| issuer.attributes.name.clone()),
    ("NAMESPACE", |issuer| issuer.attributes.namespace.clone()),
    ("URL", |issuer| issuer.attributes.url.clone()),
    ("AUDIENCES", |issuer| issuer.attributes.audiences.join(" ")),
    ("CLIENTS", |issuer| issuer.attributes.clients.len().to_string()),
    ("ACTIVE", |issuer| issuer.attributes.is_active.to_string()),
];

const DETAILS: &[Column<Issuer>] = &[
    ("id", |issuer| issuer.id.clone()),
    ("name", |issuer| issuer.attributes.name.clone()),
    ("namespace", |issuer| issuer.attributes.namespace.clone()),
    ("managed by", |issuer| issuer.attributes.managed_by.clone()),
    ("url", |issuer| issuer.attributes.url.clone()),
    ("keys at", keys_at),
    ("keys", keys),
    ("keys asked", |issuer| keys_of(issuer).and_then(|it| it.asked_at.clone()).unwrap_or_default()),
    ("keys fetched", |issuer| {
        keys_of(issuer).and_then(|it| it.fetched_at.clone()).unwrap_or_default()
    }),
    ("keys error", |issuer| keys_of(issuer).and_then(|it| it.error.clone()).unwrap_or_default()),
    ("audiences", |issuer| issuer.attributes.audiences.join(" ")),
    ("algorithms", |issuer| issuer.attributes.algorithms.join(" ")),
    ("client claims", |issuer| issuer.attributes.client_claims.join(" ")),
    ("token types", |issuer| issuer.attributes.token_types.join(" ")),
    ("scopes", scopes),
    ("clients", clients),
    ("create apps", create_apps),
    ("active", |issuer| issuer.attributes.is_active.to_string()),
    ("allow private", |issuer| issuer.attributes.allow_private.to_string()),
    ("leeway", |issuer| issuer.attributes.leeway.clone()),
    ("keys max age", |issuer| issuer.attributes.keys_max_age.clone()),
    ("created", |issuer| issuer.attributes.created_at.clone()),
    ("updated", |issuer| issuer.attributes.updated_at.clone()),
];

fn is_of_certificates(issuer: &Issuer) -> bool {
    client_certificate::is_of_certificates(&issuer.attributes.url)
}

fn keys_of(issuer: &Issuer) -> Option<&IssuerKeysAttributes> {
    issuer.attributes.keys.as_ref()
}

fn keys(issuer: &Issuer) -> String {
    match keys_of(issuer) {
        Some(keys) if is_of_certificates(issuer) => {
            format!("{} authorities of clients", keys.count)
        }
        None => "not known here: no plugin names it, or edges fetch them".to_owned(),
        Some(IssuerKeysAttributes { fetched_at: None, .. }) => "none yet".to_owned(),
        Some(IssuerKeysAttributes { count, are_good: true, .. }) => count.to_string(),
        Some(IssuerKeysAttributes { count, .. }) => format!("{count}, which are too old to count"),
    }
}

fn keys_at(issuer: &Issuer) -> String {
    match issuer.attributes.jwks_uri.as_str() {
        "" if issuer.attributes.url.starts_with("plugin:") => "inside the gateway".to_owned(),
        "" if is_of_certificates(issuer) => "none are needed: clients show certificates".to_owned(),
        "" => "where its metadata say".to_owned(),
        uri => uri.to_owned(),
    }
}

fn scopes(issuer: &Issuer) -> String {
    match issuer.attributes.scopes.as_slice() {
        [] if is_of_certificates(issuer) => "none".to_owned(),
        [] => "all".to_owned(),
        scopes => scopes.join(" "),
    }
}

fn create_apps(issuer: &Issuer) -> String {
    let IssuerAttributes { create_apps, create_apps_owner, create_apps_rate_limit, .. } =
        &issuer.attributes;
    match create_apps {
        0 => "none".to_owned(),
        most => format!(
            "at most {most}, of {create_apps_owner}, {create_apps_rate_limit} requests a minute each"
        ),
    }
}

fn clients(issuer: &Issuer) -> String {
    let clients = issuer.attributes.clients.iter();
    clients.map(|(client, app)| format!("{client}={app}")).collect::<Vec<_>>().join(" ")
}

/// Manage issuers, whose JWT access tokens are taken beside the gateway's own
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<Add>),
    List(List),
    /// Show an issuer with all its fields
    Show(One),
    Update(Box<Update>),
    /// Remove an issuer, whose JWTs are refused from then on
    Remove(One),
}

/// Trust an issuer. A plugin takes its JWTs once its option issuers names it
#[derive(Debug, Args)]
struct Add {
    /// Unique name, by which plugins name it
    #[arg(long)]
    name: String,
    /// Its iss, exactly as its JWTs say it; plugin:SLUG for a plugin here that is the issuer; or tls:NAME for clients that show
    /// certificates
    #[arg(value_name = "URL")]
    issuer: String,
    /// Which edges get it; for life. Without this it is the global one, which every edge gets
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Change fields of an issuer; what is not named stays as it is
#[derive(Debug, Args)]
struct Update {
    /// Name or id
    issuer: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// New iss. It is not --url, which is where the admin API is
    #[arg(long, value_name = "URL")]
    issuer_url: Option<String>,
    /// Whether its JWTs are taken
    #[arg(long, value_name = "TRUE|FALSE")]
    active: Option<bool>,
    /// Let a client speak for no app any more
    #[arg(long, value_name = "CLIENT")]
    remove_client: Vec<String>,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// The fields that both a new and a known issuer take
#[derive(Debug, Args)]
struct Fields {
    /// Where its keys are; "" is where its metadata say, which are found below its URL
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// A JWT must be for one of these; {slug} stands for the slug of the plugin that is called
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How its JWTs may be signed [default: ES256, RS256 and EdDSA]
    #[arg(long, value_name = "ALG")]
    algorithm: Vec<String>,
    /// A claim that may name the client; the first that is there counts [default: client_id, then azp]
    #[arg(long, value_name = "CLAIM")]
    client_claim: Vec<String>,
    /// What the typ of a JWT may be [default: at+jwt]
    #[arg(long, value_name = "TYP")]
    token_type: Vec<String>,
    /// A scope that its JWTs may carry [default: all]; with tls:NAME one that its callers have [default: none]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// A client of the issuer, and the name of the app that it speaks for; with tls:NAME it is uri:…, dns:… or sha256:…
    #[arg(long, value_name = "CLIENT=APP")]
    client: Vec<Pair>,
    /// How many apps are made at most for clients that are bound to none, when they first come; 0 is none. Standalone only
    #[arg(long, value_name = "NUMBER")]
    create_apps: Option<u32>,
    /// The address of whoever owns apps that are made so
    #[arg(long, value_name = "EMAIL")]
    create_apps_owner: Option<String>,
    /// Requests a minute of each app that is made so [default: 60]
    #[arg(long, value_name = "NUMBER")]
    create_apps_rate_limit: Option<u32>,
    /// Whether its keys may be at a private address, and on this machine without TLS
    #[arg(long, value_name = "TRUE|FALSE", num_args = 0..=1, default_missing_value = "true")]
    allow_private: Option<bool>,
    /// How far clocks may differ, at most 5m [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    leeway: Option<String>,
    /// How long its keys are good after they were fetched, where it is away; at most 7d [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    keys_max_age: Option<String>,
    /// Who looks after it, such as a repository; a note, and no right
    #[arg(long, value_name = "NAME")]
    managed_by: Option<String>,
}

/// A duration in words of the API.
fn duration(text: &str) -> Result<String, String> {
    values::duration(text).map(format_duration)
}

/// List issuers, of all namespaces where none is named
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    narrowed: Narrowed,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// One issuer, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    issuer: String,
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
        Action::Add(add) => {
            let api = add.admin_api.client()?;
            let clients = object(&add.fields.client, &[])?.into_iter();
            let text = |(client, app): (String, Value)| Some((client, app.as_str()?.to_owned()));
            let fields = IssuerFields {
                name: Some(add.name.clone()),
                url: Some(add.issuer.clone()),
                namespace: add.namespace.clone(),
                clients: Some(clients.filter_map(text).collect()),
                ..add.fields.said()
            };
            let when_taken =
                "`sidegate issuer update NAME …` changes an issuer that is there already";
            let issuer = api.create("issuers", &fields, when_taken).await?;
            add.output.one(&issuer, DETAILS)
        }
        Action::List(list) => {
            let path = format!("issuers{}", list.narrowed.query());
            let issuers = list.admin_api.client()?.all(&path).await?;
            list.output.list(&issuers, COLUMNS)
        }
        Action::Show(one) => {
            let issuer = find_within(&one.admin_api.client()?, &one.issuer, &one.within).await?;
            one.output.one(&issuer, DETAILS)
        }
        Action::Update(update) => update_issuer(update).await,
        Action::Remove(one) => remove_issuer(one, &one.admin_api.client()?).await,
    }
}

impl Fields {
    fn said(&self) -> IssuerFields {
        let list = |items: &Vec<String>| Some(items.clone()).filter(|items| !items.is_empty());
        IssuerFields {
            jwks_uri: self.jwks_uri.clone(),
            audiences: list(&self.audience),
            algorithms: list(&self.algorithm),
            client_claims: list(&self.client_claim),
            token_types: list(&self.token_type),
            scopes: list(&self.scope),
            create_apps: self.create_apps,
            create_apps_owner: self.create_apps_owner.clone(),
            create_apps_rate_limit: self.create_apps_rate_limit,
            allow_private: self.allow_private,
            leeway: self.leeway.clone(),
            keys_max_age: self.keys_max_age.clone(),
            managed_by: self.managed_by.clone(),
            ..IssuerFields::default()
        }
    }
}

async fn update_issuer(update: &Update) -> Result<(), Failure> {
    let fields = IssuerFields {
        name: update.name.clone(),
        url: update.issuer_url.clone(),
        is_active: update.active,
        ..update.fields.said()
    };
    let set = object(&update.fields.client, &[])?;
    let clients = Members { set, unset: update.remove_client.clone(), ..Members::default() };
    let members = vec![("clients", clients)];
    let amendment = Amendment { fields: said(&fields), members, query: "" };
    if amendment.is_nothing() {
        return Err(Failure::usage("nothing to change: name at least one field")
            .hint("`sidegate issuer update --help` lists the fields; the address of the issuer is --issuer-url, and --url is that of the admin API"));
    }
    let api = update.admin_api.client()?;
    let issuer: Issuer = find_within(&api, &update.issuer, &update.within).await?;
    let path = format!("issuers/{}", issuer.id);
    let issuer: Issuer = amendment.make(&api, &path, "issuer").await?;
    update.output.one(&issuer, DETAILS)
}

async fn remove_issuer(one: &One, api: &AdminApi) -> Result<(), Failure> {
    let issuer: Issuer = find_within(api, &one.issuer, &one.within).await?;
    api.delete(&format!("issuers/{}", issuer.id)).await?;
    eprintln!("issuer {} ({}) is removed", issuer.attributes.name, issuer.id);
    one.output.removed(&issuer)
}
