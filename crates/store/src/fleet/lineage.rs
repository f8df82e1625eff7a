//! The lineage: the number that grows when a database was restored, so that edges follow what it has although its
//! revision may be lower.

use crate::error::StoreError;
use crate::sql::{Tx, params};
use crate::store::Store;
use sidegate_model::audit::{Change, Place, Thing, ThingKind};

/// Highest one that is believed of others; all within what databases can count.
const HIGHEST: u64 = i64::MAX as u64 - 1;

impl Store {
    /// The lineage of what is published now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lineage(&self) -> Result<u64, StoreError> {
        read(&mut self.begin_read().await?).await
    }

    /// Raises the lineage to `at_least` this and tells what it is then; a higher one stays. So whoever asks for the
    /// same gets the same, in whichever process.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn raise_lineage(&self, at_least: u64, why: &str) -> Result<u64, StoreError> {
        let mut write = self.begin_write().await?;
        let before = read(&mut write.tx).await?;
        let wanted = at_least.min(HIGHEST);
        if before >= wanted {
            return Ok(before);
        }
        set(&mut write.tx, wanted).await?;
        let thing = Thing { kind: ThingKind::Lineage, id: 1, name: "lineage".to_owned() };
        let (place, hint) = (Place::Nowhere, None);
        let change = Change {
            thing,
            place,
            hint,
            before: None,
            after: None,
            fields: Vec::new(),
            detail: None,
        };
        let change = change.detail(&format!("from {before} to {wanted}: {why}"));
        write.changed_fleet(wanted, change).await
    }

    /// Raises the lineage by one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next_lineage(&self, why: &str) -> Result<u64, StoreError> {
        let next = self.lineage().await?.saturating_add(1);
        self.raise_lineage(next, why).await
    }
}

pub(crate) async fn read(tx: &mut Tx) -> Result<u64, StoreError> {
    let row = tx.first("SELECT lineage FROM fleet_state", params![]).await?;
    row.ok_or_else(|| StoreError::not_found("lineage", 1))?.of("lineage").number("lineage")
}

pub(crate) async fn set(tx: &mut Tx, lineage: u64) -> Result<(), StoreError> {
    let lineage = i64::try_from(lineage).unwrap_or(i64::MAX);
    tx.all("UPDATE fleet_state SET lineage = $1", params![lineage]).await.map(drop)
}
