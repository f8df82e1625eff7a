//! From the objects of all namespaces of an edge to one snapshot. What did not change is shared with the
//! snapshot before, so that whoever gets it sees at a glance what there is to do.

use super::{NamespaceContent, Version};
use crate::object::{Kind, Object, ObjectName};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::token::Token;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The content of all namespaces of an edge.
#[derive(Debug, Clone, Default)]
pub struct Assembly {
    namespaces: BTreeMap<Namespace, Arc<NamespaceContent>>,
    snapshot: Snapshot,
}

impl Assembly {
    /// The same with other content of one namespace. The snapshot gets this number, which has to grow.
    ///
    /// Names and numbers are unique in what one edge sees; where they are not after all, those of the edge's own
    /// namespace count.
    #[must_use]
    pub fn with(&self, content: &Arc<NamespaceContent>, revision: Revision) -> Self {
        let mut next = self.clone();
        let namespace = content.manifest().namespace().clone();
        let before = next.namespaces.insert(namespace, content.clone());
        let changed = changed(before.as_deref(), content);
        changed.iter().filter_map(ObjectName::meaning).for_each(|kind| next.renew(kind));
        next.snapshot.revision = revision;
        next
    }

    /// What all namespaces come to.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The content of one namespace.
    pub fn content(&self, namespace: &Namespace) -> Option<&Arc<NamespaceContent>> {
        self.namespaces.get(namespace)
    }

    /// Every version of an object, that of the edge's own namespace last.
    fn versions(&self, name: &ObjectName) -> Vec<Arc<Object>> {
        let version = |content: &Arc<NamespaceContent>| content.versions().get(name).cloned();
        self.namespaces.values().filter_map(version).map(|version| version.object).collect()
    }

    /// That of its version which counts.
    fn namespace_of_plugin(&self, id: PluginId) -> Namespace {
        let name = ObjectName::plugin(id);
        let has_it = |(_, content): &(&Namespace, &Arc<NamespaceContent>)| {
            content.versions().contains_key(&name)
        };
        let last = self.namespaces.iter().rfind(has_it);
        last.map(|(namespace, _)| namespace.clone()).unwrap_or_default()
    }

    fn renew(&mut self, kind: Kind) {
        match kind {
            Kind::Plugin(id) => {
                let plugin = self.versions(&ObjectName::plugin(id)).pop();
                let (spec, since) = match plugin.as_deref() {
                    Some(Object::Plugin(plugin)) => (plugin.spec.clone(), plugin.registered_at),
                    _ => (None, None),
                };
                let plugins = Arc::make_mut(&mut self.snapshot.plugins);
                match spec {
                    Some(spec) => plugins.insert(id, spec),
                    None => plugins.remove(&id),
                };
                let namespace = self.namespace_of_plugin(id);
                let snapshot = std::mem::take(&mut self.snapshot).with_registered(id, since);
                self.snapshot = snapshot.with_namespace(id, &namespace);
            }
            Kind::Issuer(id) => {
                let issuer = self.versions(&ObjectName::issuer(id)).pop();
                let issuers = Arc::make_mut(&mut self.snapshot.issuers);
                match issuer.as_deref() {
                    Some(Object::Issuer(issuer)) => issuers.insert(id, issuer.0.clone()),
                    _ => issuers.remove(&id),
                };
            }
            Kind::Apps(shard) => {
                let versions = self.versions(&ObjectName::apps(shard));
                let apps = versions.iter().flat_map(|object| match &**object {
                    Object::Apps(shard) => shard.apps.as_slice(),
                    _ => &[],
                });
                self.snapshot.apps.set_part(shard, apps.cloned());
            }
            Kind::Tokens(shard) => {
                let versions = self.versions(&ObjectName::tokens(shard));
                let tokens = versions.iter().flat_map(|object| match &**object {
                    Object::Tokens(shard) => shard.tokens.as_slice(),
                    _ => &[],
                });
                let tokens: Vec<_> = tokens.cloned().collect();
                tokens.iter().for_each(|token| self.remember_use(token));
                self.snapshot.tokens.set_part(shard, tokens);
            }
        }
    }

    /// When a token was last used is known here only.
    fn remember_use(&self, token: &Token) {
        if let Some(before) = self.snapshot.tokens.get(&token.hash) {
            token.last_used.follow(&before.last_used);
        }
    }
}

/// The objects that are not the same in both.
fn changed(before: Option<&NamespaceContent>, after: &NamespaceContent) -> BTreeSet<ObjectName> {
    let digest = |content: Option<&NamespaceContent>, name: &ObjectName| {
        let version: Option<&Version> = content.and_then(|content| content.versions().get(name));
        version.map(|version| version.digest)
    };
    let names = before.into_iter().chain([after]).flat_map(|content| content.versions().keys());
    names.filter(|name| digest(before, name) != digest(Some(after), name)).cloned().collect()
}
