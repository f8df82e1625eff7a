//! That something changed, as events: what is stored, how plugins are doing, which edges are there. Not what it became: who
//! shows it asks anew. After a change everything is looked at once and what differs is told, so that a crowd of changes
//! is few events.

use super::event_stream::{Event, EventReader};
use super::state::AdminState;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sidegate_api::live::{LiveEdge, LiveHello, LivePlugin, LiveRevision};
use sidegate_model::UnixMillis;
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginState;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Between two looks, so that nothing is told of one thing more often than four times in a second.
const PAUSE: Duration = Duration::from_millis(250);

/// `GET /live`
pub(crate) async fn watch(State(state): State<AdminState>, reader: EventReader) -> Response {
    let watching = Watching::begin(state);
    reader.answer(stream::unfold(watching, Watching::next))
}

/// How one plugin is doing on one node, as far as a change of it is worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PluginThere {
    node: NodeId,
    state: PluginState,
    pid: Option<u32>,
    restarts: u32,
    reason: Option<String>,
    warnings: Vec<String>,
}

/// How one edge is doing.
#[derive(Debug, Clone, PartialEq)]
struct EdgeThere {
    is_connected: bool,
    is_revoked: bool,
    /// What it serves by.
    told: Option<crate::edges::Told>,
}

/// One look at everything.
#[derive(Debug, Default)]
struct Look {
    revision: Revision,
    plugins: BTreeMap<PluginId, Vec<PluginThere>>,
    /// The state of each where it is worst off.
    states: BTreeMap<PluginId, PluginState>,
    edges: BTreeMap<u32, EdgeThere>,
    /// Those that there are, whether any node runs them or not.
    registered: Arc<BTreeMap<PluginId, UnixMillis>>,
}

/// Looks when something may have changed.
struct Watching {
    state: AdminState,
    stored: watch::Receiver<Arc<Snapshot>>,
    nodes: BoxStream<'static, ()>,
    seen: Look,
    looked_at: Instant,
    /// What is still to be told.
    untold: VecDeque<Event>,
}

impl Watching {
    fn begin(state: AdminState) -> Self {
        // Before the first look, so that no change falls between.
        let stored = state.control.subscribe();
        let nodes = state.fleet.changes();
        let seen = Look::of(&state);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let hello = LiveHello { version, revision: seen.revision };
        let untold = Event::named("hello", &hello).into_iter().collect();
        Self { state, stored, nodes, seen, looked_at: Instant::now(), untold }
    }

    /// What is told next; `None` once nothing can change any more.
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.untold.pop_front() {
                return Some((event, self));
            }
            tokio::select! {
                changed = self.stored.changed() => changed.ok()?,
                changed = self.nodes.next() => changed?,
            }
            sleep_until(self.looked_at + PAUSE).await;
            // What changes from here on has another look.
            self.stored.mark_unchanged();
            self.looked_at = Instant::now();
            let now = Look::of(&self.state);
            self.untold.extend(now.differences(&self.seen));
            self.seen = now;
        }
    }
}

impl Look {
    fn of(state: &AdminState) -> Self {
        let overview = state.overview();
        let states = overview.summaries().map(|status| (status.id, status.state)).collect();
        let mut plugins: BTreeMap<PluginId, Vec<PluginThere>> = BTreeMap::new();
        for (node, status) in overview.all() {
            plugins.entry(status.id).or_default().push(PluginThere {
                node: node.clone(),
                state: status.state,
                pid: status.pid,
                restarts: status.restarts,
                reason: status.reason.clone(),
                warnings: status.warnings.clone(),
            });
        }
        let edges = state.edges.iter().flat_map(crate::edges::Edges::all_seen);
        let edges = edges.map(|seen| {
            let there = EdgeThere {
                is_connected: seen.is_connected,
                is_revoked: seen.edge.revoked_at.is_some(),
                told: seen.status.map(|status| status.told),
            };
            (seen.edge.id.0, there)
        });
        let desired = state.control.desired();
        let (revision, registered) = (desired.revision, desired.registered.clone());
        Self { revision, states, plugins, edges: edges.collect(), registered }
    }

    /// What is different from before.
    fn differences(&self, before: &Self) -> Vec<Event> {
        let mut events = Vec::new();
        if self.revision != before.revision {
            events.extend(Event::named("revision", &LiveRevision { revision: self.revision }));
        }
        for id in differing(&self.plugins, &before.plugins) {
            let is_there = self.registered.contains_key(id);
            let state = self.states.get(id).copied();
            let state = state.or(is_there.then_some(PluginState::Stopped)).map(Into::into);
            events.extend(Event::named("plugin", &LivePlugin { id: id.0, state }));
        }
        for id in differing(&self.edges, &before.edges) {
            let connected = self.edges.get(id).is_some_and(|edge| edge.is_connected);
            events.extend(Event::named("edge", &LiveEdge { id: *id, connected }));
        }
        events
    }
}

/// The keys of what is another than before, is new, or is gone.
fn differing<'a, K: Ord, V: PartialEq>(
    now: &'a BTreeMap<K, V>,
    before: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = &'a K> {
    let changed = now.iter().filter(|(key, value)| before.get(key) != Some(*value));
    let gone = before.keys().filter(|key| !now.contains_key(key));
    changed.map(|(key, _)| key).chain(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_another_or_gone_differs_and_nothing_else() {
        let before = BTreeMap::from([(1, "a"), (2, "b"), (3, "c")]);
        let now = BTreeMap::from([(1, "a"), (2, "other"), (4, "d")]);
        let keys: Vec<_> = differing(&now, &before).copied().collect();
        assert_eq!(keys, [2, 4, 3]);
        assert_eq!(differing(&now, &now).count(), 0);
    }
}
