//! What an edge has: its disks, and what it serves by. Carries out, one after the other and on whatever thread it is
//! called, what the machine wants done with them.

use super::apply::{Applied, ApplyError, Host, apply};
use super::config::EdgeConfig;
use super::machine::{Action, Event, Start};
use super::trust_keeper::TrustKeeper;
use crate::bootstrap::{self, BootstrapError, Trust};
use crate::data_keys::DataKeys;
use crate::disk::{Damaged, Disk, DiskError, StoredSnapshot};
use crate::edge_content::{NamespaceContent, Versions, read_kept};
use crate::manifest::Entry;
use crate::object::{Object, ObjectName};
use crate::signature::VerifiedManifest;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The folder of the global namespace; no other one can be called so.
const GLOBAL_FOLDER: &str = "_global";

/// The namespaces of an edge.
pub struct Replica<H> {
    config: EdgeConfig,
    host: H,
    keeper: Option<Box<dyn TrustKeeper>>,
    namespaces: BTreeMap<Namespace, One>,
}

/// One of them.
struct One {
    disk: Disk,
    active: Option<Arc<NamespaceContent>>,
}

impl<H: Host> Replica<H> {
    /// Reads what is on the disk and serves by it. What is damaged is told, and not used.
    ///
    /// # Errors
    /// [`DiskError`] when the folder cannot be read or made.
    pub fn open(
        folder: &Path,
        namespaces: impl IntoIterator<Item = Namespace>,
        config: EdgeConfig,
        host: H,
    ) -> Result<(Self, Vec<Damaged>), DiskError> {
        let mut replica = Self { config, host, keeper: None, namespaces: BTreeMap::new() };
        let mut damaged = Vec::new();
        for namespace in namespaces {
            let name = if namespace.is_global() { GLOBAL_FOLDER } else { namespace.as_str() };
            let mut disk = Disk::open(&folder.join(name), namespace.clone())?;
            let loaded = disk.load(&replica.config.signers)?;
            damaged.extend(loaded.damaged);
            let mut one = One { disk, active: None };
            if let Some(stored) = loaded.snapshot {
                replica.serve(&mut one, &stored)?;
            }
            replica.namespaces.insert(namespace, one);
        }
        Ok((replica, damaged))
    }

    /// Trust bundles of the control plane are kept by this one; without it they are refused.
    #[must_use]
    pub fn with_keeper(self, keeper: impl TrustKeeper + 'static) -> Self {
        Self { keeper: Some(Box::new(keeper)), ..self }
    }

    /// Takes over a bootstrap file, and serves by it. What is on the disk already, and is newer, stays. The keys are
    /// those by which the host opens what is sealed. Tells the namespaces of the file that this edge does not serve.
    ///
    /// # Errors
    /// [`BootstrapError`] says what is wrong or missing; everything is as before then.
    pub fn bootstrap(
        &mut self,
        file: &mut impl Read,
        keys: &DataKeys,
    ) -> Result<BTreeSet<Namespace>, BootstrapError> {
        let signers = self.config.signers.clone();
        let trust = Trust { signers: Some(&signers), has_key: &|namespace| keys.has(namespace) };
        let manifests = bootstrap::read(file, &trust, &mut |manifests, digest, bytes| {
            for manifest in manifests.iter().filter(|manifest| manifest.has_blob(&digest)) {
                if let Some(one) = self.namespaces.get_mut(manifest.namespace()) {
                    one.disk.write_blob(digest, &bytes)?;
                }
            }
            Ok(())
        })?;
        let mut left = BTreeSet::new();
        for manifest in manifests {
            if !self.namespaces.contains_key(manifest.namespace()) {
                left.insert(manifest.namespace().clone());
            }
            self.take_over(manifest).map_err(|error| BootstrapError::Sink(error.into()))?;
        }
        Ok(left)
    }

    /// What the machine begins with.
    pub fn start(&self) -> BTreeMap<Namespace, Start> {
        let start = |(namespace, one): (&Namespace, &One)| {
            let active = one.active.as_deref();
            let start = Start {
                manifest: active.map(|active| active.manifest().clone()),
                rejected: active.map(|active| active.rejected().clone()).unwrap_or_default(),
                known: one.disk.known().clone(),
            };
            (namespace.clone(), start)
        };
        self.namespaces.iter().map(start).collect()
    }

