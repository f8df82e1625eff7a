//! `sidegate plugin`: the programs that serve, from registration to removal.
//!
//! It asks the admin API; what a plugin does is decided by the gateway.

use super::plugin_add::Add;
use super::plugin_call::{self, Call};
use super::plugin_follow::follow;
use super::plugin_inspect::{self, Inspect};
use super::plugin_logs::{self, Logs};
use super::plugin_public::{self, ApprovePublic};
use super::plugin_scopes::{self, Scopes};
use super::plugin_storage::{self, Storage};
use super::plugin_update::{self, Update};
use super::plugin_view::{Plugin, View, callable, whole};
use super::plugin_wait::Wait;
use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::find::{Narrowed, Within, find_within};
use clap::{Args, Subcommand};
use sidegate_api::plugin::{PluginAttributes, PluginFields, WholeStatusAttributes};
use sidegate_api::resource::Resource;

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
    ApprovePublic(ApprovePublic),
    Inspect(Inspect),
    Storage(Storage),
    Call(Call),
}

/// List plugins, of all namespaces where none is named
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    narrowed: Narrowed,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// One plugin, by name or id
#[derive(Debug, Args)]
struct One {
    /// Name or id
    plugin: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// A plugin that is told to run
#[derive(Debug, Args)]
struct Started {
    /// Name or id
    plugin: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Add(add) => add_plugin(add).await,
        Action::List(list) => {
            let path = format!("plugins{}", list.narrowed.query());
            let plugins = list.admin_api.client()?.all(&path).await?;
            list.view.list(plugins)
        }
        Action::Show(one) => {
            let (api, plugin) = one.find().await?;
            one.view.one(whole(&api, &plugin.id).await?)
        }
        Action::Logs(logs) => plugin_logs::run(logs).await,
        Action::Update(update) => plugin_update::run(update).await,
        Action::Enable(started) => enable(started).await,
        Action::Reload(started) => reload(started).await,
        Action::Grant(scopes) => plugin_scopes::run(scopes, "grant").await,
        Action::Revoke(scopes) => plugin_scopes::run(scopes, "revoke").await,
        Action::Inspect(inspect) => plugin_inspect::run(inspect).await,
        Action::Storage(storage) => plugin_storage::run(storage).await,
        Action::Call(call) => plugin_call::run(call).await,
        Action::ApprovePublic(arguments) => plugin_public::run(arguments).await,
        Action::Disable(one) => {
            let (api, plugin) = one.find().await?;
            activate(&api, &plugin.id, false).await?;
            one.view.one(whole(&api, &plugin.id).await?)
        }
        Action::Remove(one) => {
            let (api, plugin) = one.find().await?;
            let id = plugin.id.clone();
            let plugin = api.get(&format!("plugins/{id}")).await.unwrap_or(plugin);
            api.delete(&format!("plugins/{id}")).await?;
            eprintln!("plugin {} ({id}) is removed", plugin.attributes.name);
            one.view.removed(plugin)
        }
    }
}

async fn add_plugin(add: &Add) -> Result<(), Failure> {
    let fields = add.fields()?;
    let api = add.admin_api.client()?;
    let when_taken = "`sidegate plugin update NAME …` changes a plugin that is registered already";
    let plugin: Plugin = api.create("plugins", &fields, when_taken).await?;
    follow(&api, &plugin.id, None, Some(&add.wait), &add.view).await
}

async fn enable(started: &Started) -> Result<(), Failure> {
    let (api, plugin) = started.find().await?;
    activate(&api, &plugin.id, true).await?;
    follow(&api, &plugin.id, None, Some(&started.wait), &started.view).await
}

async fn reload(started: &Started) -> Result<(), Failure> {
    let (api, plugin) = started.find().await?;
    let (id, name) = (&plugin.id, &plugin.attributes.name);
    if !plugin.attributes.is_active {
        let message = format!("plugin {name} cannot be reloaded: it is disabled");
        let hint = format!("run `sidegate plugin enable {}`", callable(id, name));
        return Err(Failure::failed(message).hint(hint));
    }
    let before: Resource<WholeStatusAttributes> = api.get(&format!("plugins/{id}/status")).await?;
    api.tell::<PluginAttributes>(&format!("plugins/{id}/reload")).await?;
    follow(&api, id, Some(&before.attributes), Some(&started.wait), &started.view).await
}

async fn activate(api: &AdminApi, id: &str, is_active: bool) -> Result<Plugin, Failure> {
    let fields = PluginFields { is_active: Some(is_active), ..PluginFields::default() };
    api.patch(&format!("plugins/{id}"), &fields).await
}

impl One {
    async fn find(&self) -> Result<(AdminApi, Plugin), Failure> {
        let api = self.admin_api.client()?;
        let plugin = find_within(&api, &self.plugin, &self.within).await?;
        Ok((api, plugin))
    }
}

impl Started {
    async fn find(&self) -> Result<(AdminApi, Plugin), Failure> {
        let api = self.admin_api.client()?;
        let plugin = find_within(&api, &self.plugin, &self.within).await?;
        Ok((api, plugin))
    }
}
