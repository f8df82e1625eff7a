//! What edges say, shared with the other processes of a control plane through the database: what was said here is
//! written, within bounds, and what was said elsewhere is read.

use super::table::EdgeTable;
use sidegate_store::{Store, StoreError, StoredHead};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// An edge that says something all the time is written no more often than this.
const WRITE_PAUSE: Duration = Duration::from_millis(500);
/// How often other processes hear that this one is there, and edges are noted as seen.
const HEARTBEAT: Duration = Duration::from_secs(5);
const SEEN_EVERY: u32 = 12;
/// Reports that are read at once.
const READ_AT_ONCE: u32 = 500;
/// How often it is looked for what others heard, while edges are connected to them.
const LOOK_EVERY: Duration = Duration::from_millis(300);
const LOOK_SELDOM: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Writes what edges say here, and that this process is there, until it is dropped.
pub(crate) async fn keep_shared(store: Store, table: EdgeTable) {
    let mut changes = table.changes();
    changes.mark_changed();
    let (mut beats, mut last_beat) = (0_u32, None::<Instant>);
    loop {
        let mut failed = None;
        if last_beat.is_none_or(|last| last.elapsed() >= HEARTBEAT) {
            last_beat = Some(Instant::now());
            failed = beat(&store, &table, beats).await.err();
            beats = beats.wrapping_add(1);
        }
        changes.borrow_and_update();
        failed = failed.or(share_all(&store, &table).await.err());
        match failed {
            Some(error) => {
                tracing::debug!(%error, "what edges say is not shared with other processes for now");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            None => tokio::time::sleep(WRITE_PAUSE).await,
        }
        let _ = tokio::time::timeout(HEARTBEAT, changes.changed()).await;
    }
}

async fn beat(store: &Store, table: &EdgeTable, beats: u32) -> Result<(), StoreError> {
    store.note_replica(table.replica()).await?;
    table.set_replicas(store.replicas().await?);
    if beats.is_multiple_of(SEEN_EVERY) {
        store.note_edges_seen(&table.seen_here()).await?;
    }
    Ok(())
}

/// Writes all that is not written, in bounded steps.
pub(crate) async fn share_all(store: &Store, table: &EdgeTable) -> Result<(), StoreError> {
    loop {
        let reports = table.take_unwritten();
        if reports.is_empty() {
            return Ok(());
        }
        if let Err(error) = store.put_edge_reports(&reports).await {
            table.give_back(&reports);
            return Err(error);
        }
    }
}

/// Reads what edges say elsewhere, until it is dropped.
pub(crate) async fn keep_heard(
    store: Store,
    table: EdgeTable,
    mut stored: watch::Receiver<Option<StoredHead>>,
) {
    let mut hearing = Hearing::default();
    loop {
        let seen = *stored.borrow_and_update();
        let pause = match hearing.look(&store, &table, seen).await {
            Ok(()) if table.has_edges_elsewhere() => LOOK_EVERY,
            Ok(()) => LOOK_SELDOM,
            Err(error) => {
                tracing::debug!(%error, "what edges say elsewhere is not read for now");
                AFTER_FAILURE
            }
        };
        let news = stored.wait_for(|head| hearing.is_news(*head));
        let _ = tokio::time::timeout(pause, news).await;
    }
}

/// How far reports were read.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    last: i64,
}

impl Hearing {
    /// Reads what came since, where that much was seen to be there.
    pub(crate) async fn look(
        &mut self,
        store: &Store,
        table: &EdgeTable,
        seen: Option<StoredHead>,
    ) -> Result<(), StoreError> {
        let seen = seen.map(|head| head.reports);
        // A restored database counts from before.
        if seen.is_some_and(|seen| seen < self.last) {
            self.last = 0;
        }
        hear(store, table, &mut self.last).await?;
        // All up to this could be read; what of it is not there belonged to edges that are gone.
        self.last = self.last.max(seen.unwrap_or_default());
        Ok(())
    }

    /// Whether there is something that was not read.
    pub(crate) fn is_news(&self, head: Option<StoredHead>) -> bool {
        head.is_some_and(|head| head.reports > self.last)
    }
}

async fn hear(store: &Store, table: &EdgeTable, last: &mut i64) -> Result<(), StoreError> {
    loop {
        let reports = store.edge_reports_after(*last, READ_AT_ONCE).await?;
        table.heard(&reports);
        let Some(newest) = reports.last() else { return Ok(()) };
        *last = newest.number;
    }
}
