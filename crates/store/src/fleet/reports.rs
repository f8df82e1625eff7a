//! What edges said last, so that every process of a control plane answers the same, whichever an edge is connected
//! to. It does not know what is in a report.

use crate::error::StoreError;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use crate::turns::Writer;
use sidegate_model::UnixMillis;
use std::collections::BTreeMap;

/// A process that said nothing for so long is gone, and its edges are connected no more.
pub const REPLICA_LOST_AFTER_MS: i64 = 15_000;
/// A process that said nothing for so long is forgotten.
const REPLICA_FORGOTTEN_AFTER_MS: i64 = 24 * 3600 * 1000;

const WHAT: &str = "edge report";

/// What one edge said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeReport {
    /// The edge's name.
    pub edge: String,
    /// The process that it was connected to.
    pub replica: String,
    /// Whether it is connected there, as far as that process knew.
    pub is_here: bool,
    /// Given by the store; grows with every report of any edge.
    pub number: i64,
    /// What it serves by.
    pub state: String,
    /// How it is doing.
    pub report: Vec<u8>,
}

const NEXT_NUMBER: &str = "UPDATE fleet_state SET reports = reports + 1 RETURNING reports";

/// An edge that is deleted meanwhile stays deleted. One that is elsewhere by now is not said to be gone.
const PUT: &str = "INSERT INTO edge_reports (edge, replica, is_here, number, state, report) \
     SELECT name, $2, $3, $4, $5, $6 FROM edges WHERE name = $1 \
     ON CONFLICT (edge) DO UPDATE SET replica = excluded.replica, is_here = excluded.is_here, \
     number = excluded.number, state = excluded.state, report = excluded.report \
     WHERE excluded.is_here OR edge_reports.replica = excluded.replica";

const SEEN: &str = "INSERT INTO replicas (name, seen_at) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at";

impl Store {
    /// Keeps what edges of a process said last; their numbers are given here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put_edge_reports(&self, reports: &[EdgeReport]) -> Result<(), StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        for report in reports {
            let row = write.tx.first(NEXT_NUMBER, params![]).await?;
            let row = row.ok_or_else(|| StoreError::not_found(WHAT, 1))?;
            let number: i64 = row.of(WHAT).get("reports")?;
            let params = params![
                report.edge.as_str(),
                report.replica.as_str(),
                report.is_here,
                number,
                report.state.as_str(),
                report.report.as_slice(),
            ];
            write.tx.all(PUT, params).await?;
        }
        write.aside(()).await
    }

    /// Reports with a higher number than this, by number; at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn edge_reports_after(
        &self,
        number: i64,
        at_most: u32,
    ) -> Result<Vec<EdgeReport>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT * FROM edge_reports WHERE number > $1 ORDER BY number LIMIT $2";
        tx.all(sql, params![number, at_most]).await?.iter().map(read).collect()
    }

    /// Says that a process is there. Others that have said nothing for long are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_replica(&self, name: &str) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        write.tx.all(SEEN, params![name, write.now]).await?;
        let forgotten = write.now.saturating_sub(REPLICA_FORGOTTEN_AFTER_MS);
        write.tx.all("DELETE FROM replicas WHERE seen_at < $1", params![forgotten]).await?;
        write.aside(()).await
    }

    /// Says that a process ends: its edges are elsewhere soon.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_replica(&self, name: &str) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        write.tx.all("DELETE FROM replicas WHERE name = $1", params![name]).await?;
        write.aside(()).await
    }

    /// When each process was last there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replicas(&self) -> Result<BTreeMap<String, UnixMillis>, StoreError> {
        let mut tx = self.begin_read().await?;
        let replica = |row: &Row| {
            let row = row.of("replica");
            Ok((row.get("name")?, row.get("seen_at")?))
        };
        tx.all("SELECT * FROM replicas", params![]).await?.iter().map(replica).collect()
    }
}

/// Of an edge that is deleted.
pub(super) async fn forget(tx: &mut Tx, edge: &str) -> Result<(), StoreError> {
    tx.all("DELETE FROM edge_reports WHERE edge = $1", params![edge]).await.map(drop)
}

fn read(row: &Row) -> Result<EdgeReport, StoreError> {
    let row = row.of(WHAT);
    Ok(EdgeReport {
        edge: row.get("edge")?,
        replica: row.get("replica")?,
        is_here: row.get("is_here")?,
        number: row.get("number")?,
        state: row.get("state")?,
        report: row.get("report")?,
    })
}
