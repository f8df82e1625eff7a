//! Desired state by namespaces: of each what its edges get. What did not change is shared with the partition before,
//! so that only what changed is encoded anew.

use sidegate_model::app::App;
use sidegate_model::issuer::Issuer;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::sharded::{Keyed, Sharded};
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::Token;
use sidegate_store::SealedSpecs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Desired state, whole and by namespaces.
#[derive(Default)]
pub(crate) struct Partition {
    whole: Snapshot,
    /// Sealed.
    specs: SealedSpecs,
    parts: BTreeMap<Namespace, Snapshot>,
}

impl Partition {
    /// Whether the sealed specs of the one before are those of this snapshot, too.
    pub(crate) fn has_same_plugins(&self, whole: &Snapshot) -> bool {
        Arc::ptr_eq(&self.whole.plugins, &whole.plugins)
    }

    /// Of what came after it. There is a part for each of `namespaces`, and for each in which there is something.
    pub(crate) fn followed_by(
        &self,
        whole: &Snapshot,
        specs: Option<SealedSpecs>,
        namespaces: &BTreeSet<Namespace>,
    ) -> Self {
        let specs = specs.map_or_else(|| self.specs.clone(), |specs| shared(&self.specs, specs));
        let mut parts = self.parts.clone();
        for namespace in namespaces {
            parts.entry(namespace.clone()).or_default();
        }
        for shard in 0..=u8::MAX {
            let of_app = |app: &App| Some(app.namespace.clone());
            let tables = Tables { before: &self.whole.apps, whole: &whole.apps, shard };
            tables.split(&mut parts, of_app, |part| &mut part.apps);
            let of_token = |token: &Token| Some(whole.apps.get(&token.app_id)?.namespace.clone());
            let tables = Tables { before: &self.whole.tokens, whole: &whole.tokens, shard };
            tables.split(&mut parts, of_token, |part| &mut part.tokens);
        }
        for id in whole.registered.keys() {
            parts.entry(whole.namespace_of(*id)).or_default();
        }
        for issuer in whole.issuers.values() {
            parts.entry(issuer.draft.namespace.clone()).or_default();
        }
        for (namespace, part) in &mut parts {
            set_issuers(part, namespace, whole);
            set_plugins(part, namespace, whole, &specs);
            part.revision = whole.revision;
        }
        Self { whole: whole.clone(), specs, parts }
    }

    /// What each namespace has.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Namespace, &Snapshot)> {
        self.parts.iter()
    }
}

/// A table before and now, and the part that is looked at.
struct Tables<'a, V: Keyed> {
    before: &'a Sharded<V>,
    whole: &'a Sharded<V>,
    shard: u8,
}

impl<V: Keyed + PartialEq> Tables<'_, V> {
    /// Nothing of a thing that belongs nowhere.
    fn split(
        &self,
        parts: &mut BTreeMap<Namespace, Snapshot>,
        namespace: impl Fn(&V) -> Option<Namespace>,
        table: fn(&mut Snapshot) -> &mut Sharded<V>,
    ) {
        if self.whole.is_same_part(self.before, self.shard) {
            return;
        }
        let mut groups = BTreeMap::<Namespace, Vec<Arc<V>>>::new();
        for value in self.whole.part(self.shard) {
            if let Some(namespace) = namespace(value) {
                groups.entry(namespace).or_default().push(value.clone());
            }
        }
        for namespace in groups.keys() {
            if !parts.contains_key(namespace) {
                parts.insert(namespace.clone(), Snapshot::default());
            }
        }
        for (namespace, part) in parts {
            let values = groups.remove(namespace).unwrap_or_default();
            let table = table(part);
            // One that was read anew is another one and may yet be equal.
            if !is_equal(table, self.shard, &values) {
                table.set_part(self.shard, values);
            }
        }
    }
}

fn is_equal<V: Keyed + PartialEq>(table: &Sharded<V>, shard: u8, values: &[Arc<V>]) -> bool {
    let is_there = |value: &Arc<V>| table.get(&value.key()).is_some_and(|known| **known == **value);
    table.part(shard).count() == values.len() && values.iter().all(is_there)
}

/// Specs, as the ones before where they are equal.
fn shared(before: &SealedSpecs, mut specs: SealedSpecs) -> SealedSpecs {
    for (id, spec) in &mut specs {
        if let Some(known) = before.get(id).filter(|known| **known == *spec) {
            *spec = known.clone();
        }
    }
    specs
}

fn set_issuers(part: &mut Snapshot, namespace: &Namespace, whole: &Snapshot) {
    let is_here = |(_, issuer): &(&_, &Arc<Issuer>)| issuer.draft.namespace == *namespace;
    let issuers: BTreeMap<_, _> = whole
        .issuers
        .iter()
        .filter(is_here)
        .map(|(id, issuer)| match part.issuers.get(id).filter(|known| **known == *issuer) {
            Some(known) => (*id, known.clone()),
            None => (*id, issuer.clone()),
        })
        .collect();
    part.issuers = Arc::new(issuers);
}

fn set_plugins(part: &mut Snapshot, namespace: &Namespace, whole: &Snapshot, specs: &SealedSpecs) {
    let is_here = |id: &PluginId| whole.namespace_of(*id) == *namespace;
    let registered = whole.registered.iter().filter(|(id, _)| is_here(id));
    let registered: BTreeMap<_, _> = registered.map(|(id, since)| (*id, *since)).collect();
    // Only what is active is to run.
    let active = |id: &PluginId| whole.plugins.contains_key(id) && is_here(id);
    let plugins: BTreeMap<_, _> =
        specs.iter().filter(|(id, _)| active(id)).map(|(id, spec)| (*id, spec.clone())).collect();
    part.registered = Arc::new(registered);
    part.plugins = Arc::new(plugins);
}
