//! What the host knows of plugins, and how that is written down.

use super::kept_records::{KeptRecords, Registered};
use super::recorder::PluginRecorder;
use sidegate_model::plugin::PluginId;
use sidegate_model::status::PluginStatus;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// How often changed records are written.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// How long the last records may take at the end.
const KEEP_LAST: Duration = Duration::from_secs(2);

/// What is known of plugins, by their number.
#[derive(Default)]
pub(super) struct Known {
    /// Whether any desired state was taken up.
    pub(super) settled: bool,
    pub(super) statuses: BTreeMap<PluginId, PluginStatus>,
    /// Also of some that do not run any more.
    pub(super) recorders: BTreeMap<PluginId, Arc<PluginRecorder>>,
    pub(super) registered: Registered,
}

/// Writes down what is known of plugins, on threads where waiting is allowed.
#[derive(Clone)]
pub(super) struct Keeper {
    records: Arc<Mutex<KeptRecords>>,
    /// Whether they are ours to write.
    keeps: Arc<AtomicBool>,
}

impl Keeper {
    pub(super) fn new(folder: PathBuf, keeps: Arc<AtomicBool>) -> Self {
        Self { records: Arc::new(Mutex::new(KeptRecords::new(folder))), keeps }
    }

    pub(super) async fn keep(self, known: watch::Receiver<Arc<Known>>) {
        loop {
            sleep(KEEP_EVERY).await;
            self.save(&known).await;
        }
    }

    /// The last time. What is not written within [`KEEP_LAST`] is not kept.
    pub(super) async fn save_at_last(&self, known: &watch::Receiver<Arc<Known>>) {
        let _ = timeout(KEEP_LAST, self.save(known)).await;
    }

    async fn save(&self, known: &watch::Receiver<Arc<Known>>) {
        if !self.keeps.load(Ordering::Relaxed) {
            return;
        }
        let (records, known) = (self.records.clone(), known.borrow().clone());
        if !known.settled {
            return;
        }
        let saving = spawn_blocking(move || {
            let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
            records.save(&known.recorders, &known.registered);
        });
        // It panics only with a bug, which is logged by then.
        let _ = saving.await;
    }
}
