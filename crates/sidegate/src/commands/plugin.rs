//! `sidegate plugin`: the programs that serve, from registration to removal.
//!
//! It asks the admin API; what a plugin does is decided by the gateway.

use super::plugin_add::Add;
use super::plugin_logs::{self, Logs};
use super::plugin_wait::{Outcome, Wait};
use crate::client::{AdminApi, Connection};
use crate::error::Failure;
use crate::output::{Column, Output, field, plain, printable, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sidegate_model::duration::format_duration;
use std::time::Duration;

/// How many lines of a process that failed are shown.
const LAST_WORDS: usize = 5;

const COLUMNS: &[Column] = &[
    ("ID", |plugin| text(plugin, "id")),
    ("NAME", |plugin| text(plugin, "name")),
    ("SLUG", |plugin| text(plugin, "slug")),
    ("STATE", |plugin| status(plugin, "state")),
    ("RESTARTS", |plugin| status(plugin, "restarts")),
    ("COMMAND", |plugin| text(plugin, "command")),
];

const DETAILS: &[Column] = &[
    ("id", |plugin| text(plugin, "id")),
    ("name", |plugin| text(plugin, "name")),
    ("description", |plugin| text(plugin, "description")),
    ("slug", |plugin| text(plugin, "slug")),
    ("state", |plugin| status(plugin, "state")),
    ("reason", |plugin| status(plugin, "reason")),
    ("warnings", warnings),
    ("process", |plugin| status(plugin, "pid")),
    ("restarts", |plugin| status(plugin, "restarts")),
    ("required", required),
    ("running", running),
    ("last failure", last_failure),
    ("command", |plugin| text(plugin, "command")),
    ("config", |plugin| text(plugin, "config")),
    ("options", |plugin| text(plugin, "options")),
    ("endpoints", endpoints),
];

fn status(plugin: &Value, name: &str) -> String {
    plain(&field(plugin, "status")[name])
}

fn required(plugin: &Value) -> String {
    if field(plugin, "required") == true { "true".to_owned() } else { String::new() }
}

fn running(plugin: &Value) -> String {
    let instance = field(plugin, "instance");
    let Some(uptime) = instance["uptime_ms"].as_u64() else { return String::new() };
    let uptime = format_duration(Duration::from_secs(uptime / 1000));
    let start = instance["start_duration_ms"].as_u64().map(Duration::from_millis);
    let start =
        start.map_or(String::new(), |took| format!(", started in {}", format_duration(took)));
    let sha256 = instance["sha256"].as_str();
    let sha256 = sha256.map_or(String::new(), |sum| format!("\nsha256 {sum}"));
    format!("for {uptime}{start}{sha256}")
}

/// When, how and why, with the last words.
fn last_failure(plugin: &Value) -> String {
    let failure = field(plugin, "last_failure");
    if failure.is_null() {
        return String::new();
    }
    let mut lines =
        vec![format!("{}  {}", plain(&failure["ended_at"]), plugin_logs::ending(failure))];
    lines.extend(failure["out_of_memory"].as_str().map(|told| format!("out of memory: {told}")));
    lines.push(plain(&failure["reason"]));
    let words = failure["lines"].as_array().map_or(&[][..], Vec::as_slice);
    lines.extend(words.iter().map(|line| format!("| {}", printable(&plain(&line["message"])))));
    lines.join("\n")
}

fn warnings(plugin: &Value) -> String {
    let warnings = field(plugin, "status")["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    warnings.iter().map(plain).collect::<Vec<_>>().join("\n")
}

fn endpoints(plugin: &Value) -> String {
    let slug = text(plugin, "slug");
    let shown = |endpoint: &Value| {
        let token = if endpoint["require_auth"] == true { "  (needs a token)" } else { "" };
        let (methods, path) = (text(endpoint, "methods"), text(endpoint, "path"));
        if slug.is_empty() {
            return format!("{methods} {path}  (not served: the plugin has no slug)");
        }
        format!("{methods} /plugins/{slug}{path}{token}")
    };
    let endpoints = field(plugin, "endpoints").as_array().map_or(&[][..], Vec::as_slice);
    endpoints.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// Manage plugins, the programs that serve endpoints
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<Add>),
    List(List),
    Show(One),
    Logs(Logs),
    /// Start a disabled plugin and wait until it serves
    Enable(Started),
    /// Stop a plugin, and keep what is known of it
    Disable(One),
    /// Stop a plugin and forget it
    Remove(One),
    /// Start a plugin anew, for example after its program changed
    Reload(Started),
}

/// List all plugins
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// One plugin, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    plugin: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// A plugin that is told to run
#[derive(Debug, Args)]
struct Started {
    /// Name or id
    plugin: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Add(add) => {
            let body = add.body()?;
            let api = add.connection.open()?;
            let plugin = api.post("plugins", &body).await?;
            follow(&api, &text(&plugin, "id"), &Value::Null, (&add.wait, &add.output)).await
        }
        Action::List(list) => {
            let plugins = list.connection.open()?.all("plugins").await?;
            list.output.list(&plugins, COLUMNS)
        }
        Action::Show(one) => {
            let api = one.connection.open()?;
            let id = text(&api.find("plugins", &one.plugin).await?, "id");
            one.output.one(&whole(&api, &id).await?, DETAILS)
        }
        Action::Logs(logs) => plugin_logs::run(logs).await,
        Action::Enable(started) => {
            let (api, id) = started.find().await?;
            api.patch(&format!("plugins/{id}"), &active(true)).await?;
            follow(&api, &id, &Value::Null, (&started.wait, &started.output)).await
        }
        Action::Reload(started) => {
            let (api, id) = started.find().await?;
            let before = api.get(&format!("plugins/{id}/status")).await?;
            api.post(&format!("plugins/{id}/reload"), &json!({})).await?;
            follow(&api, &id, &before, (&started.wait, &started.output)).await
        }
        Action::Disable(one) => {
            let api = one.connection.open()?;
            let id = text(&api.find("plugins", &one.plugin).await?, "id");
            api.patch(&format!("plugins/{id}"), &active(false)).await?;
            one.output.one(&whole(&api, &id).await?, DETAILS)
        }
        Action::Remove(one) => {
            let api = one.connection.open()?;
            let plugin = api.find("plugins", &one.plugin).await?;
            let id = text(&plugin, "id");
            api.delete(&format!("plugins/{id}")).await?;
            eprintln!("plugin {} ({id}) is removed", text(&plugin, "name"));
            one.output.removed(&plugin)
        }
    }
}

