//! How far a change has come: which edges serve by it.

use super::heads::Heads;
use super::table::{EdgeTable, SeenEdge};
use crate::fleet::{Coverage, RejectedThere};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use sidegate_sync::{Digest, Position};
use std::collections::BTreeMap;

/// Rejections that are told one by one.
const MAX_TOLD: usize = 100;

/// Of a revision, once what it changed is published.
pub(super) fn of(revision: Revision, heads: &Heads, table: &EdgeTable) -> Coverage {
    // What changed earlier has nothing to do with it, and what changed later has it.
    let mut concerned = heads.positions();
    concerned.retain(|_, (position, _)| position.revision >= revision);
    let mut coverage = Coverage::default();
    if concerned.is_empty() {
        return coverage;
    }
    for edge in table.edges() {
        let may_come = edge.edge.joined.is_some() && edge.edge.revoked_at.is_none();
        if may_come || edge.is_connected {
            coverage.add(&edge, &concerned);
        }
    }
    coverage
}

impl Coverage {
    fn add(&mut self, seen: &SeenEdge, concerned: &BTreeMap<Namespace, (Position, Digest)>) {
        let is_its =
            |namespace: &Namespace| namespace.is_global() || *namespace == seen.edge.namespace;
        let mut heads = concerned.iter().filter(|(namespace, _)| is_its(namespace)).peekable();
        if heads.peek().is_none() {
            return;
        }
        if !seen.is_connected {
            self.offline += 1;
            return;
        }
        self.connected += 1;
        let mut has_all = true;
        for (namespace, (position, digest)) in heads {
            let applied = seen.status.as_ref().and_then(|status| status.in_namespace(namespace));
            let Some(applied) = applied else {
                has_all = false;
                continue;
            };
            has_all &= applied.has(*position);
            let refused = applied.refused.as_ref().filter(|(it, _)| *it == digest.to_string());
            let whole = refused.map(|(_, reason)| ("manifest", reason));
            let objects = applied.rejected.iter().map(|r| (r.object.as_str(), &r.reason));
            let room = MAX_TOLD.saturating_sub(self.rejected.len());
            self.rejected.extend(whole.into_iter().chain(objects).take(room).map(
                |(object, reason)| RejectedThere {
                    node: seen.edge.name.clone(),
                    object: object.to_owned(),
                    reason: reason.clone(),
                },
            ));
        }
        self.applied += usize::from(has_all);
    }
}
