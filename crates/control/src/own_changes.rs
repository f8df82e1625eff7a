//! What plugins change of what is stored by themselves, from their pages: as an operator's change it is checked, in history
//! and in the audit log, with the plugin as its author. What a plugin may ask for is decided before.

use crate::checked_config::{Unchecked, change_checked};
use crate::control::Control;
use crate::fleet::{Fleet, Overview};
use crate::left_to_admins::LeftToAdmins;
use crate::serving::{Before, Served};
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::own_changes::{
    AppWish, ChangeFuture, ChangingPlugin, ConfigWish, NotChanged, OwnChanges, SavedConfig,
    check_expected, check_own, merged,
};
use sidegate_model::plugin::{Plugin, PluginDraft};
use sidegate_model::plugin_page::ToldBeside;
use sidegate_model::secret::SettingPath;
use sidegate_store::{Precondition, StoreError};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long is waited until a saved configuration serves. Less than the page that asked waits for its answer.
const SERVES: Duration = Duration::from_secs(20);

/// What the audit log calls these changes.
const UPDATE_CONFIG: &str = "update_plugin_config";
const CHANGE_APP: &str = "change_app_by_plugin";

type AdminSettings = BTreeSet<SettingPath>;

/// Changes what is stored on behalf of plugins.
#[derive(Clone)]
pub struct PluginChanges {
    control: Control,
    fleet: Arc<dyn Fleet>,
    told: ToldBeside,
}

/// Why a change was not made.
enum Failed {
    Not(NotChanged),
    Store(StoreError),
    Unchecked(Unchecked),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unchecked> for Failed {
    fn from(why: Unchecked) -> Self {
        Self::Unchecked(why)
    }
}

impl From<Failed> for NotChanged {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Not(why) => why,
            Failed::Unchecked(Unchecked::Broken(problems)) => {
                Self::Invalid(joined(problems.iter().map(|problem| &problem.detail)))
            }
            Failed::Unchecked(Unchecked::Restless) => {
                Self::Unavailable("it is being changed by others all the time".to_owned())
            }
            Failed::Unchecked(Unchecked::Failed(internal)) => {
                tracing::error!(error = internal, "a configuration could not be looked at");
                Self::Unavailable("the configuration could not be looked at".to_owned())
            }
            Failed::Store(error) => match error {
                StoreError::NotFound { .. } => Self::NotFound(error.to_string()),
                StoreError::Invalid { .. } => Self::Invalid(error.to_string()),
                StoreError::Conflict { .. } | StoreError::ChangedMeanwhile { .. } => {
                    Self::Conflict(error.to_string())
                }
                _ => {
                    tracing::warn!(%error, "what a plugin changes cannot be stored");
                    Self::Unavailable("it cannot be stored right now; try again".to_owned())
                }
            },
        }
    }
}

fn joined(problems: impl Iterator<Item = impl Display>) -> String {
    problems.map(|problem| problem.to_string()).collect::<Vec<_>>().join("; ")
}

impl PluginChanges {
    /// Stores with `control`, and waits for `fleet`. What is left to admins is known of the nodes, and by what was `told`
    /// beside the console.
    pub fn new(control: Control, fleet: Arc<dyn Fleet>, told: ToldBeside) -> Self {
        Self { control, fleet, told }
    }

    /// What is said of a plugin's configuration, and what of it anybody leaves to admins.
    ///
    /// # Errors
    /// Where nobody says anything, so that nobody knows what is left to admins.
    async fn schema(
        &self,
        plugin: &Plugin,
    ) -> Result<(Option<Arc<ConfigSchema>>, AdminSettings), Failed> {
        let overview = Overview::of(&*self.fleet, self.control.apps());
        let beside = self.told.of(plugin.id);
        // Another program may say something else of it.
        let beside = beside.filter(|(spec, _)| spec.command == plugin.draft.command);
        let beside = beside.map(|(_, told)| told);
        let is_told = overview.left_to_admins(plugin.id).is_some();
        let is_known = beside.as_ref().is_some_and(|told| told.is_schema_known);
        // Where no node says it now, what they said last counts: the process beside may not take it back.
        let on_nodes = LeftToAdmins::by_nodes(&self.control, &overview, plugin.id).await?;
        if (!is_told && !is_known) || on_nodes.unknown.is_some() {
            let why = "this is unavailable: the schema of the plugin is not known yet, and so is what it leaves to \
                       admins; try again once the plugin runs";
            return Err(Failed::Not(NotChanged::Unavailable(why.to_owned())));
        }
        let beside = beside.and_then(|told| told.config_schema);
        let mut of_admins = on_nodes.settings();
        of_admins.extend(beside.iter().flat_map(|schema| schema.admin_settings()));
        Ok((overview.config_schema(plugin.id).or(beside), of_admins))
    }

    /// The plugin as it is stored, and what the audit log says of what it does.
    async fn author(
        &self,
        plugin: &ChangingPlugin,
        operation: &'static str,
    ) -> Result<(Plugin, AuditContext), Failed> {
        let stored = self.control.view().plugin(plugin.id).await?;
        let who = Who::of_plugin(plugin.id, &stored.draft.name, plugin.for_whom.as_deref());
        Ok((stored, AuditContext { actor: Actor { who, peer: None }, operation }))
    }

