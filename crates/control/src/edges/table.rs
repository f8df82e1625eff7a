//! All edges, as this process knows them: which may come, which are connected here, and what each said last, here or
//! elsewhere. Nothing in here waits.

use super::status::{EdgeStatus, Report};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::edge::Edge;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::NodeReport;
use sidegate_store::{EdgeReport, REPLICA_LOST_AFTER_MS};
use sidegate_sync::server::{AdmittedEdge, EdgeCommands, Said};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Reports that are written in one transaction.
const AT_ONCE: usize = 100;

/// The edges. Copies are the same.
#[derive(Clone)]
pub(crate) struct EdgeTable {
    /// This process.
    replica: Arc<str>,
    rows: Arc<Mutex<Rows>>,
    /// Grows whenever anybody said something else than before.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Rows {
    /// Those that there are, by name.
    known: BTreeMap<String, Edge>,
    said: BTreeMap<String, Entry>,
    /// When other processes were last there.
    replicas: BTreeMap<String, UnixMillis>,
    streams: u64,
}

#[derive(Default)]
struct Entry {
    status: EdgeStatus,
    /// Streams of it that are open here; more than one while an old one is not noticed to be dead.
    streams: BTreeMap<u64, OpenStream>,
    /// What others are to know is not stored yet.
    is_unwritten: bool,
}

struct OpenStream {
    /// By what it came in.
    edge: AdmittedEdge,
    leave: watch::Sender<Option<String>>,
    commands: EdgeCommands,
}

/// One look at an edge.
#[derive(Debug, Clone)]
pub(crate) struct SeenEdge {
    /// Who it is.
    pub(crate) edge: Edge,
    /// What it said last, if anything.
    pub(crate) status: Option<EdgeStatus>,
    /// Whether it is connected, here or elsewhere.
    pub(crate) is_connected: bool,
}

/// Why the edge is told to leave.
const REVOKED: &str = "the edge was revoked, or is to join anew";

impl EdgeTable {
    /// Of this process, without any edge yet.
    pub(crate) fn new(replica: &str) -> Self {
        Self { replica: replica.into(), rows: Arc::default(), changes: watch::Sender::default() }
    }

    /// This process.
    pub(crate) fn replica(&self) -> &str {
        &self.replica
    }

    /// Grows whenever anybody said something else than before.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// These are the edges from now on. Streams of those end that may not come any more.
    pub(crate) fn set_known(&self, edges: Vec<Edge>) {
        let mut rows = self.rows();
        let edges: BTreeMap<_, _> = edges.into_iter().map(|e| (e.name.clone(), e)).collect();
        if edges == rows.known {
            return;
        }
        rows.said.retain(|name, entry| edges.contains_key(name) || !entry.streams.is_empty());
        rows.known = edges;
        rows.send_barred_away();
        drop(rows);
        self.changed();
    }

    /// The namespaces that edges get beside the global one.
    pub(crate) fn namespaces(&self) -> BTreeSet<Namespace> {
        self.rows().known.values().map(|edge| edge.namespace.clone()).collect()
    }

    /// This is how an edge is from now on.
    pub(crate) fn learn(&self, edge: Edge) {
        let mut rows = self.rows();
        rows.known.insert(edge.name.clone(), edge);
        rows.send_barred_away();
    }

    /// By which an edge is asked that is connected here.
    pub(crate) fn commands(&self, edge: &str) -> Option<EdgeCommands> {
        let rows = self.rows();
        rows.said.get(edge)?.streams.values().next_back().map(|stream| stream.commands.clone())
    }

    /// The edge with this name, if there is one.
    pub(crate) fn known(&self, name: &str) -> Option<Edge> {
        self.rows().known.get(name).cloned()
    }

    /// A stream of an edge begins; gives its number, and what becomes the reason why it has to end.
    pub(crate) fn attach(
        &self,
        edge: &AdmittedEdge,
        commands: EdgeCommands,
    ) -> (u64, watch::Receiver<Option<String>>) {
        let (leave, receiver) = watch::channel(None);
        let mut rows = self.rows();
        rows.streams += 1;
        let number = rows.streams;
        let entry = rows.said.entry(edge.peer.edge.clone()).or_default();
        entry.streams.insert(number, OpenStream { edge: edge.clone(), leave, commands });
        entry.status.replica = self.replica.to_string();
        entry.status.is_here = true;
        entry.status.told.attached_at = now_millis();
        entry.is_unwritten = true;
        // It may have been barred since its connection was accepted.
        rows.send_barred_away();
        drop(rows);
        self.changed();
        (number, receiver)
    }

    /// A stream has ended.
    pub(crate) fn detach(&self, edge: &str, number: u64) {
        let mut rows = self.rows();
        let Some(entry) = rows.said.get_mut(edge) else { return };
        entry.streams.remove(&number);
        // Meanwhile it may be elsewhere.
        if entry.streams.is_empty() && *entry.status.replica == *self.replica {
            entry.status.is_here = false;
            entry.is_unwritten = true;
        }
        drop(rows);
        self.changed();
    }

