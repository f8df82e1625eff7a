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
    /// Streams of it that are open here. It has one; others are of whoever is barred and about to leave.
    streams: BTreeMap<u64, OpenStream>,
    /// What others are to know is not stored yet.
    is_unwritten: bool,
}

struct OpenStream {
    /// By what it came in.
    edge: AdmittedEdge,
    leave: watch::Sender<Option<String>>,
    /// See [`EdgeTable::kept`].
    kept: watch::Sender<u64>,
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

impl SeenEdge {
    /// Now, of one that is connected; what is stored of it may be a minute older than what it said.
    pub(crate) fn last_seen_at(&self) -> Option<UnixMillis> {
        if self.is_connected {
            return Some(now_millis());
        }
        let heard =
            self.status.as_ref().map(|status| status.told.attached_at.max(status.told.left_at));
        self.edge.last_seen_at.max(heard.filter(|at| *at > 0))
    }
}

/// Why the edge is told to leave.
const REVOKED: &str = "the edge was revoked, or is to join anew";
const CONNECTED_ANEW: &str = "the edge has connected once more, here or to another process of the control plane; if it \
     runs on two machines, give the second one an edge of its own (`sidegate edge create`)";

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

    /// The namespace of each edge, by its name.
    pub(crate) fn places(&self) -> BTreeMap<String, Namespace> {
        let rows = self.rows();
        rows.known.values().map(|edge| (edge.name.clone(), edge.namespace.clone())).collect()
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

    /// Tells an edge that is connected here that what it told under this number of the uses of tokens is kept.
    pub(crate) fn kept(&self, edge: &str, number: u64) {
        for stream in self.rows().said.get(edge).iter().flat_map(|entry| entry.streams.values()) {
            stream.kept.send_replace(number);
        }
    }

    /// Follows what of a stream's edge is kept; nothing, once the stream has ended.
    pub(crate) fn follow_kept(&self, edge: &str, stream: u64) -> watch::Receiver<u64> {
        let rows = self.rows();
        let stream = rows.said.get(edge).and_then(|entry| entry.streams.get(&stream));
        stream.map_or_else(|| watch::channel(0).1, |stream| stream.kept.subscribe())
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
        let may_stay = rows.may_stay(edge);
        let entry = rows.said.entry(edge.peer.edge.clone()).or_default();
        if may_stay {
            // The one before is lost, which may be noticed much later: what is asked over it goes nowhere.
            entry.leave(CONNECTED_ANEW);
        }
        let kept = watch::Sender::default();
        entry.streams.insert(number, OpenStream { edge: edge.clone(), leave, kept, commands });
        entry.status.replica = self.replica.to_string();
        entry.status.is_here = true;
        entry.status.told.attached_at = now_millis();
        entry.status.told.connection = 0;
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
        // Another one may have taken its place.
        if entry.streams.remove(&number).is_none() {
            return;
        }
        // Meanwhile it may be elsewhere.
        if entry.streams.is_empty() && *entry.status.replica == *self.replica {
            entry.status.is_here = false;
            entry.status.told.left_at = now_millis();
            entry.is_unwritten = true;
        }
        drop(rows);
        self.changed();
    }

    /// An edge that is connected here said something.
    pub(crate) fn said(&self, edge: &str, said: Said) {
        match said {
            Said::Hello(hello) => self.note(edge, |status| status.hello(&hello)),
            Said::Applied(state) => self.note(edge, |status| status.applied(&state)),
            Said::Report(report) => {
                // Made before the table is taken, which all edges share: it may be large.
                let report = Arc::new(Report::of(report));
                self.note(edge, |status| status.report = Some(report));
            }
            // For whoever publishes, and for whoever writes.
            Said::Ahead(_) | Said::Uses(_) => {}
        }
    }

    fn note(&self, edge: &str, change: impl FnOnce(&mut EdgeStatus)) {
        let mut rows = self.rows();
        let entry = rows.said.get_mut(edge).filter(|entry| !entry.streams.is_empty());
        // What comes over a stream that is about to end says nothing of the edge, which is elsewhere.
        let Some(entry) = entry else { return };
        let told = entry.status.told.clone();
        let reported = entry.status.report.as_ref().map(Arc::as_ptr);
        change(&mut entry.status);
        // Each report is another one.
        let has_reported = entry.status.report.as_ref().map(Arc::as_ptr) != reported;
        entry.is_unwritten |= has_reported || entry.status.told != told;
        drop(rows);
        self.changed();
    }

    /// What others are to know and is not stored yet, a bounded part of it; it counts as stored from now on.
    pub(crate) fn take_unwritten(&self) -> Vec<EdgeReport> {
        let mut rows = self.rows();
        let unwritten = rows.said.iter_mut().filter(|(_, entry)| entry.is_unwritten);
        let taken = unwritten.take(AT_ONCE).map(|(name, entry)| {
            entry.is_unwritten = false;
            (name.clone(), entry.status.clone())
        });
        let taken: Vec<_> = taken.collect();
        drop(rows);
        taken.iter().map(|(name, status)| status.to_row(name)).collect()
    }

    /// The database was restored and has lost what was stored of those that are connected here.
    pub(crate) fn write_all_again(&self) {
        let mut rows = self.rows();
        for entry in rows.said.values_mut().filter(|entry| !entry.streams.is_empty()) {
            entry.is_unwritten = true;
        }
        drop(rows);
        self.changed();
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
        let read: Vec<_> = reports.iter().map(EdgeStatus::from_row).collect();
        let mut rows = self.rows();
        let mut is_news = false;
        for (report, status) in reports.iter().zip(read) {
            let entry = rows.said.entry(report.edge.clone()).or_default();
            let is_own = report.replica == *self.replica;
            let is_lost = !is_own && entry.is_lost_to(&status);
            if is_lost {
                let (edge, by) = (&report.edge, &report.replica);
                tracing::info!(
                    edge,
                    by,
                    "an edge is connected elsewhere by now: its stream here, which it lost, ends"
                );
                entry.leave(CONNECTED_ANEW);
            } else if !entry.streams.is_empty() || (is_own && entry.status.is_here) {
                // What another one says that has only not noticed yet is not to stay.
                let is_outdated = !is_own && entry.is_newer_than(&status);
                entry.is_unwritten |= is_outdated;
                is_news |= is_outdated;
                continue;
            }
            entry.status = status;
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

impl Entry {
    /// Whether the stream here is of before the one that another process tells of.
    fn is_lost_to(&self, told: &EdgeStatus) -> bool {
        let (here, there) = (self.status.told.connection, told.told.connection);
        !self.streams.is_empty() && told.is_here && here > 0 && here < there
    }

    /// The other way round.
    fn is_newer_than(&self, told: &EdgeStatus) -> bool {
        let (here, there) = (self.status.told.connection, told.told.connection);
        !self.streams.is_empty() && told.is_here && there > 0 && there < here
    }

    /// Its streams count no more, and end as soon as they can.
    fn leave(&mut self, reason: &str) {
        for stream in std::mem::take(&mut self.streams).into_values() {
            send_away(&stream.leave, reason);
        }
    }
}

impl Rows {
    /// Ends every stream that would not be let in now.
    fn send_barred_away(&self) {
        let streams = self.said.values().flat_map(|entry| entry.streams.values());
        for stream in streams.filter(|stream| !self.may_stay(&stream.edge)) {
            send_away(&stream.leave, REVOKED);
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

fn send_away(leave: &watch::Sender<Option<String>>, reason: &str) {
    leave.send_replace(Some(reason.to_owned()));
}