impl Started {
    async fn find(&self) -> Result<(AdminApi, String), Failure> {
        let api = self.connection.open()?;
        let id = text(&api.find("plugins", &self.plugin).await?, "id");
        Ok((api, id))
    }
}

fn active(is_active: bool) -> Value {
    json!({"data": {"type": "plugin", "attributes": {"is_active": is_active}}})
}

/// The last process that did not end in order, with its last words; null when there is none.
async fn last_failure_of(api: &AdminApi, id: &str) -> Result<Value, Failure> {
    let records = api.get(&format!("plugins/{id}/records?lines={LAST_WORDS}")).await?;
    let records = records.as_array().map_or(&[][..], Vec::as_slice);
    let failed = records.iter().find(|record| field(record, "in_order") == &Value::Bool(false));
    Ok(failed.map_or(Value::Null, |record| record["attributes"].clone()))
}

/// A plugin with what it serves now; the one shape in which every command here prints a plugin.
async fn whole(api: &AdminApi, id: &str) -> Result<Value, Failure> {
    let status = api.get(&format!("plugins/{id}/status")).await?;
    let mut plugin = api.get(&format!("plugins/{id}")).await?;
    for name in ["endpoints", "required", "instance"] {
        plugin["attributes"][name] = field(&status, name).clone();
    }
    plugin["attributes"]["last_failure"] = last_failure_of(api, id).await?;
    Ok(plugin)
}

/// Waits as asked, prints the plugin as it is then, and fails when it failed. What was asked is
/// stored in any case, so the data is printed in any case.
async fn follow(
    api: &AdminApi,
    id: &str,
    before: &Value,
    (wait, output): (&Wait, &Output),
) -> Result<(), Failure> {
    let outcome = wait.for_plugin(api, id, before).await?;
    let plugin = whole(api, id).await?;
    output.one(&plugin, DETAILS)?;
    if output.is_quiet() || output.is_json() {
        // Data is all they print, so a person hears of it here.
        warnings(&plugin).lines().for_each(|warning| eprintln!("warning: {warning}"));
    }
    match outcome {
        None | Some(Outcome::Ready) => Ok(()),
        Some(Outcome::Failed(reason) | Outcome::Pending(reason)) => {
            let name = text(&plugin, "name");
            Err(Failure::failed(format!("plugin {name} did not become ready: {reason}"))
                .hint(format!("`sidegate plugin show {id}` shows how it goes on")))
        }
    }
}
