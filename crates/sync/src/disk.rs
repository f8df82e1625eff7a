//! The snapshot of one namespace on an edge's disk: blobs by their digests, and two signed manifests, `current` and
//! `previous`. Whatever is read is checked against digest and signature; what a power cut leaves behind
//! is either the one manifest or the other, whole.

mod files;
mod snapshot_file;
#[cfg(test)]
mod tests;

use crate::digest::Digest;
use crate::edge_content::Kept;
use crate::limits::MAX_BLOB_BYTES;
use crate::signature::{PinnedSigners, VerifiedManifest};
use bytes::Bytes;
pub use files::DiskError;
use files::Files;
use sidegate_model::namespace::Namespace;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const BLOBS: &str = "blobs";
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

/// A manifest with what is kept of others.
#[derive(Debug, Clone)]
pub struct StoredSnapshot {
    /// Which objects there are.
    pub manifest: VerifiedManifest,
    /// The last good versions of objects that were rejected.
    pub kept: Kept,
}

impl StoredSnapshot {
    /// All blobs that it needs.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        let kept = self.kept.iter().flat_map(|(manifest, names)| {
            names.iter().filter_map(|name| manifest.find(name)).map(|entry| entry.digest)
        });
        self.manifest.entries().iter().map(|entry| entry.digest).chain(kept)
    }
}

/// A file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not used: {problem}", .file.display())]
pub struct Damaged {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The newest snapshot that is whole.
    pub snapshot: Option<StoredSnapshot>,
    /// Everything that is not.
    pub damaged: Vec<Damaged>,
}

/// The folder of one namespace. It has one owner.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    namespace: Namespace,
    files: Files,
    /// The blobs that are there and whole.
    known: HashSet<Digest>,
    /// Blobs that are there and not whole.
    damaged: HashSet<Digest>,
    /// What is in use, which is what becomes `previous`.
    active: Option<StoredSnapshot>,
}

