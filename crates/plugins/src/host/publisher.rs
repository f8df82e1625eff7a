//! The slot with the generation that serves now: the host holds the one publisher, everybody else
//! can only read.

use crate::generation::{Generation, Mount};
use arc_swap::ArcSwap;
use sidegate_model::snapshot::Snapshot;
use std::sync::Arc;
use tokio::sync::watch;

struct Slot {
    generation: ArcSwap<Generation>,
    published: watch::Sender<()>,
}

/// Makes generations and lets them serve. There is one for each host, so that generations follow each
/// other.
pub(super) struct GenerationPublisher {
    slot: Arc<Slot>,
}

/// Reads the generation that serves now.
#[derive(Clone)]
pub struct GenerationReader(Arc<Slot>);

/// A slot with an empty generation.
pub(super) fn empty() -> (GenerationPublisher, GenerationReader) {
    let slot =
        Arc::new(Slot { generation: ArcSwap::default(), published: watch::Sender::default() });
    (GenerationPublisher { slot: slot.clone() }, GenerationReader(slot))
}

impl GenerationPublisher {
    /// Makes the next generation from desired state and what runs, and lets it serve.
    pub(super) fn publish(&self, snapshot: &Snapshot, mounts: Vec<Mount>) {
        let before = self.slot.generation.load_full();
        let next = before.next(snapshot, mounts);
        self.slot.generation.store(Arc::new(next));
        self.slot.published.send_replace(());
    }
}

impl GenerationReader {
    /// Reads this one for ever; for tests of whoever reads.
    pub fn fixed(generation: Generation) -> Self {
        let (publisher, reader) = empty();
        publisher.slot.generation.store(Arc::new(generation));
        reader
    }

    /// The generation that serves now.
    #[inline]
    pub fn load(&self) -> Arc<Generation> {
        self.0.generation.load_full()
    }

    /// Tells when another generation serves.
    pub fn published(&self) -> watch::Receiver<()> {
        self.0.published.subscribe()
    }

    /// Waits until another generation serves than the one that was seen.
    pub async fn after(&self, seen: &Arc<Generation>) -> Arc<Generation> {
        let mut published = self.published();
        loop {
            let now = self.load();
            // The sender is in this very slot, so it is never gone.
            if !Arc::ptr_eq(&now, seen) || published.changed().await.is_err() {
                return now;
            }
        }
    }
}
