//! What plugins asked for without being granted it, for operators to see. A wish is none; a call is.

use super::bus::ProcessKey;
use sidegate_model::plugin::{PluginId, PluginSpec};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Scopes by plugin, each with the number of the latest process that was refused it.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<PluginId, BTreeMap<&'static str, u64>>>);

impl Refusals {
    fn all(&self) -> MutexGuard<'_, HashMap<PluginId, BTreeMap<&'static str, u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call was refused. Tells whether that is news.
    pub(super) fn note(&self, key: ProcessKey, scope: &'static str) -> bool {
        let before = self.all().entry(key.plugin).or_default().insert(scope, key.process);
        before.is_none()
    }

    /// Another process of the plugin serves: what those before it were refused counts no more.
    pub(super) fn begin_anew(&self, key: ProcessKey) {
        let mut all = self.all();
        if let Some(scopes) = all.get_mut(&key.plugin) {
            scopes.retain(|_, process| *process >= key.process);
            if scopes.is_empty() {
                all.remove(&key.plugin);
            }
        }
    }

    /// What a plugin was refused and still is not granted, and how to grant it; `name` is what it is called
    /// in a command.
    pub(super) fn told(&self, spec: &PluginSpec, name: &str) -> Vec<String> {
        let all = self.all();
        let scopes = all.get(&spec.id).into_iter().flat_map(BTreeMap::keys);
        let missing = scopes.filter(|scope| !spec.service_scopes.contains(**scope));
        let told = |scope: &&str| {
            format!(
                "a call was refused: {scope} is not granted: sidegate plugin grant {name} {scope}"
            )
        };
        missing.map(told).collect()
    }
}