impl Disk {
    /// Opens a folder, or makes it; for its owner's eyes only.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(folder: &Path, namespace: Namespace) -> Result<Self, DiskError> {
        Self::open_with(Files::default(), folder, namespace)
    }

    fn open_with(files: Files, folder: &Path, namespace: Namespace) -> Result<Self, DiskError> {
        files.make_folder(folder)?;
        files.make_folder(&folder.join(BLOBS))?;
        let folder = folder.to_owned();
        let (known, damaged) = (HashSet::new(), HashSet::new());
        Ok(Self { folder, namespace, files, known, damaged, active: None })
    }

    /// Reads and checks everything. The newest snapshot that is whole is in use from now on.
    ///
    /// # Errors
    /// [`DiskError`] when the folder cannot be read at all.
    pub fn load(&mut self, signers: &PinnedSigners) -> Result<Loaded, DiskError> {
        let mut loaded = Loaded::default();
        self.check_blobs(&mut loaded.damaged)?;
        for name in [CURRENT, PREVIOUS] {
            match self.read_snapshot(name, signers) {
                Ok(Some(snapshot)) if loaded.snapshot.is_none() => {
                    loaded.snapshot = Some(snapshot);
                }
                Ok(_) => {}
                Err(problem) => {
                    loaded.damaged.push(Damaged { file: self.folder.join(name), problem });
                }
            }
        }
        self.active = loaded.snapshot.clone();
        Ok(loaded)
    }

    /// The blobs that are there and whole.
    pub fn known(&self) -> &HashSet<Digest> {
        &self.known
    }

    /// Stores a blob whose digest was checked. It is sure to be there once a manifest is that names it.
    ///
    /// # Errors
    /// [`DiskError`]; everything that was there before still is.
    pub fn write_blob(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), DiskError> {
        self.files.write(&self.folder.join(BLOBS), &digest.to_string(), bytes)?;
        self.damaged.remove(&digest);
        self.known.insert(digest);
        Ok(())
    }

    /// Reads a blob, and checks it once more.
    ///
    /// # Errors
    /// [`DiskError`] when it is not there or not whole any more; it is not known then.
    pub fn read_blob(&mut self, digest: &Digest) -> Result<Bytes, DiskError> {
        let read = self.read_checked(digest);
        if read.is_err() {
            self.known.remove(digest);
        }
        read
    }

    /// Makes a snapshot the current one, and the one in use the previous. All of its blobs are there.
    ///
    /// # Errors
    /// [`DiskError`]; what was in use is still there.
    pub fn persist(&mut self, snapshot: &StoredSnapshot) -> Result<(), DiskError> {
        let missing = snapshot.blobs().find(|digest| !self.known.contains(digest));
        if let Some(digest) = missing {
            return Err(DiskError::missing(&self.blob_path(&digest)));
        }
        self.files.sync_folder(&self.folder.join(BLOBS))?;
        if let Some(active) = &self.active
            && active.manifest != snapshot.manifest
        {
            self.files.write(&self.folder, PREVIOUS, &snapshot_file::encode(active))?;
            self.files.sync_folder(&self.folder)?;
        }
        self.files.write(&self.folder, CURRENT, &snapshot_file::encode(snapshot))?;
        self.files.sync_folder(&self.folder)?;
        self.active = Some(snapshot.clone());
        // Nothing that is whole needs one of them any more.
        let damaged: Vec<_> = self.damaged.drain().collect();
        self.remove_blobs(&damaged);
        Ok(())
    }

    /// Removes blobs that nothing names any more. One that cannot be removed only takes room.
    pub fn remove_blobs(&mut self, digests: &[Digest]) {
        for digest in digests {
            self.known.remove(digest);
            if let Err(error) = self.files.remove(&self.blob_path(digest)) {
                tracing::warn!(%error, "a blob that is not needed any more stays on disk");
            }
        }
    }

    /// The snapshot in use.
    pub fn active(&self) -> Option<&StoredSnapshot> {
        self.active.as_ref()
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(BLOBS).join(digest.to_string())
    }

    fn read_checked(&self, digest: &Digest) -> Result<Bytes, DiskError> {
        let path = self.blob_path(digest);
        let bytes = self.files.read(&path, MAX_BLOB_BYTES)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes.into()),
            false => Err(DiskError::damaged(&path)),
        }
    }

    /// Finds the blobs that are whole. What no name of a blob was given was left behind by a write that was cut.
    fn check_blobs(&mut self, damaged: &mut Vec<Damaged>) -> Result<(), DiskError> {
        self.known.clear();
        self.damaged.clear();
        for name in self.files.list(&self.folder.join(BLOBS))? {
            let Some(digest) = Digest::parse(&name) else {
                let _ = self.files.remove(&self.folder.join(BLOBS).join(&name));
                continue;
            };
            match self.read_checked(&digest) {
                Ok(_) => {
                    self.known.insert(digest);
                }
                Err(error) => {
                    self.damaged.insert(digest);
                    let (file, problem) = (self.blob_path(&digest), error.problem());
                    damaged.push(Damaged { file, problem });
                }
            }
        }
        Ok(())
    }

    fn read_snapshot(
        &self,
        name: &str,
        signers: &PinnedSigners,
    ) -> Result<Option<StoredSnapshot>, String> {
        let path = self.folder.join(name);
        let bytes = match self.files.read(&path, snapshot_file::MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.problem()),
        };
        let snapshot = snapshot_file::decode(&bytes, signers)?;
        let manifests = snapshot.kept.iter().map(|(manifest, _)| manifest);
        for manifest in manifests.chain([&snapshot.manifest]) {
            if *manifest.namespace() != self.namespace {
                let (its, ours) = (manifest.namespace(), &self.namespace);
                return Err(format!("it is of namespace {its}, and this folder of {ours}"));
            }
        }
        let missing = snapshot.blobs().find(|digest| !self.known.contains(digest));
        match missing {
            None => Ok(Some(snapshot)),
            Some(digest) => Err(format!("its blob {digest} is missing or damaged")),
        }
    }
}
