//! The data keys of an edge's namespaces: one keyring for each, which whoever keeps the trust bundle changes
//! while objects are opened with it.

use crate::object::{Object, PluginObject};
use crate::sealed_settings;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin_sealing::{KeysFuture, Look, NamespaceKeys};
use sidegate_model::sealing::Keyring;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Keyrings by namespace.
pub type Keyrings = BTreeMap<Namespace, Arc<Keyring>>;

/// A handle to the keys of an edge; copies are of the same keys.
///
/// ```
/// use sidegate_model::sealing::Keyring;
/// use sidegate_sync::{DataKeys, Namespace};
/// let keys = DataKeys::default();
/// let same = keys.clone();
/// assert!(!same.has(&Namespace::global()));
/// keys.replace([(Namespace::global(), Keyring::single([7; 32]))]);
/// assert!(same.has(&Namespace::global()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct DataKeys(Arc<watch::Sender<Keyrings>>);

impl DataKeys {
    /// These ones.
    pub fn new(keys: impl IntoIterator<Item = (Namespace, Keyring)>) -> Self {
        let handle = Self::default();
        handle.replace(keys);
        handle
    }

    /// From now on these ones and no others.
    pub fn replace(&self, keys: impl IntoIterator<Item = (Namespace, Keyring)>) {
        let keys = keys.into_iter().map(|(namespace, keys)| (namespace, Arc::new(keys)));
        self.0.send_replace(keys.collect());
    }

    /// Whether there is a key of a namespace.
    pub fn has(&self, namespace: &Namespace) -> bool {
        self.0.borrow().contains_key(namespace)
    }

    /// The keys from now on.
    pub fn changes(&self) -> watch::Receiver<Keyrings> {
        self.0.subscribe()
    }

    /// An object of a namespace with what is sealed in it in clear.
    ///
    /// # Errors
    /// Why it cannot be opened, in words for an operator.
    pub fn open(&self, namespace: &Namespace, object: Object) -> Result<Object, String> {
        let Object::Plugin(plugin) = object else { return Ok(object) };
        let Some(sealed) = plugin.spec.as_ref().filter(|spec| sealed_settings::is_sealed(spec))
        else {
            return Ok(Object::Plugin(plugin));
        };
        let keys = self.0.borrow().get(namespace).cloned();
        let keys = keys.ok_or_else(|| {
            format!(
                "its secret settings cannot be opened: this edge has no key of namespace \
                 {namespace}; it waits for one from its control plane"
            )
        })?;
        let opened = sealed_settings::open(sealed, &keys);
        let spec = opened.map_err(|problem| {
            format!("its secret settings cannot be opened with the keys of namespace {namespace}: {problem}")
        })?;
        Ok(Object::Plugin(PluginObject { spec: Some(Arc::new(spec)), ..plugin }))
    }
}

/// Those that an edge has are the newest that it can have: also where nobody can be asked.
impl NamespaceKeys for DataKeys {
    fn keys<'a>(&'a self, namespace: &'a Namespace, _: Look) -> KeysFuture<'a> {
        Box::pin(std::future::ready(self.0.borrow().get(namespace).cloned()))
    }
}
