//! What an edge said last, as all processes of a control plane share it.

use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::{ClientAddress, NodeId, NodeReport};
use sidegate_store::EdgeReport;
use sidegate_sync::report::EdgeCondition;
use sidegate_sync::server::{AppliedState, EdgeHello};
use sidegate_sync::{Position, message, report};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an edge said last, and to whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct EdgeStatus {
    /// The process that it is or was connected to.
    pub(crate) replica: String,
    /// Whether it is connected there.
    pub(crate) is_here: bool,
    /// The rest.
    pub(crate) told: Told,
    /// How it and its plugins are doing.
    pub(crate) report: Option<Arc<Report>>,
}

/// How an edge is doing: as it is stored, and what it means.
#[derive(Debug)]
pub(crate) struct Report {
    bytes: Vec<u8>,
    read: report::EdgeReport,
}

impl Report {
    pub(crate) fn of(message: message::NodeReport) -> Self {
        let bytes = prost::Message::encode_to_vec(&message);
        Self { bytes, read: report::from_message(message) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        prost::Message::decode(bytes).ok().map(Self::of)
    }
}

/// What an edge serves by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Its version.
    pub(crate) version: String,
    /// When it was connected last.
    pub(crate) attached_at: UnixMillis,
    /// When its last connection ended; processes of another version do not write it.
    #[serde(default)]
    pub(crate) left_at: UnixMillis,
    /// Of its stream, by its own count, which grows; 0 where it did not say so (yet).
    #[serde(default)]
    pub(crate) connection: u64,
    /// By namespaces.
    pub(crate) applied: BTreeMap<String, Applied>,
}

/// What it serves by in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// Lineage and revision; `None` while it has nothing.
    pub(crate) position: Option<(u64, u64)>,
    /// What it does not serve by, or in an earlier version.
    pub(crate) rejected: Vec<RejectedObject>,
    /// A manifest as a whole that it does not take: its digest, and why.
    pub(crate) refused: Option<(String, String)>,
}

/// One object that an edge does not serve by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RejectedObject {
    /// Which one, as in `plugin/7`.
    pub(crate) object: String,
    /// Why.
    pub(crate) reason: String,
    /// Whether an earlier version of it is served.
    pub(crate) keeps_last_good: bool,
}

impl EdgeStatus {
    pub(crate) fn hello(&mut self, hello: &EdgeHello) {
        self.told.version.clone_from(&hello.version);
        self.told.connection = hello.connection;
    }

    pub(crate) fn applied(&mut self, state: &AppliedState) {
        let rejected = state.rejected.iter().map(|(name, rejected)| RejectedObject {
            object: name.to_string(),
            reason: rejected.reason.clone(),
            keeps_last_good: rejected.keeps_last_good,
        });
        let applied = Applied {
            position: state.manifest.map(|(at, _)| (at.lineage, at.revision)),
            rejected: rejected.collect(),
            refused: state.refused.as_ref().map(|(digest, why)| (digest.to_string(), why.clone())),
        };
        self.told.applied.insert(state.namespace.as_str().to_owned(), applied);
    }

    /// What it serves by in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &Namespace) -> Option<&Applied> {
        self.told.applied.get(namespace.as_str())
    }

    /// Of the edge with this name, as others of its kind tell it.
    pub(crate) fn node(&self, edge: &str) -> Option<NodeReport> {
        let report = self.report.as_ref()?;
        // An edge counts what it applies anew with each start; this is the count of what is published.
        let positions = self.told.applied.values().filter_map(|applied| applied.position);
        let revision = positions.map(|(_, revision)| revision).max().unwrap_or_default();
        Some(NodeReport { id: NodeId::new(edge), revision, ..report.read.node.clone() })
    }

    /// Where it listens for clients.
    pub(crate) fn clients(&self) -> Option<ClientAddress> {
        self.report.as_ref()?.read.node.clients
    }

    /// How it is doing as a whole.
    pub(crate) fn condition(&self) -> Option<&EdgeCondition> {
        self.report.as_ref().map(|report| &report.read.edge)
    }

    /// As it is stored.
    pub(crate) fn to_row(&self, edge: &str) -> EdgeReport {
        EdgeReport {
            edge: edge.to_owned(),
            replica: self.replica.clone(),
            is_here: self.is_here,
            number: 0,
            state: serde_json::to_string(&self.told).unwrap_or_default(),
            report: self.report.as_ref().map(|report| report.bytes.clone()).unwrap_or_default(),
        }
    }

    /// As it was stored; what another version wrote and this one does not understand is left out.
    pub(crate) fn from_row(row: &EdgeReport) -> Self {
        Self {
            replica: row.replica.clone(),
            is_here: row.is_here,
            told: serde_json::from_str(&row.state).unwrap_or_default(),
            report: Report::read(&row.report).map(Arc::new),
        }
    }
}

impl Applied {
    /// Whether it serves by this or what came after it.
    pub(crate) fn has(&self, head: Position) -> bool {
        self.position.is_some_and(|(lineage, revision)| Position { lineage, revision } >= head)
    }
}
