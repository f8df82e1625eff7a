//! The one step that changes what an edge serves by: read, look closely, store, and only then serve. What is told
//! upward as applied is on the disk.

use crate::data_keys::DataKeys;
use crate::digest::Digest;
use crate::disk::{Disk, DiskError, StoredSnapshot};
use crate::edge_content::{NamespaceContent, Rejected, Versions};
use crate::features::Features;
use crate::manifest::Entry;
use crate::mutation::{Check, leaves_out};
use crate::object::{Object, ObjectName};
use crate::signature::VerifiedManifest;
use bytes::Bytes;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Where an edge keeps the snapshot of a namespace.
pub trait Store {
    /// Reads a blob, checked against its digest.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read_blob(&mut self, digest: &Digest) -> Result<Bytes, String>;

    /// Makes a snapshot the one that an edge starts with. Gives the blobs that it needs from now on.
    ///
    /// # Errors
    /// Why it cannot be stored; what was there before still is.
    fn persist(&mut self, snapshot: &StoredSnapshot) -> Result<HashSet<Digest>, String>;
}

/// Who serves by it.
pub trait Host {
    /// Makes of an object what is served by, where something in it is sealed. Without keys nothing is opened.
    ///
    /// # Errors
    /// Why it cannot be opened; it is rejected then, until there are other keys.
    fn open(&mut self, namespace: &Namespace, object: Object) -> Result<Object, String> {
        DataKeys::default().open(namespace, object)
    }

    /// Looks at what is to be served by, and names the objects that cannot be, with reasons. Changes nothing.
    fn check(&mut self, content: &NamespaceContent) -> Vec<(ObjectName, String)>;

    /// Serves by it from now on.
    fn activate(&mut self, content: Arc<NamespaceContent>);
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The objects that are not served by, with reasons.
    pub rejected: BTreeMap<ObjectName, Rejected>,
    /// The blobs that the store needs.
    pub needed: HashSet<Digest>,
}

/// Why everything is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyError {
    /// In words for an operator.
    pub reason: String,
    /// Blobs that turned out to be gone.
    pub lost: Vec<Digest>,
}

/// Serves by a manifest whose blobs are all stored.
///
/// # Errors
/// [`ApplyError`]: nothing has changed.
pub fn apply(
    manifest: &VerifiedManifest,
    before: &Versions,
    known: &Features,
    (store, host): (&mut impl Store, &mut impl Host),
) -> Result<Applied, ApplyError> {
    let mut blob = |entry: &Entry| {
        let lost = |reason| ApplyError { reason, lost: vec![entry.digest] };
        store.read_blob(&entry.digest).map_err(lost)
    };
    let mut open = |object| host.open(manifest.namespace(), object);
    let mut content = NamespaceContent::read(manifest, before, known, &mut blob, &mut open)?;
    for (name, reason) in host.check(&content) {
        content.reject(&name, &reason, before);
    }
    let snapshot = StoredSnapshot { manifest: manifest.clone(), kept: content.kept() };
    let rejected = content.rejected().clone();
    let content = Arc::new(content);
    if leaves_out(Check::StoredFirst) {
        host.activate(content.clone());
    }
    let needed =
        store.persist(&snapshot).map_err(|reason| ApplyError { reason, lost: Vec::new() })?;
    host.activate(content);
    Ok(Applied { rejected, needed })
}

impl Store for Disk {
    fn read_blob(&mut self, digest: &Digest) -> Result<Bytes, String> {
        Self::read_blob(self, digest).map_err(|error| error.to_string())
    }

    fn persist(&mut self, snapshot: &StoredSnapshot) -> Result<HashSet<Digest>, String> {
        let before = self.active().cloned();
        let stored = Self::persist(self, snapshot).map_err(|error: DiskError| error.to_string());
        stored.map(|()| before.iter().chain([snapshot]).flat_map(StoredSnapshot::blobs).collect())
    }
}
