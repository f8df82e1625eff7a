//! The content of a namespace as its control plane has it: a snapshot, cut into the blobs that carry it. What
//! did not change is not encoded again.

use crate::object::{
    AppShard, Blob, IssuerObject, Object, ObjectName, PluginObject, TokenShard, TooLarge,
};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All blobs of a snapshot, by their objects.
#[derive(Debug, Clone, Default)]
pub struct Content {
    snapshot: Snapshot,
    blobs: BTreeMap<ObjectName, Blob>,
}

impl Content {
    /// Of a snapshot. Equal content has equal blobs, whatever its revision and however it came about.
    ///
    /// # Errors
    /// [`TooLarge`] names the object.
    pub fn of(snapshot: &Snapshot) -> Result<Self, TooLarge> {
        Self::default().followed_by(snapshot)
    }

    /// Of a snapshot that came after this one: what both share is taken over.
    ///
    /// # Errors
    /// [`TooLarge`] names the object.
    pub fn followed_by(&self, snapshot: &Snapshot) -> Result<Self, TooLarge> {
        let mut blobs = BTreeMap::new();
        let mut put = |name: ObjectName, object: Option<Object>| {
            let blob = match object {
                Some(object) => Some(object.encode()?),
                None => self.blobs.get(&name).cloned(),
            };
            blobs.extend(blob.map(|blob| (name, blob)));
            Ok(())
        };
        for id in plugin_ids(snapshot) {
            let is_same = self.has_same_plugin(snapshot, id);
            let object = (!is_same).then(|| Object::Plugin(plugin_of(snapshot, id)));
            put(ObjectName::plugin(id), object)?;
        }
        for (id, issuer) in &*snapshot.issuers {
            let name = ObjectName::issuer(*id);
            let before = self.snapshot.issuers.get(id);
            let is_same = before.is_some_and(|before| Arc::ptr_eq(before, issuer));
            let object = (!is_same).then(|| Object::Issuer(IssuerObject(issuer.clone())));
            put(name, object)?;
        }
        for shard in 0..=u8::MAX {
            let is_same = snapshot.apps.is_same_part(&self.snapshot.apps, shard);
            let shared = || AppShard::new(shard, snapshot.apps.part(shard).cloned());
            let object = (!is_same).then(shared).filter(|shard| !shard.apps.is_empty());
            if is_same || object.is_some() {
                put(ObjectName::apps(shard), object.map(Object::Apps))?;
            }
            let is_same = snapshot.tokens.is_same_part(&self.snapshot.tokens, shard);
            let shared = || TokenShard::new(shard, snapshot.tokens.part(shard).cloned());
            let object = (!is_same).then(shared).filter(|shard| !shard.tokens.is_empty());
            if is_same || object.is_some() {
                put(ObjectName::tokens(shard), object.map(Object::Tokens))?;
            }
        }
        Ok(Self { snapshot: snapshot.clone(), blobs })
    }

    /// All blobs, in the order of their objects.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.values()
    }

    fn has_same_plugin(&self, snapshot: &Snapshot, id: PluginId) -> bool {
        let (before, after) = (self.snapshot.plugins.get(&id), snapshot.plugins.get(&id));
        let is_same_spec = match (before, after) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (None, None) => true,
            _ => false,
        };
        is_same_spec
            && self.blobs.contains_key(&ObjectName::plugin(id))
            && self.snapshot.registered.get(&id) == snapshot.registered.get(&id)
    }
}

/// Those that run, and those that are registered only.
fn plugin_ids(snapshot: &Snapshot) -> BTreeSet<PluginId> {
    snapshot.plugins.keys().chain(snapshot.registered.keys()).copied().collect()
}

fn plugin_of(snapshot: &Snapshot, id: PluginId) -> PluginObject {
    PluginObject {
        id,
        registered_at: snapshot.registered.get(&id).copied(),
        spec: snapshot.plugins.get(&id).cloned(),
    }
}
