//! Who starts a program once to see what it is, for the admin API. It translates; it decides nothing.

use futures_util::future::BoxFuture;
use sidegate_model::inspection::{Inspection, NotInspected};
use sidegate_model::plugin::PluginSpec;
use sidegate_plugins::host::{HostSettings, Inspector};

/// Starts programs on this machine, as its plugins are started.
pub(crate) struct OwnInspector(Inspector);

impl OwnInspector {
    pub(crate) fn new(settings: HostSettings) -> Self {
        Self(Inspector::new(settings))
    }
}

impl sidegate_control::Inspector for OwnInspector {
    fn prepare(&self, spec: PluginSpec) -> Result<BoxFuture<'static, Inspection>, NotInspected> {
        Ok(Box::pin(self.0.prepare(spec)?))
    }
}
