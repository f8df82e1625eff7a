//! Who starts a program once to see what it is, as the admin API asks for it: on the machine of this process, whatever
//! nodes there are. Knows nothing of how programs are started.

use futures_util::future::BoxFuture;
use sidegate_model::inspection::{Inspection, NotInspected};
use sidegate_model::plugin::PluginSpec;

/// Starts programs once.
pub trait Inspector: Send + Sync + 'static {
    /// Gets ready to start the program of this plugin. What it gives starts it, asks it what it is, and ends it; dropped
    /// it ends the program at once. The program is given the configuration, and nothing that plugins get of their gateway.
    ///
    /// # Errors
    /// Why nothing can be started.
    fn prepare(&self, spec: PluginSpec) -> Result<BoxFuture<'static, Inspection>, NotInspected>;
}
