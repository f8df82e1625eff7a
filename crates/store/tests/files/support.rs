//! What tests of database files share: drafts, addresses, and changes behind the store's back.

use serde_json::Map;
use sidegate_model::app::AppDraft;
use sidegate_model::plugin::PluginDraft;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, SqlSafeStr};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(crate) fn dsn(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

pub(crate) fn app(name: &str) -> AppDraft {
    AppDraft {
        name: name.to_owned(),
        description: String::new(),
        owner_email: "ops@example.com".to_owned(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: Map::new(),
    }
}

pub(crate) fn plugin(name: &str) -> PluginDraft {
    PluginDraft {
        name: name.to_owned(),
        description: String::new(),
        command: "file:///p".to_owned(),
        config: Map::new(),
        options: BTreeMap::new(),
        hook_type: "custom_endpoint".to_owned(),
        hook_types: Vec::new(),
        service_scopes: BTreeSet::new(),
        is_active: true,
    }
}

/// Does to the file what the store would never do.
pub(crate) async fn tamper(path: &Path, statements: impl SqlSafeStr) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
