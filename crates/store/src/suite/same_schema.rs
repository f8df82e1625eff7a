//! The steps are written once for each kind of database and come to the same. See the parent for all other
//! promises.

use super::keys;
use crate::Store;
use crate::sql::params;
use sidegate_e2e::{Need, Postgres};
use std::collections::BTreeMap;

const SQLITE: &str = "SELECT tables.name || '.' || columns.name AS name, lower(columns.type) AS type, \
     (columns.\"notnull\" OR columns.pk) AS required \
     FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
     WHERE tables.type = 'table' AND tables.name NOT LIKE '%sql%'";

const POSTGRES: &str = "SELECT table_name || '.' || column_name AS name, data_type::text AS type, \
     CASE is_nullable WHEN 'NO' THEN 1::bigint ELSE 0 END AS required \
     FROM information_schema.columns \
     WHERE table_schema = current_schema() AND table_name NOT LIKE '%sql%'";

/// What PostgreSQL calls what SQLite calls otherwise.
const TYPES: [(&str, &str); 3] =
    [("integer", "bigint"), ("blob", "bytea"), ("real", "double precision")];

/// Of each column its type, and whether it must have a value.
async fn columns(store: &Store, sql: &'static str) -> BTreeMap<String, (String, bool)> {
    let rows = store.begin_read().await.unwrap().all(sql, params![]).await.unwrap();
    let column = |row: &crate::sql::Row| {
        let row = row.of("column");
        let kind: String = row.get("type").unwrap();
        let known = TYPES.iter().find(|(sqlite, _)| *sqlite == kind);
        let kind = known.map_or(kind.clone(), |(_, postgres)| (*postgres).to_owned());
        (row.get("name").unwrap(), (kind, row.get::<i64>("required").unwrap() == 1))
    };
    rows.iter().map(column).collect()
}

#[tokio::test]
async fn both_kinds_of_database_have_the_same_tables_and_columns() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let sqlite = Store::open("sqlite::memory:", &keys()).await.unwrap();
    let postgres = Store::open(&server.schema(), &keys()).await.unwrap();
    let mut expected = columns(&sqlite, SQLITE).await;
    assert!(expected.contains_key("plugins.public_endpoints"), "{expected:?}");
    // Text with a NUL in it is bytes there.
    expected.insert("plugin_kv.key".to_owned(), ("bytea".to_owned(), true));
    assert_eq!(columns(&postgres, POSTGRES).await, expected);
}
