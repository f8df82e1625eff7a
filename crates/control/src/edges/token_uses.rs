//! When tokens were last used at edges, on its way to the database: one telling of an edge after the other, and the edge
//! is told when it is written. An edge says again what it was not told of, so nothing here has to last.

use super::table::EdgeTable;
use sidegate_model::clock::now_millis;
use sidegate_store::{Store, StoreError};
use sidegate_sync::server::{PeerIdentity, SaidUses};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Edges whose telling waits; others say it again.
const MOST_WAITING: usize = 1000;
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// What edges told and is not written. Copies are the same.
#[derive(Clone, Default)]
pub(super) struct EdgeUses(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Of each edge the last.
    waiting: Mutex<BTreeMap<String, (PeerIdentity, SaidUses)>>,
    came: Notify,
}

impl EdgeUses {
    /// An edge tells this.
    pub(super) fn said(&self, peer: &PeerIdentity, said: SaidUses) {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST_WAITING && !waiting.contains_key(&peer.edge) {
            return;
        }
        waiting.insert(peer.edge.clone(), (peer.clone(), said));
        drop(waiting);
        self.0.came.notify_one();
    }

    async fn next(&self) -> (PeerIdentity, SaidUses) {
        loop {
            let next = self.waiting().pop_first();
            match next {
                Some((_, next)) => return next,
                None => self.0.came.notified().await,
            }
        }
    }

    /// Writes what edges tell, until it is dropped.
    pub(super) async fn keep_written(self, store: Store, table: EdgeTable) {
        let mut is_failing = false;
        loop {
            let (peer, said) = self.next().await;
            // Of one that was revoked, or is elsewhere, it counts no more.
            if table.commands(&peer.edge).is_none() {
                continue;
            }
            let outcome = write(&store, &peer, &said).await;
            match &outcome {
                Ok(()) => table.kept(&peer.edge, said.number),
                // Once, because the database may be away for long.
                Err(error) if !is_failing => {
                    tracing::warn!(%error, "when tokens were last used at edges is not written for now: the store cannot be written");
                }
                Err(_) => {}
            }
            if is_failing && outcome.is_ok() {
                tracing::info!("when tokens were last used at edges is written again");
            }
            is_failing = outcome.is_err();
            if is_failing {
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, (PeerIdentity, SaidUses)>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody used a token later than now, whatever the clock of an edge says.
async fn write(store: &Store, peer: &PeerIdentity, said: &SaidUses) -> Result<(), StoreError> {
    let now = now_millis();
    let uses = said.uses.iter().filter(|(_, at)| *at > 0);
    // In one order everywhere: two processes that write the same tokens are not to wait for each other in a circle.
    let mut uses: Vec<_> = uses.map(|(token, at)| (*token, now.min(*at))).collect();
    uses.sort_unstable();
    store.note_token_uses_of(&peer.namespace, &uses).await
}
