//! Copying everything from one database to another, of whichever kinds: numbers, hashes, sealed secrets and
//! what plugins keep stay what they are.
//!
//! It knows every table, and nothing of what is in them.

use crate::error::StoreError;
use crate::fleet::lineage;
use crate::locked_store::LockedStore;
use crate::sql::{Param, Row, Tx, params};
use crate::{keys, postgres, sqlite};

/// How many rows are read at once; one can be as large as a value that a plugin keeps.
const BATCH: u32 = 100;

/// A table with numbered rows.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    count: &'static str,
    last: &'static str,
    select: &'static str,
    insert: &'static str,
}

/// What the values of a column are.
#[derive(Clone, Copy)]
enum Kind {
    Int,
    Real,
    Bool,
    Text,
    Key,
    Blob,
    OptionalBlob,
}

/// How many rows of a table were copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// Makes the statements of a table out of its columns. What a row refers to is in a table before.
macro_rules! table {
    ($name:literal, $values:literal: id $(, $column:ident $kind:ident)+) => {
        Table {
            name: $name,
            columns: &[("id", Kind::Int) $(, (stringify!($column), Kind::$kind))+],
            count: concat!("SELECT count(*) AS total FROM ", $name),
            last: concat!("SELECT max(id) AS last FROM ", $name),
            select: concat!("SELECT * FROM ", $name, " WHERE id > $1 ORDER BY id LIMIT $2"),
            insert: concat!(
                "INSERT INTO ", $name, " (id" $(, ", ", stringify!($column))+, ") VALUES (", $values, ")"
            ),
        }
    };
}

const TABLES: &[Table] = &[
    table!("data_keys", "$1, $2, $3, $4, $5":
        id, namespace Text, sealed Blob, created_at Int, retired_at Int),
    table!("namespaces", "$1, $2, $3, $4":
        id, name Text, description Text, created_at Int),
    table!("apps", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15":
        id, namespace Text, max_staleness Int, managed_by Text, name Text, description Text, owner_email Text, is_active Bool, monthly_budget Real,
        rate_limit Int, metadata Text, created_at Int, updated_at Int, made_for_issuer Int, made_for_client Text),
    table!("issuers", "$1, $2, $3, $4, $5, $6, $7":
        id, namespace Text, name Text, content Text, managed_by Text, created_at Int, updated_at Int),
    table!("tokens", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11":
        id, app_id Int, name Text, hash Blob, hint Text, scopes Text, expires_at Int,
        created_at Int, last_used_at Int, replaced_by Int, updated_at Int),
    table!("plugins", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18":
        id, namespace Text, managed_by Text, name Text, description Text, command Text, slug Text, config Text, options Text,
        hook_type Text, hook_types Text, is_active Bool, reloads Int, created_at Int,
        updated_at Int, service_scopes Text, public_endpoints Text, secret_settings Text),
    table!("admin_settings", "$1, $2, $3": id, plugin_id Int, settings Text),
    table!("admin_tokens", "$1, $2, $3, $4, $5, $6, $7, $8":
        id, name Text, hash Blob, hint Text, role Text, expires_at Int, last_used_at Int,
        created_at Int),
    table!("users", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11":
        id, name Text, role Text, is_enabled Bool, password Text, password_changed_at Int,
        last_signed_in_at Int, created_at Int, updated_at Int, identity_issuer Text, identity_subject Text),
    table!("audit", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17":
        id, at Int, actor_kind Text, actor_id Int, actor_name Text, peer Text, operation Text,
        outcome Text, thing_kind Text, thing_id Int, thing_name Text, digest_before Text,
        digest_after Text, fields Text, revision Int, times Int, detail Text),
    table!("applied_files", "$1, $2, $3, $4": id, owner Text, content Text, updated_at Int),
    table!("plugin_kv", "$1, $2, $3, $4, $5, $6, $7":
        id, plugin_id Int, key Key, bytes Int, expires_at Int, updated_at Int, value Blob),
    table!("edges", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13":
        id, name Text, namespace Text, created_at Int, join_token_id Text, join_token_hash OptionalBlob,
        join_token_expires_at Int, joined_key OptionalBlob, joined_at Int, certificates_after Int,
        revoked_at Int, last_seen_at Int, last_version Text),
    table!("sealed_keys", "$1, $2, $3, $4, $5, $6, $7":
        id, purpose Text, public Blob, sealed Blob, state Text, created_at Int, retired_at Int),
    table!("revisions", "$1, $2, $3, $4, $5, $6, $7, $8":
        id, revision Int, namespace Text, at Int, actor_kind Text, actor_id Int, actor_name Text,
        operation Text),
    table!("versions", "$1, $2, $3, $4, $5, $6, $7, $8, $9":
        id, kind Text, thing_id Int, revision Int, namespace Text, name Text, hint Text, change Text,
        content Text),
];

/// What is made anew of all else, or is of processes that run, or ends with the other database.
#[cfg(test)]
pub(crate) const NOT_COPIED: [&str; 8] = [
    "fleet_state",
    "published_manifests",
    "published_blobs",
    "replicas",
    "edge_reports",
    "edge_questions",
    "console_sessions",
    "console_links",
];

