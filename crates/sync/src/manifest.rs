//! Manifests: which objects a namespace has at one revision. Knows neither who signs them nor where they lie.

use crate::digest::Digest;
use crate::limits::{
    MAX_AUTHOR_BYTES, MAX_BLOB_BYTES, MAX_ENTRIES, MAX_FEATURES, MAX_MANIFEST_BYTES,
    MAX_NAME_BYTES, MAX_SNAPSHOT_BYTES,
};
use crate::message;
use crate::object::{Blob, ObjectName};
use prost::Message as _;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use std::collections::BTreeSet;
use std::fmt;

/// Where a manifest stands. Of two the greater one counts: within a lineage no edge ever goes back, and a higher
/// lineage, which only the signer can begin, counts more than any revision of a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Raised when a database was restored.
    pub lineage: u64,
    /// Raised with every change.
    pub revision: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {} of lineage {}", self.revision, self.lineage)
    }
}

/// One revision, but for its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which edges get it.
    pub namespace: Namespace,
    /// Where it stands.
    pub position: Position,
    /// The digest of the manifest before it.
    pub parent: Option<Digest>,
    /// Who published it.
    pub author: String,
    /// When.
    pub at: UnixMillis,
}

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which object.
    pub name: ObjectName,
    /// Its blob.
    pub digest: Digest,
    /// How many bytes its blob has.
    pub size: u64,
    /// What an edge must know to understand it.
    pub required_features: BTreeSet<String>,
}

/// Which objects a namespace has at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    publication: Publication,
    entries: Vec<Entry>,
}

/// Why something is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no manifest: {0}")]
pub struct InvalidManifest(String);

impl Manifest {
    /// Of these blobs.
    ///
    /// # Errors
    /// [`InvalidManifest`] when two are of one object, or it is larger than an edge would take.
    pub fn new<'a>(
        publication: Publication,
        blobs: impl IntoIterator<Item = &'a Blob>,
    ) -> Result<Self, InvalidManifest> {
        let entry = |blob: &Blob| Entry {
            name: blob.name.clone(),
            digest: blob.digest,
            size: size(blob.bytes.len()),
            required_features: blob.required_features.clone(),
        };
        let mut entries: Vec<_> = blobs.into_iter().map(entry).collect();
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let manifest = Self { publication, entries };
        manifest.check()?;
        match manifest.encode().len() {
            bytes if bytes > MAX_MANIFEST_BYTES => Err(too_long(bytes)),
            _ => Ok(manifest),
        }
    }

    /// Everything but its objects.
    pub fn publication(&self) -> &Publication {
        &self.publication
    }

    /// Which edges get it.
    pub fn namespace(&self) -> &Namespace {
        &self.publication.namespace
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.publication.position
    }

    /// Its objects, in the order of names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The object with this name.
    pub fn find(&self, name: &ObjectName) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
        self.entries.get(at)
    }

    /// The same for equal content of a namespace, whoever published it, when, and as which revision.
    pub fn content_id(&self) -> Digest {
        let content = message::Manifest {
            namespace: self.namespace().as_str().to_owned(),
            entries: self.entries.iter().map(entry_message).collect(),
            ..message::Manifest::default()
        };
        Digest::of_kind("sidegate content 1", &[&content.encode_to_vec()])
    }

    /// Its bytes: those that are signed.
    pub fn encode(&self) -> Vec<u8> {
        let Publication { namespace, position, parent, author, at } = &self.publication;
        let manifest = message::Manifest {
            namespace: namespace.as_str().to_owned(),
            lineage: position.lineage,
            revision: position.revision,
            parent: parent.map_or_else(Vec::new, |parent| parent.as_bytes().to_vec()),
            author: author.clone(),
            at: *at,
            entries: self.entries.iter().map(entry_message).collect(),
        };
        manifest.encode_to_vec()
    }

    /// Reads bytes that may come from anywhere.
    ///
    /// # Errors
    /// [`InvalidManifest`] says what is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidManifest> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(too_long(bytes.len()));
        }
        let read = message::Manifest::decode(bytes).map_err(|error| wrong(error.to_string()))?;
        let parent = match read.parent.as_slice() {
            [] => None,
            parent => Some(digest(parent)?),
        };
        let manifest = Self {
            publication: Publication {
                namespace: Namespace::parse(&read.namespace).map_err(|e| wrong(e.to_string()))?,
                position: Position { lineage: read.lineage, revision: read.revision },
                parent,
                author: read.author,
                at: read.at,
            },
            entries: read.entries.into_iter().map(read_entry).collect::<Result<_, _>>()?,
        };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), InvalidManifest> {
        if self.publication.author.len() > MAX_AUTHOR_BYTES {
            return Err(wrong(format!("its author has more than {MAX_AUTHOR_BYTES} bytes")));
        }
        if self.entries.len() > MAX_ENTRIES {
            let count = self.entries.len();
            return Err(wrong(format!("it has {count} objects: {MAX_ENTRIES} are the most")));
        }
        if let Some(pair) = self.entries.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            return Err(wrong(format!("{} is there twice or out of order", pair[1].name)));
        }
        self.entries.iter().try_for_each(check_entry)?;
        let bytes: u64 = self.entries.iter().map(|entry| entry.size).sum();
        if bytes > MAX_SNAPSHOT_BYTES {
            let problem =
                format!("its blobs have {bytes} bytes: {MAX_SNAPSHOT_BYTES} are the most");
            return Err(wrong(problem));
        }
        Ok(())
    }
}

fn check_entry(entry: &Entry) -> Result<(), InvalidManifest> {
    if entry.size > size(MAX_BLOB_BYTES) {
        let (name, bytes) = (&entry.name, entry.size);
        return Err(wrong(format!("{name} has {bytes} bytes: {MAX_BLOB_BYTES} are the most")));
    }
    let features = &entry.required_features;
    let fits = |name: &String| (1..=MAX_NAME_BYTES).contains(&name.len());
    if features.len() > MAX_FEATURES || !features.iter().all(fits) {
        return Err(wrong(format!("{} has features that are too many or too long", entry.name)));
    }
    Ok(())
}

fn entry_message(entry: &Entry) -> message::Entry {
    message::Entry {
        kind: entry.name.kind().to_owned(),
        key: entry.name.key().to_owned(),
        digest: entry.digest.as_bytes().to_vec(),
        size: entry.size,
        required_features: entry.required_features.iter().cloned().collect(),
    }
}

fn read_entry(entry: message::Entry) -> Result<Entry, InvalidManifest> {
    let name = ObjectName::parse(&entry.kind, &entry.key);
    Ok(Entry {
        name: name.ok_or_else(|| wrong("an object's kind or key is no name".to_owned()))?,
        digest: digest(&entry.digest)?,
        size: entry.size,
        required_features: entry.required_features.into_iter().collect(),
    })
}

fn digest(bytes: &[u8]) -> Result<Digest, InvalidManifest> {
    Digest::from_slice(bytes).ok_or_else(|| wrong(format!("a digest has {} bytes", bytes.len())))
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn too_long(bytes: usize) -> InvalidManifest {
    wrong(format!("{bytes} bytes: {MAX_MANIFEST_BYTES} are the most"))
}

fn wrong(problem: String) -> InvalidManifest {
    InvalidManifest(problem)
}
