//! What an edge serves by: the objects of one manifest for each namespace, and the snapshot that they make
//! together. An object that is rejected keeps its last good version; everything else is of exactly that manifest.

mod assembly;
#[cfg(test)]
mod tests;

pub use assembly::Assembly;

use crate::digest::Digest;
use crate::features::Features;
use crate::limits::{MAX_KEPT_MANIFESTS, told};
use crate::manifest::{Entry, Position};
use crate::object::{Object, ObjectName, Rejection};
use crate::signature::VerifiedManifest;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One version of an object, and a signed manifest that names it.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its blob.
    pub digest: Digest,
    /// What it says.
    pub object: Arc<Object>,
    /// Who vouches for it.
    pub from: VerifiedManifest,
}

/// Versions of objects by their names.
pub type Versions = BTreeMap<ObjectName, Version>;

/// An object of a manifest that an edge does not serve by, or only by a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why, in words for an operator.
    pub reason: String,
    /// An earlier version of it is served by; else what was understood of it, if anything.
    pub keeps_last_good: bool,
}

/// The objects of one namespace.
#[derive(Debug, Clone)]
pub struct NamespaceContent {
    manifest: VerifiedManifest,
    versions: Versions,
    rejected: BTreeMap<ObjectName, Rejected>,
}

/// Makes of an object what is served by, or says why that cannot be done: where something in it is sealed, it is opened
/// here. What is stored stays as it is.
pub type Open<'a> = dyn FnMut(Object) -> Result<Object, String> + 'a;

/// Which objects are kept from which manifests, where the one in use rejects them.
pub type Kept = Vec<(VerifiedManifest, Vec<ObjectName>)>;

impl NamespaceContent {
    /// Reads the objects of a manifest. What an object of it was before, and whether it can be read at all, decides
    /// on that object alone.
    ///
    /// # Errors
    /// That of `blob`, which gives the bytes of an entry's blob, checked against its digest.
    pub fn read<E>(
        manifest: &VerifiedManifest,
        before: &Versions,
        known: &Features,
        mut blob: impl FnMut(&Entry) -> Result<Bytes, E>,
        open: &mut Open<'_>,
    ) -> Result<Self, E> {
        let mut content = Self {
            manifest: manifest.clone(),
            versions: Versions::new(),
            rejected: <_>::default(),
        };
        for entry in manifest.entries() {
            let version = |object| Version { digest: entry.digest, object, from: manifest.clone() };
            let same = before.get(&entry.name).filter(|before| before.digest == entry.digest);
            let read = match same {
                Some(same) => Ok(same.object.clone()),
                None => read_object(entry, &blob(entry)?, known, open)
                    .map(|object| Arc::new(object.within(manifest.namespace()))),
            };
            match read {
                Ok(object) => {
                    content.rejected.extend(object.left_out().map(|reason| {
                        let (reason, keeps_last_good) = (told(&reason), false);
                        (entry.name.clone(), Rejected { reason, keeps_last_good })
                    }));
                    content.versions.insert(entry.name.clone(), version(object));
                }
                Err(reason) => content.keep(&entry.name, &reason, before),
            }
        }
        content.forget_oldest();
        Ok(content)
    }

    /// Rejects one more of its objects, after a closer look.
    pub fn reject(&mut self, name: &ObjectName, reason: &str, before: &Versions) {
        if self.manifest.find(name).is_some() {
            self.keep(name, reason, before);
            self.forget_oldest();
        }
    }

    /// The manifest that says what there is.
    pub fn manifest(&self) -> &VerifiedManifest {
        &self.manifest
    }

    /// The versions that are served by.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The objects that are not, or not wholly, as the manifest says.
    pub fn rejected(&self) -> &BTreeMap<ObjectName, Rejected> {
        &self.rejected
    }

    /// Where the versions come from that other manifests vouch for, in the order of revisions.
    pub fn kept(&self) -> Kept {
        let mut kept: BTreeMap<(Position, Digest), (VerifiedManifest, Vec<ObjectName>)> =
            BTreeMap::new();
        for (name, version) in &self.versions {
            if version.from != self.manifest {
                let at = (version.from.position(), version.from.digest());
                let kept = kept.entry(at).or_insert_with(|| (version.from.clone(), Vec::new()));
                kept.1.push(name.clone());
            }
        }
        kept.into_values().collect()
    }

    fn keep(&mut self, name: &ObjectName, reason: &str, before: &Versions) {
        let last_good = before.get(name);
        let rejected = Rejected { reason: told(reason), keeps_last_good: last_good.is_some() };
        match last_good {
            Some(version) => self.versions.insert(name.clone(), version.clone()),
            None => self.versions.remove(name),
        };
        self.rejected.insert(name.clone(), rejected);
    }

    /// What is kept has a bound, on disk and in memory.
    fn forget_oldest(&mut self) {
        let kept = self.kept();
        let surplus = kept.len().saturating_sub(MAX_KEPT_MANIFESTS);
        for name in kept.into_iter().take(surplus).flat_map(|(_, names)| names) {
            self.versions.remove(&name);
            if let Some(rejected) = self.rejected.get_mut(&name) {
                rejected.keeps_last_good = false;
            }
        }
    }
}

/// The versions that are kept from other manifests. One that cannot be read any more is left out.
///
/// # Errors
/// That of `blob`.
pub fn read_kept<E>(
    kept: &Kept,
    known: &Features,
    mut blob: impl FnMut(&Entry) -> Result<Bytes, E>,
    open: &mut Open<'_>,
) -> Result<Versions, E> {
    let mut versions = Versions::new();
    for (manifest, names) in kept {
        let names: BTreeSet<_> = names.iter().collect();
        for entry in manifest.entries().iter().filter(|entry| names.contains(&entry.name)) {
            if let Ok(object) = read_object(entry, &blob(entry)?, known, open) {
                let object = Arc::new(object.within(manifest.namespace()));
                let version = Version { digest: entry.digest, object, from: manifest.clone() };
                versions.insert(entry.name.clone(), version);
            }
        }
    }
    Ok(versions)
}

fn read_object(
    entry: &Entry,
    blob: &[u8],
    known: &Features,
    open: &mut Open<'_>,
) -> Result<Object, String> {
    known.check(&entry.required_features).map_err(|error| error.to_string())?;
    if entry.name.meaning().is_none() {
        return Err(Rejection::UnknownKind.to_string());
    }
    let object = Object::decode(&entry.name, blob, known).map_err(|error| error.to_string())?;
    open(object)
}
