//! The plugin that asks, and what an operator allows it to ask. Knows nothing of the answers.

use super::bus::ProcessKey;
use super::refusals::Refusals;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::Status;

pub(super) const APPS_READ: &str = "apps.read";
pub(super) const APPS_WRITE: &str = "apps.write";
pub(super) const BUDGET_READ: &str = "budget.read";
pub(super) const CONTROL_SEND: &str = "control.send";
pub(super) const CREDENTIALS_VALIDATE: &str = "credentials.validate";
pub(super) const KV_READWRITE: &str = "kv.readwrite";
pub(super) const LLMS_READ: &str = "llms.read";
pub(super) const PLUGINS_CONFIG: &str = "plugins.config";
pub(super) const PLUGINS_READ: &str = "plugins.read";
pub(super) const PLUGINS_WRITE: &str = "plugins.write";
pub(super) const PRICING_READ: &str = "pricing.read";

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(super) struct CallingPlugin {
    /// Its number: that of the connection, never of a message.
    pub(super) id: PluginId,
    /// Which of its processes.
    pub(super) process: u64,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    refusals: Arc<Refusals>,
}

impl CallingPlugin {
    pub(super) fn new(
        key: ProcessKey,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { id: key.plugin, process: key.process, snapshots, refusals }
    }

    pub(super) fn key(&self) -> ProcessKey {
        ProcessKey { plugin: self.id, process: self.process }
    }

    /// Checks that one of two scopes is granted right now; where none is, the first is said to be missing.
    pub(super) fn granted_either(
        &self,
        scope: &'static str,
        other: &'static str,
    ) -> Result<Arc<Snapshot>, Status> {
        let has_other = self
            .snapshots
            .borrow()
            .plugins
            .get(&self.id)
            .is_some_and(|spec| spec.service_scopes.contains(other));
        self.granted(if has_other { other } else { scope })
    }

    /// Checks that the scope is granted right now, and gives the snapshot that says so: a call is
    /// decided and answered from the same one.
    pub(super) fn granted(&self, scope: &'static str) -> Result<Arc<Snapshot>, Status> {
        let snapshot = self.snapshots.borrow().clone();
        let Some(spec) = snapshot.plugins.get(&self.id) else {
            return Err(Status::permission_denied(format!(
                "insufficient scope: {scope} (plugin: {}); it is disabled or removed, so nothing is granted to it",
                self.id
            )));
        };
        if spec.service_scopes.contains(scope) {
            return Ok(snapshot);
        }
        if self.refusals.note(self.key(), scope) {
            tracing::warn!(plugin = spec.name, scope, "a plugin asked for what it is not granted");
        }
        Err(Status::permission_denied(format!(
            "insufficient scope: {scope} (plugin: {}); an operator grants it with: sidegate plugin grant {} {scope}",
            self.id,
            callable(spec)
        )))
    }
}

/// The name where a shell takes it as it is, else the number.
pub(crate) fn callable(spec: &PluginSpec) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = &spec.name;
    let is_plain = !name.is_empty() && !name.starts_with('-') && name.chars().all(plain);
    if is_plain { name.clone() } else { spec.id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::scope::SERVICE_SCOPES;

    #[test]
    fn every_scope_that_can_be_granted_is_asked_for_here_and_no_other() {
        let asked = [
            APPS_READ,
            APPS_WRITE,
            BUDGET_READ,
            CONTROL_SEND,
            CREDENTIALS_VALIDATE,
            KV_READWRITE,
            LLMS_READ,
            PLUGINS_CONFIG,
            PLUGINS_READ,
            PLUGINS_WRITE,
            PRICING_READ,
        ];
        assert_eq!(asked, SERVICE_SCOPES);
    }
}
