//! Which plugins of a snapshot are to run. Knows nothing of what runs.

use super::view::stopped_status;
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::snapshot::Snapshot;
use sidegate_model::status::PluginStatus;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The plugins that are wanted.
pub(super) struct DesiredPlugins {
    /// Those that can run.
    pub(super) runnable: BTreeMap<PluginId, Arc<PluginSpec>>,
    /// The status of those that cannot run.
    pub(super) refused: Vec<PluginStatus>,
}

impl DesiredPlugins {
    /// Those of a snapshot: of two with one slug, the one with the lower number keeps it.
    pub(super) fn without_slug_conflicts(snapshot: &Snapshot) -> Self {
        let mut owners: HashMap<&Slug, &PluginSpec> = HashMap::new();
        let mut runnable = BTreeMap::new();
        let mut refused = Vec::new();
        for (id, spec) in snapshot.plugins.iter() {
            match spec.slug.as_ref().and_then(|slug| owners.get(slug)) {
                Some(owner) => {
                    let reason = format!(
                        "slug '{}' belongs to plugin '{}' (number {}): give this plugin another slug",
                        spec.slug.as_ref().map_or("", Slug::as_str),
                        owner.name,
                        owner.id
                    );
                    refused.push(stopped_status(spec, reason));
                }
                None => {
                    owners.extend(spec.slug.as_ref().map(|slug| (slug, &**spec)));
                    runnable.insert(*id, spec.clone());
                }
            }
        }
        Self { runnable, refused }
    }
}