    async fn saved(&self, plugin: ChangingPlugin, wish: ConfigWish) -> Result<SavedConfig, Failed> {
        let deadline = Instant::now() + SERVES;
        let (stored, context) = self.author(&plugin, UPDATE_CONFIG).await?;
        let (schema, of_admins) = self.schema(&stored).await?;
        let before = Before::of(&*self.fleet, plugin.id);
        let amend = move |plugin: &Plugin| -> Result<PluginDraft, Failed> {
            let stored = &plugin.draft.config;
            check_expected(stored, &wish.expected).map_err(Failed::Not)?;
            let config = merged(stored, wish.members.clone(), &plugin.secret_places());
            let config =
                config.map_err(|why| Failed::Not(NotChanged::Invalid(joined(why.iter()))))?;
            check_own(stored, &config, &of_admins).map_err(Failed::Not)?;
            let draft = PluginDraft { config, ..plugin.draft.clone() };
            let broken = |problems: Vec<_>| NotChanged::Invalid(joined(problems.iter()));
            draft.validate().map_err(|problems| Failed::Not(broken(problems)))?;
            Ok(draft)
        };
        let target = (plugin.id, Precondition::None);
        let published = change_checked(&self.control, context, target, schema, amend).await?;
        if stored.spec().same_process(&published.value.spec()) {
            let message = "Nothing is different: the plugin serves by it already.".to_owned();
            return Ok(SavedConfig { serves: true, message });
        }
        let revision = published.revision;
        let served = before.outlived(&*self.fleet, (plugin.id, revision), deadline).await;
        Ok(told(served, &published.value))
    }

    async fn changed_app(
        &self,
        plugin: ChangingPlugin,
        app: AppId,
        wish: AppWish,
    ) -> Result<App, Failed> {
        let (_, context) = self.author(&plugin, CHANGE_APP).await?;
        let amend = move |app: &App| -> Result<AppDraft, Failed> {
            let draft = amended(app.clone().into_draft(), wish);
            let broken = |problems: Vec<_>| NotChanged::Invalid(joined(problems.iter()));
            draft.validate().map_err(|problems| Failed::Not(broken(problems)))?;
            Ok(draft)
        };
        let control = self.control.by(context);
        let published = control.update_app(app, Precondition::None, amend).await?;
        Ok(published.value)
    }
}

fn amended(draft: AppDraft, wish: AppWish) -> AppDraft {
    match wish {
        AppWish::MetadataKey(key, value) => {
            let mut metadata = draft.metadata;
            match value {
                Some(value) => metadata.insert(key, value),
                None => metadata.remove(&key),
            };
            AppDraft { metadata, ..draft }
        }
        AppWish::Fields { name, description, is_active, monthly_budget, metadata } => AppDraft {
            name,
            description,
            is_active,
            monthly_budget: monthly_budget.unwrap_or(draft.monthly_budget),
            metadata: metadata.unwrap_or(draft.metadata),
            ..draft
        },
    }
}

/// What the page of a plugin is told of a configuration that is stored.
fn told(served: Served, plugin: &Plugin) -> SavedConfig {
    let name = &plugin.draft.name;
    let (serves, message) = match served {
        _ if !plugin.draft.is_active => (
            false,
            "Configuration saved. The plugin is switched off: it serves by it once it is enabled.".to_owned(),
        ),
        Served::On(0) => (
            true,
            "Configuration saved. No gateway that runs the plugin is connected: each serves by it once it is."
                .to_owned(),
        ),
        Served::On(1) => (true, "Configuration saved, and served from now on.".to_owned()),
        Served::On(count) => {
            (true, format!("Configuration saved, and served from now on by {count} gateways."))
        }
        Served::Fails(why) => (
            false,
            format!(
                "Configuration saved, but the plugin does not serve by it: {why}. What served before goes on where it \
                 can; `sidegate history` can take the change back, and `sidegate plugin logs {name}` says more."
            ),
        ),
        Served::Pending(what) => (
            false,
            format!(
                "Configuration saved, but it does not serve yet after {} s ({what}); `sidegate plugin show {name}` \
                 says when it does.",
                SERVES.as_secs()
            ),
        ),
    };
    SavedConfig { serves, message }
}

impl OwnChanges for PluginChanges {
    fn update_config(
        &self,
        plugin: ChangingPlugin,
        wish: ConfigWish,
    ) -> ChangeFuture<'_, SavedConfig> {
        Box::pin(async move { self.saved(plugin, wish).await.map_err(NotChanged::from) })
    }

    fn change_app(
        &self,
        plugin: ChangingPlugin,
        app: AppId,
        wish: AppWish,
    ) -> ChangeFuture<'_, App> {
        Box::pin(async move { self.changed_app(plugin, app, wish).await.map_err(NotChanged::from) })
    }
}
