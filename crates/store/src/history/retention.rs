//! How long history is kept. Whatever is left can be gone back to: of each thing the newest version stays that the
//! oldest kept revision had.

use super::content;
use crate::error::StoreError;
use crate::sql::params;
use crate::store::Store;
use crate::turns::Writer;
use sidegate_model::UnixMillis;

/// Of each namespace so many of the newest revisions stay, however old they are.
pub(crate) const ALWAYS_KEPT: i64 = 100;

/// The oldest revision of a namespace that stays.
const HORIZON: &str = "SELECT min(revision) AS horizon, min(id) AS id FROM revisions \
     WHERE namespace = $1 AND (at >= $2 OR revision >= coalesce((SELECT revision FROM revisions \
     WHERE namespace = $1 ORDER BY revision DESC LIMIT 1 OFFSET $3), -1))";

const REMOVE_REVISIONS: &str = "DELETE FROM revisions WHERE id IN (SELECT id FROM revisions \
     WHERE namespace = $1 AND revision < $2 ORDER BY id LIMIT $3) RETURNING id";

/// The older ones of a thing first, so that what was deleted never seems to be there again.
const REMOVE_VERSIONS: &str = "DELETE FROM versions WHERE id IN (SELECT v.id FROM versions AS v \
     WHERE v.namespace = $1 AND v.revision < $2 AND (v.content IS NULL OR EXISTS (SELECT 1 \
     FROM versions AS w WHERE w.kind = v.kind AND w.thing_id = v.thing_id \
     AND w.revision > v.revision AND w.revision <= $2)) ORDER BY v.id LIMIT $3) RETURNING id";

impl Store {
    /// Removes from the history what only revisions from before this time need, but for the newest hundred of each
    /// namespace; so many rows at once. Tells how many it were: less than `at_once` means that nothing is left to
    /// remove.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sweep_history(&self, before: UnixMillis, at_once: u32) -> Result<u64, StoreError> {
        let _turn = self.turn(Writer::Audit).await?;
        let mut write = self.begin_write().await?;
        let mut removed = 0;
        for namespace in content::namespaces(&mut write.tx).await? {
            let name = namespace.as_str();
            let row = write.tx.first(HORIZON, params![name, before, ALWAYS_KEPT - 1]).await?;
            let horizon: Option<i64> =
                row.map_or(Ok(None), |row| row.of("revision").get("horizon"))?;
            let Some(horizon) = horizon else { continue };
            for sql in [REMOVE_REVISIONS, REMOVE_VERSIONS] {
                let left = u64::from(at_once).saturating_sub(removed);
                let limit = i64::try_from(left).unwrap_or(i64::MAX);
                removed += write.tx.all(sql, params![name, horizon, limit]).await?.len() as u64;
            }
        }
        write.aside(removed).await
    }
}
