//! What the control plane remembers of an owner's files: which fields of which things they named.

use super::document::{Document, Key};
use super::live::Live;
use super::names::Names;
use super::steps::{Action, Step};
use std::collections::BTreeMap;

/// What was named last time, of each thing.
pub(crate) type Applied = BTreeMap<Key, Names>;

/// What is remembered of what files named.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    /// Up to now.
    pub(crate) before: Applied,
    /// While the plan is carried out, since nobody knows how far it gets: what was named before and is now.
    pub(crate) meanwhile: Applied,
    /// From then on.
    pub(crate) after: Applied,
}

impl Memory {
    /// What is to be remembered. Things that left the files stay remembered as long as they are there.
    pub(crate) fn of(document: &Document, live: &Live, before: &Applied, steps: &[Step]) -> Self {
        let mut after: Applied = document
            .things
            .iter()
            .filter(|(key, _)| key.kind.is_managed())
            .map(|(key, said)| (key.clone(), Names::of(&said.fields)))
            .collect();
        let mut meanwhile = before.clone();
        for (key, names) in &after {
            let both = meanwhile.get(key).map_or_else(|| names.clone(), |known| known.and(names));
            meanwhile.insert(key.clone(), both);
        }
        let is_deleted = |key: &Key| {
            steps.iter().any(|step| step.action == Action::Delete && step.key() == *key)
        };
        for (key, names) in before {
            if !after.contains_key(key) && live.things.contains_key(key) && !is_deleted(key) {
                after.insert(key.clone(), names.clone());
            }
        }
        Self { before: before.clone(), meanwhile, after }
    }
}