    /// An edge that is connected here said something.
    pub(crate) fn said(&self, edge: &str, said: Said) {
        let mut rows = self.rows();
        let Some(entry) = rows.said.get_mut(edge) else { return };
        let before = entry.status.told.clone();
        match said {
            Said::Hello(hello) => entry.status.hello(&hello),
            Said::Applied(state) => entry.status.applied(&state),
            Said::Report(report) => {
                entry.status.report = Some(Arc::new(Report::of(report)));
                entry.is_unwritten = true;
            }
            // For whoever publishes.
            Said::Ahead(_) => return,
        }
        entry.is_unwritten |= entry.status.told != before;
        drop(rows);
        self.changed();
    }

    /// What others are to know and is not stored yet, a bounded part of it; it counts as stored from now on.
    pub(crate) fn take_unwritten(&self) -> Vec<EdgeReport> {
        let mut rows = self.rows();
        let unwritten = rows.said.iter_mut().filter(|(_, entry)| entry.is_unwritten);
        let taken = unwritten.take(AT_ONCE).map(|(name, entry)| {
            entry.is_unwritten = false;
            entry.status.to_row(name)
        });
        taken.collect()
    }

    /// It could not be stored.
    pub(crate) fn give_back(&self, reports: &[EdgeReport]) {
        let mut rows = self.rows();
        for report in reports {
            if let Some(entry) = rows.said.get_mut(&report.edge) {
                entry.is_unwritten = true;
            }
        }
    }

    /// What edges told other processes, or told this one before it was started anew.
    pub(crate) fn heard(&self, reports: &[EdgeReport]) {
        let mut rows = self.rows();
        let mut is_news = false;
        for report in reports {
            let entry = rows.said.entry(report.edge.clone()).or_default();
            if !entry.streams.is_empty()
                || (report.replica == *self.replica && entry.status.is_here)
            {
                continue;
            }
            entry.status = EdgeStatus::from_row(report);
            // Of an earlier process by the same name.
            entry.status.is_here &= report.replica != *self.replica;
            is_news = true;
        }
        drop(rows);
        if is_news {
            self.changed();
        }
    }

    /// When each process was last there.
    pub(crate) fn set_replicas(&self, replicas: BTreeMap<String, UnixMillis>) {
        self.rows().replicas = replicas;
    }

    /// How many edges are connected here.
    pub(crate) fn connected_here(&self) -> usize {
        self.rows().said.values().filter(|entry| !entry.streams.is_empty()).count()
    }

    /// When those that are connected here were last there, which is now, and in which version.
    pub(crate) fn seen_here(&self) -> Vec<(String, UnixMillis, String)> {
        let now = now_millis();
        let rows = self.rows();
        let here = rows.said.iter().filter(|(_, entry)| !entry.streams.is_empty());
        here.map(|(name, entry)| (name.clone(), now, entry.status.told.version.clone())).collect()
    }

    /// Whether an edge is connected to another process.
    pub(crate) fn has_edges_elsewhere(&self) -> bool {
        let rows = self.rows();
        rows.said.values().any(|entry| entry.streams.is_empty() && entry.status.is_here)
    }

    /// All edges that may be connected, in the order of their names.
    pub(crate) fn edges(&self) -> Vec<SeenEdge> {
        let rows = self.rows();
        rows.known.values().map(|edge| rows.seen(edge)).collect()
    }

    /// One look at the edge with this name.
    pub(crate) fn edge(&self, name: &str) -> Option<SeenEdge> {
        let rows = self.rows();
        rows.known.get(name).map(|edge| rows.seen(edge))
    }

    /// What every edge said of itself last.
    pub(crate) fn nodes(&self) -> Vec<NodeReport> {
        let rows = self.rows();
        let entries = rows.said.iter().filter(|(name, _)| rows.known.contains_key(*name));
        entries.filter_map(|(name, entry)| entry.status.node(name)).collect()
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Ends every stream that would not be let in now.
    fn send_barred_away(&self) {
        let streams = self.said.values().flat_map(|entry| entry.streams.values());
        for stream in streams.filter(|stream| !self.may_stay(&stream.edge)) {
            send_away(&stream.leave);
        }
    }

    fn may_stay(&self, admitted: &AdmittedEdge) -> bool {
        self.known.get(&admitted.peer.edge).is_some_and(|edge| {
            edge.revoked_at.is_none()
                && edge.namespace == admitted.peer.namespace
                && edge.certificates_after <= admitted.issued_at
        })
    }

    fn seen(&self, edge: &Edge) -> SeenEdge {
        let entry = self.said.get(&edge.name);
        let is_connected = entry.is_some_and(|entry| {
            !entry.streams.is_empty() || (entry.status.is_here && self.is_there(&entry.status))
        });
        let status = entry.map(|entry| entry.status.clone());
        SeenEdge { edge: edge.clone(), status, is_connected }
    }

    /// Whether the process is there that an edge was connected to.
    fn is_there(&self, status: &EdgeStatus) -> bool {
        let lost = now_millis().saturating_sub(REPLICA_LOST_AFTER_MS);
        self.replicas.get(&status.replica).is_some_and(|seen| *seen >= lost)
    }
}

fn send_away(leave: &watch::Sender<Option<String>>) {
    leave.send_replace(Some(REVOKED.to_owned()));
}
