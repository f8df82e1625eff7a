//! What a process of the plugin with a page knows.

use crate::host::Host;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// What the process knows.
#[derive(Default)]
pub(crate) struct Plugin {
    pub(crate) config: OnceLock<HashMap<String, String>>,
    pub(crate) runtime: String,
    /// Whether the host asked for endpoints.
    pub(crate) was_asked_for_endpoints: AtomicBool,
    pub(crate) host: Host,
}

impl Plugin {
    /// A setting; empty where there is none.
    pub(crate) fn setting(&self, name: &str) -> &str {
        self.config.get().and_then(|config| config.get(name)).map_or("", String::as_str)
    }

    /// Whether it runs for its page.
    pub(crate) fn is_beside_console(&self) -> bool {
        self.runtime == "studio"
    }
}
