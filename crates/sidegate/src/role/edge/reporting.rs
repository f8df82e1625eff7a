//! What an edge tells its control plane of itself and its plugins: on each change, and now and then although nothing
//! happens, so that what is told is never old.

use super::served::Served;
use super::version::Version;
use futures_util::StreamExt as _;
use sidegate_gateway::{Freshness, Probes};
use sidegate_model::UnixMillis;
use sidegate_model::node::{ClientAddress, NodeId, NodeReport};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_plugins::host::HostHandle;
use sidegate_sync::message;
use sidegate_sync::report::{self, EdgeCondition, EdgeReport, Readiness};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// At least so often.
const EVERY: Duration = Duration::from_secs(10);
/// At most so often: what happens meanwhile is told at once.
const GATHER: Duration = Duration::from_millis(50);

/// Who reports, and of what.
pub(super) struct Reporter {
    /// The name of the edge.
    pub(super) id: NodeId,
    /// Where its clients come in.
    pub(super) clients: ClientAddress,
    /// Its plugins.
    pub(super) host: Arc<HostHandle>,
    /// What its gateway tells.
    pub(super) probes: Probes,
    /// What it knows, and since when.
    pub(super) freshness: Arc<Freshness>,
    /// What it serves by.
    pub(super) served: watch::Receiver<Served>,
    /// Whether endpoints that need no token wait for approval.
    pub(super) public_mode: PublicMode,
    /// Another one for each start of the process.
    pub(super) boot_id: [u8; 16],
    /// When the process started.
    pub(super) started_at: UnixMillis,
}

impl Reporter {
    /// How things are now.
    fn report(&self) -> message::NodeReport {
        let revision = *self.host.applied().borrow();
        let (id, plugins) = (self.id.clone(), self.host.statuses());
        let (clients, public_mode) = (Some(self.clients), self.public_mode);
        let node = NodeReport { id, revision, clients, public_mode, plugins };
        let known = self.freshness.knowledge().unwrap_or_default();
        let served = self.served.borrow();
        let position = |(namespace, content): (&_, &super::served::ServedContent)| {
            (Clone::clone(namespace), content.position)
        };
        let edge = EdgeCondition {
            version: Version::of_this_build().number,
            boot_id: self.boot_id.to_vec(),
            started_at: Some(self.started_at),
            stale_for: (!known.is_connected).then_some(known.staleness),
            certificate_expires_at: known.certificate_expiry.map(|at| at.saturating_mul(1000)),
            readiness: self.readiness(),
            positions: served.iter().map(position).collect(),
        };
        report::to_message(&EdgeReport { node, edge })
    }

    fn readiness(&self) -> Readiness {
        let (is_ready, told) = self.probes.readiness();
        let reason = told["reason"].as_str().map(str::to_owned);
        let missing = told["missing"].as_array().into_iter().flatten();
        let missing = missing.filter_map(|name| Some(format!("{} does not serve", name.as_str()?)));
        match (is_ready, told["status"].as_str()) {
            (false, _) => Readiness::NotReady(reason.into_iter().chain(missing).collect()),
            (true, Some("stale")) => Readiness::Stale(reason.into_iter().collect()),
            (true, _) => Readiness::Fresh,
        }
    }

    /// Keeps the last report as new as it is, until the host ends.
    pub(super) async fn keep_reported(
        mut self,
        reports: watch::Sender<Option<message::NodeReport>>,
    ) {
        let mut changes = Box::pin(self.host.changes());
        loop {
            reports.send_replace(Some(self.report()));
            tokio::select! {
                changed = changes.next() => if changed.is_none() { return },
                _ = self.served.changed() => {}
                () = sleep(EVERY) => {}
            }
            sleep(GATHER).await;
        }
    }
}
