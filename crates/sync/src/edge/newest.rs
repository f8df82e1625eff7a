//! Whether what an edge has is the newest, and as of when that is known: as of the last question that was answered. An
//! answer can be late, and is not wrong by that; no answer is no news.

use super::namespace_state::NamespaceState;
use crate::digest::Digest;
use crate::message;
use crate::signature::VerifiedManifest;
use sidegate_model::namespace::Namespace;
use std::collections::BTreeMap;

/// What the control plane said on this stream of what is the newest.
#[derive(Debug, Default)]
pub(super) struct Newest {
    /// The last question, of all streams.
    asked: u64,
    /// The last one that was answered.
    answered: Option<u64>,
    /// The newest manifests, as of that question or later.
    manifests: BTreeMap<Namespace, Digest>,
}

impl Newest {
    /// A new stream: what was said on the one before may have changed since.
    pub(super) fn reconnected(&mut self) {
        self.answered = None;
        self.manifests.clear();
    }

    /// The next question.
    pub(super) fn ask(&mut self) -> message::Ask {
        self.asked += 1;
        message::Ask { number: self.asked }
    }

    /// An answer is good for its question and those before; one that comes late says nothing new.
    pub(super) fn answered(&mut self, current: message::Current) {
        let is_news = self.answered.is_none_or(|answered| answered < current.number);
        if !is_news || current.number > self.asked {
            return;
        }
        self.answered = Some(current.number);
        // More than an edge gets is of no use to it.
        let named = current.newest.into_iter().take(2).filter_map(|newest| {
            let namespace = Namespace::parse(&newest.namespace).ok()?;
            Some((namespace, Digest::from_slice(&newest.manifest_digest)?))
        });
        self.manifests = named.collect();
    }

    /// A head: newer than what an answer before it said, and told at once.
    pub(super) fn told(&mut self, manifest: &VerifiedManifest) {
        self.manifests.insert(manifest.namespace().clone(), manifest.digest());
    }

    /// The question as of which the newest of everything is served by, if it is.
    pub(super) fn as_of(&self, served: &BTreeMap<Namespace, NamespaceState>) -> Option<u64> {
        let has_newest = |(namespace, state): (&Namespace, &NamespaceState)| {
            let newest = self.manifests.get(namespace);
            newest.is_some_and(|newest| state.serves(newest)) && state.is_settled()
        };
        self.answered.filter(|_| served.iter().all(has_newest))
    }
}
