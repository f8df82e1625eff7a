//! Who calls, as far as it decides what passes.

use std::collections::HashMap;

use sidegate_sdk::Request;

/// Who calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The app's number; 0 is nobody in particular.
    pub(crate) id: u32,
    pub(crate) app: String,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) scopes: Vec<String>,
}

impl Caller {
    /// Whoever sent this.
    pub(crate) fn of(req: &Request) -> Self {
        let app = req.app().cloned().unwrap_or_default();
        let scopes = req.scopes().to_vec();
        Self { id: app.id, app: app.name, metadata: app.metadata, scopes }
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }

    /// The patterns that an operator gave this app; `None` where it says nothing.
    pub(crate) fn patterns(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        let text = self.metadata.get(key)?;
        Some(text.split(',').map(str::trim).filter(|one| !one.is_empty()))
    }
}
