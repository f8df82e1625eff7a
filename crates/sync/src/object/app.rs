//! The apps of one shard as an object.

use super::{MAX_TOLD, Rejection, invalid, shard};
use crate::canonical_json;
use crate::features::{self, Features};
use crate::message;
use sidegate_model::app::{App, AppId, MadeFor};
use sidegate_model::issuer::IssuerId;
use sidegate_model::namespace::Namespace;
use sidegate_model::sharded::ShardKey as _;
use std::sync::Arc;

/// Some of the apps: those whose numbers name this shard.
#[derive(Debug, Clone, PartialEq)]
pub struct AppShard {
    /// Which shard.
    pub shard: u8,
    /// Its apps, in the order of numbers.
    pub apps: Vec<Arc<App>>,
    /// Why others are not among them, as far as they need what this version does not know.
    pub left_out: Vec<String>,
}

impl AppShard {
    /// These apps, in order.
    pub fn new(shard: u8, apps: impl IntoIterator<Item = Arc<App>>) -> Self {
        let mut apps: Vec<_> = apps.into_iter().collect();
        apps.sort_unstable_by_key(|app| app.id);
        Self { shard, apps, left_out: Vec::new() }
    }

    pub(super) fn to_message(&self) -> message::AppShard {
        let apps = self.apps.iter().map(|app| app_message(app)).collect();
        message::AppShard { shard: self.shard.into(), apps }
    }

    pub(super) fn from_message(
        mut message: message::AppShard,
        known: &Features,
    ) -> Result<Self, Rejection> {
        let shard = shard(message.shard)?;
        let mut left_out = Vec::new();
        message.apps.retain(|app| match known.check(&app.required_features) {
            Ok(()) => true,
            Err(problem) => {
                if left_out.len() < MAX_TOLD {
                    left_out.push(format!("app {}: {problem}", app.id));
                }
                false
            }
        });
        let apps = message.apps.into_iter().map(read_app).collect::<Result<Vec<_>, _>>()?;
        if !apps.iter().all(|app| app.id.shard() == shard) {
            return Err(invalid("apps", "one of them belongs to another shard"));
        }
        if !apps.is_sorted_by(|a, b| a.id < b.id) {
            return Err(invalid("apps", "they are not in order"));
        }
        Ok(Self { shard, apps, left_out })
    }
}

fn app_message(app: &App) -> message::App {
    let App {
        id,
        // The manifest says it.
        namespace: _,
        name,
        description,
        owner_email,
        is_active,
        monthly_budget,
        rate_limit,
        metadata,
        max_staleness,
        // For whoever edits it.
        managed_by: _,
        made_for,
        created_at,
        updated_at,
    } = app;
    let needs_clock = max_staleness.map(|_| features::MAX_STALENESS.to_owned());
    message::App {
        id: id.0,
        name: name.clone(),
        description: description.clone(),
        owner_email: owner_email.clone(),
        is_active: *is_active,
        monthly_budget: *monthly_budget,
        rate_limit: *rate_limit,
        metadata: canonical_json::write(metadata),
        created_at: *created_at,
        updated_at: *updated_at,
        required_features: needs_clock.into_iter().collect(),
        max_staleness: *max_staleness,
        made_for: made_for.as_ref().map(|MadeFor { issuer, client }| message::MadeFor {
            issuer: issuer.0,
            client: client.clone(),
        }),
    }
}

fn read_app(app: message::App) -> Result<Arc<App>, Rejection> {
    let metadata = canonical_json::read(&app.metadata)
        .map_err(|problem| invalid(&format!("app {}: metadata", app.id), problem))?;
    Ok(Arc::new(App {
        id: AppId(app.id),
        name: app.name,
        description: app.description,
        owner_email: app.owner_email,
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        rate_limit: app.rate_limit,
        metadata,
        namespace: Namespace::global(),
        max_staleness: app.max_staleness,
        managed_by: String::new(),
        made_for: app
            .made_for
            .map(|made_for| MadeFor { issuer: IssuerId(made_for.issuer), client: made_for.client }),
        created_at: app.created_at,
        updated_at: app.updated_at,
    }))
}
