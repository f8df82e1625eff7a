//! The running host, as others see it: what serves, what is known of plugins, and its end.

use super::known::{Keeper, Known};
use super::logs::KEPT_LINES;
use super::publisher::GenerationReader;
use super::recorder::PrintedSince;
use crate::services::HostServices;
use futures_util::Stream;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::PluginEvents;
use sidegate_model::record::{InstanceRecord, LoggedLine};
use sidegate_model::snapshot::Revision;
use sidegate_model::status::{PluginState, PluginStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The running host. Dropping it lets the host stop all plugins in the background.
pub struct HostHandle {
    pub(super) stop: watch::Sender<bool>,
    pub(super) closing: CancellationToken,
    pub(super) services: HostServices,
    pub(super) generations: GenerationReader,
    pub(super) applied: watch::Receiver<Revision>,
    pub(super) known: watch::Receiver<Arc<Known>>,
    pub(super) keeps: Arc<AtomicBool>,
    pub(super) keeper: Option<Keeper>,
}

impl HostHandle {
    /// Whether it writes records of plugins down, as it does from its start: of two gateways on the
    /// same folder one alone may, or the one overwrites what the other knows.
    pub fn keep_records(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::Relaxed);
    }

    /// What serves: the generations that this host publishes.
    pub fn generations(&self) -> GenerationReader {
        self.generations.clone()
    }

    /// Writes down at once what is known of plugins, for another gateway that is about to read it.
    pub async fn save_records(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.save_at_last(&self.known).await;
        }
    }

    /// What each plugin is doing, by its number; also those that were removed and still drain.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        self.settled_statuses().unwrap_or_default()
    }

    /// [`HostHandle::statuses`], or `None` before the first generation was published.
    pub fn settled_statuses(&self) -> Option<Vec<PluginStatus>> {
        let known = self.known.borrow().clone();
        if !known.settled {
            return None;
        }
        let in_flight =
            |id: &PluginId| known.recorders.get(id).map_or(0, |recorder| recorder.in_flight());
        let statuses = known.statuses.iter();
        let now = |(id, status): (&PluginId, &PluginStatus)| {
            let mut status = status.clone();
            status.in_flight = in_flight(id);
            if status.state == PluginState::Ready {
                status.warnings.extend(self.services.refused(*id));
            }
            status
        };
        Some(statuses.map(now).collect())
    }

    /// What is known of the processes of a plugin, newest first: of those that run and of the last
    /// few that ended, each with at most so many of its last lines.
    pub fn records(&self, id: PluginId, lines: usize) -> Vec<InstanceRecord> {
        let recorder = self.known.borrow().recorders.get(&id).cloned();
        recorder.map(|recorder| recorder.records(lines)).unwrap_or_default()
    }

    /// What a plugin published last, newest first, with what was in it where that is wanted.
    pub fn events(&self, id: PluginId, with_payload: bool) -> PluginEvents {
        self.services.events(id, with_payload)
    }

    /// What the latest process of a plugin printed last, oldest first.
    pub fn recent_output(&self, id: PluginId) -> Vec<LoggedLine> {
        let recorder = self.known.borrow().recorders.get(&id).cloned();
        recorder.map(|recorder| recorder.latest_lines(KEPT_LINES)).unwrap_or_default()
    }

    /// What is known of the processes of a plugin, newest first, each with those of its lines whose number is higher.
    pub fn printed_since(&self, id: PluginId, number: u64) -> Vec<PrintedSince> {
        let recorder = self.known.borrow().recorders.get(&id).cloned();
        recorder.map(|recorder| recorder.since(number)).unwrap_or_default()
    }

    /// Changes with every line that a plugin prints; nothing for a plugin that is not known (yet).
    pub fn printed(&self, id: PluginId) -> Option<watch::Receiver<()>> {
        self.known.borrow().recorders.get(&id).map(|recorder| recorder.printed())
    }

    /// Yields whenever [`HostHandle::statuses`] may tell something else; ends with the host.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        let known = self.known.clone();
        futures_util::stream::unfold(known, async |mut known| {
            known.changed().await.ok()?;
            Some(((), known))
        })
    }

    /// The revision whose identities and routes lead requests by now.
    pub fn applied(&self) -> watch::Receiver<Revision> {
        self.applied.clone()
    }

    /// Starts no process any more. What runs serves on until [`HostHandle::shutdown`], and a process that
    /// ends by the signal that told the gateway to stop has not failed.
    pub fn start_no_more(&self) {
        self.closing.cancel();
    }

    /// Stops all plugins at once, in order and within their deadlines. Open requests are not waited
    /// for. When it returns, no process of a plugin is left.
    pub async fn shutdown(&self) {
        self.start_no_more();
        self.stop.send_replace(true);
        let mut applied = self.applied.clone();
        // The host drops its end last of all.
        while applied.changed().await.is_ok() {}
    }
}