impl LockedStore {
    /// Copies everything to another database that has nothing in it yet, all of it or nothing; tells
    /// what was copied, and that as many rows are there now. What is written here meanwhile is not copied.
    ///
    /// Secrets stay sealed: the copy needs the same key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the other one is not empty; [`StoreError::Unavailable`].
    pub async fn copy_to(&self, target: &Self) -> Result<Vec<Copied>, StoreError> {
        let mut from = self.backend.begin_read().await?;
        let mut to = target.backend.begin_write().await?;
        require_empty(&mut to).await?;
        require_sealed(&mut from).await?;
        let mut copied = Vec::new();
        for table in TABLES {
            table.copy(&mut from, &mut to).await?;
            let rows = table.rows(&mut to).await?;
            let expected = table.rows(&mut from).await?;
            if rows != expected {
                let detail = format!("{rows} of {expected} rows of {} arrived", table.name);
                return Err(StoreError::Conflict { what: "copy", detail });
            }
            let given = last_number(&mut from, table.name).await?;
            if let Some(last) = given.max(table.last(&mut from).await?) {
                set_last_number(&mut to, table.name, last).await?;
            }
            copied.push(Copied { table: table.name, rows });
        }
        let revision = from.first("SELECT value FROM revision", params![]).await?;
        let revision: i64 = match &revision {
            Some(row) => row.of("revision").get("value")?,
            None => 0,
        };
        to.all("UPDATE revision SET value = $1", params![revision]).await?;
        // Whatever becomes of the other one: nothing is published there and here as the same.
        let lineage = lineage::read(&mut from).await?.saturating_add(1);
        lineage::set(&mut to, lineage).await?;
        to.commit().await?;
        Ok(copied)
    }
}

/// What is in clear would be in clear in the copy, and in logs of a server.
async fn require_sealed(from: &mut Tx) -> Result<(), StoreError> {
    let has_plugins = from.first("SELECT id FROM plugins LIMIT 1", params![]).await?.is_some();
    if has_plugins && !keys::are_there(from).await? {
        let detail = "its secrets are not encrypted yet: start this version of the gateway with the database to copy from, and stop it again".to_owned();
        return Err(StoreError::Conflict { what: "copy", detail });
    }
    Ok(())
}

async fn require_empty(to: &mut Tx) -> Result<(), StoreError> {
    for table in TABLES {
        let rows = table.rows(to).await?;
        if rows > 0 {
            let detail = format!(
                "the database to copy to has {rows} rows in {} already; name one that is empty",
                table.name
            );
            return Err(StoreError::Conflict { what: "copy", detail });
        }
    }
    Ok(())
}

/// The highest number that a row of a table was ever given, where the database keeps it.
async fn last_number(tx: &mut Tx, table: &str) -> Result<Option<i64>, StoreError> {
    let sql = match tx {
        Tx::Sqlite(_) => sqlite::LAST_NUMBER,
        Tx::Postgres(_) => postgres::LAST_NUMBER,
    };
    let row = tx.first(sql, params![table]).await?;
    row.map_or(Ok(None), |row| row.of("numbers").get("last"))
}

/// Lets the next row of a table have a higher number than this.
async fn set_last_number(tx: &mut Tx, table: &str, last: i64) -> Result<(), StoreError> {
    let set = match tx {
        Tx::Sqlite(_) => {
            tx.all(sqlite::FORGET_LAST_NUMBER, params![table]).await?;
            sqlite::SET_LAST_NUMBER
        }
        Tx::Postgres(_) => postgres::SET_LAST_NUMBER,
    };
    tx.all(set, params![table, last]).await.map(drop)
}

impl Table {
    async fn rows(&self, tx: &mut Tx) -> Result<u64, StoreError> {
        let row = tx.first(self.count, params![]).await?;
        row.expect("a count returns its row").of(self.name).number("total")
    }

    /// The highest number that a row has.
    async fn last(&self, tx: &mut Tx) -> Result<Option<i64>, StoreError> {
        let row = tx.first(self.last, params![]).await?;
        row.expect("a maximum returns its row").of(self.name).get("last")
    }

    async fn copy(&self, from: &mut Tx, to: &mut Tx) -> Result<(), StoreError> {
        let mut last = i64::MIN;
        loop {
            let rows = from.all(self.select, params![last, BATCH]).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.of(self.name).get("id")?;
            for row in &rows {
                to.all(self.insert, self.values(row)?).await?;
            }
        }
    }

    fn values(&self, row: &Row) -> Result<Vec<Param>, StoreError> {
        let row = row.of(self.name);
        let value = |(name, kind): &(&'static str, Kind)| {
            Ok(match kind {
                Kind::Int => Param::Int(row.get(name)?),
                Kind::Real => Param::Real(row.get(name)?),
                Kind::Bool => Param::Bool(row.get(name)?),
                Kind::Text => Param::Text(row.get(name)?),
                Kind::Key => Param::Key(row.key(name)?),
                Kind::Blob => Param::Blob(row.get(name)?),
                Kind::OptionalBlob => Param::OptionalBlob(row.get(name)?),
            })
        };
        self.columns.iter().map(value).collect()
    }
}

#[cfg(test)]
impl Table {
    fn column_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|(column, _)| format!("{}.{column}", self.name))
    }
}

/// Every column that is copied.
#[cfg(test)]
pub(crate) fn columns() -> Vec<String> {
    TABLES.iter().flat_map(Table::column_names).collect()
}
