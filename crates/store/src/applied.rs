//! What the files of owners named when they were applied. It is no desired state, and decides nothing by itself: each
//! change that it leads to is a change of a thing, with an entry in the audit log of its own.

use crate::error::StoreError;
use crate::sql::{Row, json_text, params};
use crate::store::Store;
use sidegate_model::applied::{Applied, AppliedThing, check, check_owner};

/// How errors call it.
const WHAT: &str = "applied record";

/// Most owners, so that nobody fills the database with them.
const MAX_OWNERS: u64 = 10_000;

const UPSERT: &str = "INSERT INTO applied_files (owner, content, updated_at) VALUES ($1, $2, $3) \
     ON CONFLICT (owner) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at \
     RETURNING *";

impl Store {
    /// What this owner's files named last.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn applied(&self, owner: &str) -> Result<Applied, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT * FROM applied_files WHERE owner = $1";
        let row = tx.first(sql, params![owner]).await?;
        read(&row.ok_or_else(|| StoreError::not_found(WHAT, format!("{owner:?}")))?)
    }

    /// Keeps what this owner's files name now, in the place of what they named before.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] where there are too many owners.
    pub async fn keep_applied(
        &self,
        owner: &str,
        things: &[AppliedThing],
    ) -> Result<Applied, StoreError> {
        let mut problems = check(things).err().unwrap_or_default();
        problems.extend(check_owner(owner).err());
        if !problems.is_empty() {
            return Err(StoreError::Invalid { what: WHAT, problems });
        }
        let mut write = self.begin_write().await?;
        let others = "SELECT count(*) AS total FROM applied_files WHERE owner <> $1";
        let total = write.tx.first(others, params![owner]).await?;
        let total: u64 = total.map_or(Ok(0), |row| row.of(WHAT).number("total"))?;
        if total >= MAX_OWNERS {
            let detail = format!("{total} owners are known, and {MAX_OWNERS} are the most");
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        let params = params![owner, json_text(&things), write.now];
        let row = write.tx.first(UPSERT, params).await?;
        let applied = read(row.as_ref().expect("an upsert returns its row"))?;
        write.aside(applied).await
    }
}

fn read(row: &Row) -> Result<Applied, StoreError> {
    let row = row.of(WHAT);
    Ok(Applied {
        owner: row.get("owner")?,
        things: row.json("content")?,
        updated_at: row.get("updated_at")?,
    })
}
