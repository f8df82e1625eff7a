//! `sidegate plugin`: the programs that serve, from registration to removal.
//!
//! It asks the admin API; what a plugin does is decided by the gateway.

use super::plugin_add::Add;
use super::plugin_follow::follow;
use super::plugin_logs::{self, Logs};
use super::plugin_scopes::{self, Scopes};
use super::plugin_update::{self, Update};
use super::plugin_view::{View, callable, whole};
use super::plugin_wait::Wait;
use crate::client::{AdminApi, Connection};
use crate::error::Failure;
use crate::output::{field, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

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
    /// Show a plugin: what it serves, how it is doing and why it failed last
    Show(One),
    Logs(Logs),
    Update(Box<Update>),
    /// Start a disabled plugin and wait until it serves
    Enable(Started),
    /// Stop a plugin, and keep what is known of it
    Disable(One),
    /// Stop a plugin and forget it
    Remove(One),
    /// Start a plugin anew, for example after its program changed
    Reload(Started),
    /// Let a plugin ask more of the gateway; counts from its next call on, without a restart
    Grant(Scopes),
    /// Let a plugin ask less of the gateway; counts from its next call on, without a restart
    Revoke(Scopes),
}

/// List all plugins
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    view: View,
}

/// One plugin, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    plugin: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    view: View,
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
    view: View,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Add(add) => add_plugin(add).await,
        Action::List(list) => {
            let plugins = list.connection.open()?.all(&list.view.address("plugins")).await?;
            list.view.list(plugins)
        }
        Action::Show(one) => {
            let (api, plugin) = one.find().await?;
            one.view.one(whole(&api, &text(&plugin, "id"), &one.view).await?)
        }
        Action::Logs(logs) => plugin_logs::run(logs).await,
        Action::Update(update) => plugin_update::run(update).await,
        Action::Enable(started) => enable(started).await,
        Action::Reload(started) => reload(started).await,
        Action::Grant(scopes) => plugin_scopes::run(scopes, "grant").await,
        Action::Revoke(scopes) => plugin_scopes::run(scopes, "revoke").await,
        Action::Disable(one) => {
            let (api, plugin) = one.find().await?;
            let id = text(&plugin, "id");
            api.patch(&format!("plugins/{id}"), &active(false)).await?;
            one.view.one(whole(&api, &id, &one.view).await?)
        }
        Action::Remove(one) => {
            let (api, plugin) = one.find().await?;
            let id = text(&plugin, "id");
            let plugin =
                api.get(&one.view.address(&format!("plugins/{id}"))).await.unwrap_or(plugin);
            api.delete(&format!("plugins/{id}")).await?;
            eprintln!("plugin {} ({id}) is removed", text(&plugin, "name"));
            one.view.removed(plugin)
        }
    }
}

async fn add_plugin(add: &Add) -> Result<(), Failure> {
    let body = add.body()?;
    let api = add.connection.open()?;
    let when_taken = "`sidegate plugin update NAME …` changes a plugin that is registered already";
    let plugin = api.create("plugins", &body, when_taken).await?;
    follow(&api, &text(&plugin, "id"), &Value::Null, (Some(&add.wait), &add.view)).await
}

async fn enable(started: &Started) -> Result<(), Failure> {
    let (api, plugin) = started.find().await?;
    let id = text(&plugin, "id");
    api.patch(&format!("plugins/{id}"), &active(true)).await?;
    follow(&api, &id, &Value::Null, (Some(&started.wait), &started.view)).await
}

async fn reload(started: &Started) -> Result<(), Failure> {
    let (api, plugin) = started.find().await?;
    if field(&plugin, "is_active") == false {
        let message =
            format!("plugin {} cannot be reloaded: it is disabled", text(&plugin, "name"));
        let hint = format!("run `sidegate plugin enable {}`", callable(&plugin));
        return Err(Failure::failed(message).hint(hint));
    }
    let id = text(&plugin, "id");
    let before = api.get(&format!("plugins/{id}/status")).await?;
    api.post(&format!("plugins/{id}/reload"), &json!({})).await?;
    follow(&api, &id, &before, (Some(&started.wait), &started.view)).await
}

impl One {
    async fn find(&self) -> Result<(AdminApi, Value), Failure> {
        let api = self.connection.open()?;
        let plugin = api.find("plugins", &self.plugin).await?;
        Ok((api, plugin))
    }
}

impl Started {
    async fn find(&self) -> Result<(AdminApi, Value), Failure> {
        let api = self.connection.open()?;
        let plugin = api.find("plugins", &self.plugin).await?;
        Ok((api, plugin))
    }
}

fn active(is_active: bool) -> Value {
    json!({"data": {"type": "plugin", "attributes": {"is_active": is_active}}})
}
