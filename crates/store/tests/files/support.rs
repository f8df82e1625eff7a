//! What tests of database files share: drafts, addresses, and changes behind the store's back.

use sidegate_model::app::AppDraft;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::Keyring;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, SqlSafeStr};
use std::path::Path;

pub(crate) fn dsn(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

pub(crate) fn keys() -> Keyring {
    Keyring::single([7; 32])
}

pub(crate) fn app(name: &str) -> AppDraft {
    AppDraft::new(name, "ops@example.com")
}

pub(crate) fn plugin(name: &str) -> PluginDraft {
    PluginDraft::new(name, "file:///p")
}

/// Does to the file what the store would never do.
pub(crate) async fn tamper(path: &Path, statements: impl SqlSafeStr) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