    /// Who an edge is.
    pub fn config(&self) -> &EdgeConfig {
        &self.config
    }

    /// Carries out what is not about the stream. Reads and writes files.
    pub fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Store(namespace, digest, bytes) => {
                let one = self.namespaces.get_mut(&namespace)?;
                let stored = one.disk.write_blob(digest, &bytes);
                let stored = stored.map_err(|error| error.to_string());
                Some(Event::Stored(namespace, digest, stored))
            }
            Action::Remove(namespace, digests) => {
                self.namespaces.get_mut(&namespace)?.disk.remove_blobs(&digests);
                None
            }
            Action::Apply(manifest) => {
                let applied = self.apply(&manifest)?;
                Some(Event::Applied(manifest.namespace().clone(), applied))
            }
            Action::KeepTrust(bundle) => {
                let kept = match &mut self.keeper {
                    Some(keeper) => keeper.keep(&bundle),
                    None => Err("this edge keeps no trust bundles".to_owned()),
                };
                if let Ok(signers) = &kept {
                    self.config.signers = signers.clone();
                    self.config.trust = Some(bundle.digest());
                }
                Some(Event::TrustKept(bundle.digest(), kept))
            }
            Action::Connect | Action::Disconnect(_) => None,
        }
    }

    fn apply(&mut self, manifest: &VerifiedManifest) -> Option<Result<Applied, ApplyError>> {
        let One { disk, active } = self.namespaces.get_mut(manifest.namespace())?;
        let before = active.clone();
        let none = Versions::new();
        let before = before.as_ref().map_or(&none, |active| active.versions());
        let mut host = Remembering { host: &mut self.host, active };
        Some(apply(manifest, before, &self.config.features, (disk, &mut host)))
    }

    /// Serves by what is on the disk.
    fn serve(&mut self, one: &mut One, stored: &StoredSnapshot) -> Result<(), DiskError> {
        let (known, host, disk) = (&self.config.features, &mut self.host, &mut one.disk);
        let mut blob = |entry: &Entry| disk.read_blob(&entry.digest);
        let mut open = |object| host.open(stored.manifest.namespace(), object);
        let kept = read_kept(&stored.kept, known, &mut blob, &mut open)?;
        let mut content =
            NamespaceContent::read(&stored.manifest, &kept, known, &mut blob, &mut open)?;
        for (name, reason) in self.host.check(&content) {
            content.reject(&name, &reason, &kept);
        }
        let content = Arc::new(content);
        self.host.activate(content.clone());
        one.active = Some(content);
        Ok(())
    }

    fn take_over(&mut self, manifest: VerifiedManifest) -> Result<(), DiskError> {
        let namespace = manifest.namespace().clone();
        let Some(mut one) = self.namespaces.remove(&namespace) else { return Ok(()) };
        let has = one.active.as_ref().map(|active| active.manifest().position());
        let mut taken = Ok(());
        if has.is_none_or(|has| has < manifest.position()) {
            let stored = StoredSnapshot { manifest, kept: Vec::new() };
            taken = one.disk.persist(&stored).and_then(|()| self.serve(&mut one, &stored));
        }
        self.namespaces.insert(namespace, one);
        taken
    }
}

/// What is served by is remembered beside.
struct Remembering<'a, H> {
    host: &'a mut H,
    active: &'a mut Option<Arc<NamespaceContent>>,
}

impl<H: Host> Host for Remembering<'_, H> {
    fn open(&mut self, namespace: &Namespace, object: Object) -> Result<Object, String> {
        self.host.open(namespace, object)
    }

    fn check(&mut self, content: &NamespaceContent) -> Vec<(ObjectName, String)> {
        self.host.check(content)
    }

    fn activate(&mut self, content: Arc<NamespaceContent>) {
        self.host.activate(content.clone());
        *self.active = Some(content);
    }
}
