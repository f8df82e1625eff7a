//! What tests of servers share.

use sidegate_model::app::AppDraft;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::Keyring;
use sidegate_store::Store;

pub(crate) fn keys() -> Keyring {
    Keyring::single([7; 32])
}

pub(crate) fn app(name: &str) -> AppDraft {
    AppDraft::new(name, "ops@example.com")
}

pub(crate) fn plugin(name: &str) -> PluginDraft {
    PluginDraft::new(name, "file:///p")
}

pub(crate) async fn opened(dsn: &str) -> Store {
    Store::open(dsn, &keys()).await.unwrap()
}

/// Why it cannot be opened.
pub(crate) async fn refusal(dsn: &str) -> String {
    Store::open(dsn, &keys()).await.unwrap_err().to_string()
}
