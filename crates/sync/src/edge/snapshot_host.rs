//! A host that makes one snapshot of all namespaces and publishes it, each time under a higher number.

use super::apply::Host;
use crate::data_keys::DataKeys;
use crate::edge_content::{Assembly, NamespaceContent};
use crate::object::{Object, ObjectName};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Snapshot;
use std::sync::Arc;
use tokio::sync::watch;

/// Opens what is sealed in an object of a namespace, or says why it cannot.
pub type Opening = Box<dyn FnMut(&Namespace, Object) -> Result<Object, String> + Send>;

/// Names the objects that cannot be served by, with reasons.
pub type Checking = Box<dyn FnMut(&NamespaceContent) -> Vec<(ObjectName, String)> + Send>;

/// What an edge looks at before it serves by something.
pub struct Inspection {
    /// Before anything else.
    pub open: Opening,
    /// Of the whole, before it is stored.
    pub check: Checking,
}

impl Inspection {
    /// Secrets are opened with these keys, as they are at that moment; everything else is fine.
    pub fn with_keys(keys: &DataKeys) -> Self {
        let keys = keys.clone();
        let open = move |namespace: &Namespace, object| keys.open(namespace, object);
        Self { open: Box::new(open), check: Box::new(|_| Vec::new()) }
    }
}

impl Default for Inspection {
    /// There are no keys, and everything is fine that needs none.
    fn default() -> Self {
        Self::with_keys(&DataKeys::default())
    }
}

/// Publishes snapshots.
pub struct SnapshotHost {
    assembly: Assembly,
    snapshots: watch::Sender<Arc<Snapshot>>,
    inspection: Inspection,
}

impl SnapshotHost {
    /// Publishes to this channel. Its first value is an empty snapshot, which has the number 0; what is
    /// published has higher ones.
    pub fn new(inspection: Inspection) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let (snapshots, receiver) = watch::channel(Arc::default());
        (Self { assembly: Assembly::default(), snapshots, inspection }, receiver)
    }
}

impl Host for SnapshotHost {
    fn open(&mut self, namespace: &Namespace, object: Object) -> Result<Object, String> {
        (self.inspection.open)(namespace, object)
    }

    fn check(&mut self, content: &NamespaceContent) -> Vec<(ObjectName, String)> {
        (self.inspection.check)(content)
    }

    fn activate(&mut self, content: Arc<NamespaceContent>) {
        let revision = self.assembly.snapshot().revision + 1;
        self.assembly = self.assembly.with(&content, revision);
        self.snapshots.send_replace(Arc::new(self.assembly.snapshot().clone()));
    }
}
