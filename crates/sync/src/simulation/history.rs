//! All that was ever published, which is the judge of what edges serve by.

use super::random::Random;
use crate::content::Content;
use crate::digest::Digest;
use crate::manifest::{Manifest, Position, Publication};
use crate::message;
use crate::object::{Blob, Object, ObjectName};
use crate::signature::{PinnedSigners, Signer, VerifiedManifest};
use crate::testing::plugins;
use crate::trust::TrustBytes;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Plugins by number: which version each has, and whether an edge understands it.
type Desired = BTreeMap<u32, (u64, Taste)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taste {
    Good,
    /// Needs a feature that nobody has.
    NotUnderstood,
    /// The host of plugins does not take it.
    NotHosted,
    /// Has a secret that this key opens.
    Sealed(u64),
}

/// What a secret looks like in the simulation, which is not about ciphers.
const SEALED: &str = "$sealed:";

pub(super) struct History {
    signer: Signer,
    foreign: Signer,
    published: BTreeMap<Namespace, Vec<(VerifiedManifest, Desired)>>,
    pub(super) blobs: HashMap<Digest, Bytes>,
    not_understood: HashSet<Digest>,
    not_hosted: HashSet<Digest>,
    /// By which key something in a blob is sealed.
    sealed: HashMap<Digest, u64>,
    /// All manifests of all times, also of those that were undone.
    ever: HashSet<Digest>,
    /// The trust bundle of this number holds all keys up to it.
    pub(super) trust: u64,
    version: u64,
}

impl History {
    pub(super) fn new() -> Self {
        let signer = |byte| Signer::from_seed(&[byte; 32]).unwrap();
        Self {
            signer: signer(1),
            foreign: signer(2),
            published: BTreeMap::new(),
            blobs: HashMap::new(),
            not_understood: HashSet::new(),
            not_hosted: HashSet::new(),
            sealed: HashMap::new(),
            ever: HashSet::new(),
            trust: 1,
            version: 0,
        }
    }

    pub(super) fn pinned(&self) -> PinnedSigners {
        PinnedSigners::new([self.signer.key()]).unwrap()
    }

    pub(super) fn newest(&self, namespace: &Namespace) -> Option<&VerifiedManifest> {
        self.published.get(namespace)?.last().map(|(manifest, _)| manifest)
    }

    /// What a replica sees that is behind.
    pub(super) fn older(&self, namespace: &Namespace, by: usize) -> Option<&VerifiedManifest> {
        let published = self.published.get(namespace)?;
        published.get(published.len().saturating_sub(1 + by)).map(|(manifest, _)| manifest)
    }

    pub(super) fn was_published(&self, manifest: &VerifiedManifest) -> bool {
        self.ever.contains(&manifest.digest())
    }

    /// The key that opens what is sealed in a blob; 0 where nothing is.
    pub(super) fn key_of(&self, digest: &Digest) -> u64 {
        self.sealed.get(digest).copied().unwrap_or_default()
    }

    pub(super) fn namespaces(&self) -> Vec<Namespace> {
        self.published.keys().cloned().collect()
    }

    /// The database is as it was at some time.
    pub(super) fn restore(&mut self, random: &mut Random) {
        for published in self.published.values_mut() {
            let kept = 1 + random.below(published.len() as u64) as usize;
            published.truncate(kept);
        }
    }

    /// An edge proved that it has what was undone. Gives whether everything was published anew.
    pub(super) fn raise(&mut self, proof: &VerifiedManifest) -> bool {
        let newest = self.newest(proof.namespace());
        if newest.is_some_and(|n| n.position() > proof.position() || n == proof) {
            return false;
        }
        let newest = self.published.values().filter_map(|published| published.last());
        let lineages = newest.map(|(manifest, _)| manifest.position().lineage);
        let lineage = 1 + lineages.chain([proof.position().lineage]).max().unwrap_or_default();
        for namespace in self.namespaces() {
            let (manifest, desired) = self.published[&namespace].last().cloned().unwrap();
            let position = Position { lineage, ..manifest.position() };
            self.put(&namespace, position, desired);
        }
        true
    }

    pub(super) fn is_bad(&self, digest: &Digest) -> bool {
        self.not_understood.contains(digest) || self.is_not_hosted(digest)
    }

    pub(super) fn is_not_hosted(&self, digest: &Digest) -> bool {
        self.not_hosted.contains(digest)
    }

    /// A change, a rollback or a restored database.
    pub(super) fn publish(&mut self, namespace: &Namespace, random: &mut Random) {
        self.version += 1;
        let published = self.published.entry(namespace.clone()).or_default();
        let mut desired = published.last().map(|(_, desired)| desired.clone()).unwrap_or_default();
        let mut position = published
            .last()
            .map_or(Position { lineage: 1, revision: 0 }, |(manifest, _)| manifest.position());
        position.revision += 1;
        match random.below(10) {
            0 if !published.is_empty() => {
                let at = random.below(published.len() as u64) as usize;
                desired = published[at].1.clone();
            }
            1 if !published.is_empty() => {
                let at = random.below(published.len() as u64) as usize;
                desired = published[at].1.clone();
                position.lineage += 1;
                position.revision = random.below(position.revision);
            }
            _ => {
                for _ in 0..=random.below(3) {
                    let id = 1 + random.below(6) as u32;
                    if random.percent(20) {
                        desired.remove(&id);
                        continue;
                    }
                    let taste = match random.below(8) {
                        0 => Taste::NotUnderstood,
                        1 => Taste::NotHosted,
                        2 | 3 => Taste::Sealed(self.trust),
                        _ => Taste::Good,
                    };
                    desired.insert(id, (self.version, taste));
                }
            }
        }
        self.put(namespace, position, desired);
    }

    /// Something is sealed by the newest key, as all of it is once there is one.
    pub(super) fn seal(&mut self, namespace: &Namespace, random: &mut Random) {
        self.version += 1;
        let (manifest, mut desired) = self.published[namespace].last().cloned().unwrap();
        let at = manifest.position();
        let position = Position { revision: at.revision + 1, ..at };
        let id = 1 + random.below(6) as u32;
        desired.insert(id, (self.version, Taste::Sealed(self.trust)));
        self.put(namespace, position, desired);
    }

    fn put(&mut self, namespace: &Namespace, position: Position, desired: Desired) {
        let manifest = self.sign(&self.signer, namespace, position, &desired);
        self.ever.insert(manifest.digest());
        for blob in blobs(namespace, &desired) {
            let first = u32::try_from(namespace.as_str().len()).unwrap() * 100;
            match desired[&(number(&blob.name) - first)].1 {
                Taste::Good => {}
                Taste::NotUnderstood => drop(self.not_understood.insert(blob.digest)),
                Taste::NotHosted => drop(self.not_hosted.insert(blob.digest)),
                Taste::Sealed(key) => drop(self.sealed.insert(blob.digest, key)),
            }
            self.blobs.insert(blob.digest, blob.bytes);
        }
        self.published.entry(namespace.clone()).or_default().push((manifest, desired));
    }

    /// A manifest that somebody else signed, and that would be the newest.
    pub(super) fn foreign(&self, namespace: &Namespace) -> VerifiedManifest {
        let position = Position { lineage: 99, revision: 99 };
        self.sign(&self.foreign, namespace, position, &Desired::new())
    }

    fn sign(
        &self,
        signer: &Signer,
        namespace: &Namespace,
        position: Position,
        desired: &Desired,
    ) -> VerifiedManifest {
        let publication = Publication {
            namespace: namespace.clone(),
            position,
            parent: None,
            author: "root".to_owned(),
            at: self.version as i64,
        };
        signer.sign(Manifest::new(publication, &blobs(namespace, desired)).unwrap())
    }
}

fn number(name: &ObjectName) -> u32 {
    name.key().parse().unwrap()
}

/// Numbers are unique over namespaces, so each has its own.
fn blobs(namespace: &Namespace, desired: &Desired) -> Vec<Blob> {
    let first = u32::try_from(namespace.as_str().len()).unwrap() * 100;
    let encode = |(id, (version, taste)): (&u32, &(u64, Taste))| {
        let mut content = plugins(&[first + id], *version);
        if let Taste::Sealed(key) = taste {
            let mut spec = (*content.plugins[&PluginId(first + id)]).clone();
            spec.config.insert("password".to_owned(), format!("{SEALED}{key}:{version}").into());
            content = content.with_plugin(spec.id, Some(spec));
        }
        let content = Content::of(&content).unwrap();
        let mut blob = content.blobs().next().unwrap().clone();
        debug_assert_eq!(blob.name, ObjectName::plugin(PluginId(first + id)));
        if *taste == Taste::NotUnderstood {
            blob = requiring(&blob, "quantum");
        }
        blob
    };
    desired.iter().map(encode).collect()
}

fn requiring(blob: &Blob, feature: &str) -> Blob {
    let mut object = message::Object::decode(blob.bytes.clone()).unwrap();
    object.required_features = vec![feature.to_owned()];
    let bytes = Bytes::from(object.encode_to_vec());
    let required_features = [feature.to_owned()].into();
    Blob { digest: Digest::of(&bytes), bytes, required_features, ..blob.clone() }
}

/// An object with its secrets in clear, for whoever has all keys up to this one.
pub(super) fn open(object: Object, keys: u64) -> Result<Object, String> {
    let Object::Plugin(mut plugin) = object else { return Ok(object) };
    let spec = plugin.spec.as_deref().and_then(|spec| Some((spec, spec.config.get("password")?)));
    if let Some((spec, password)) = spec {
        let sealed = password.as_str().and_then(|text| text.strip_prefix(SEALED)).unwrap();
        let (key, clear) = sealed.split_once(':').unwrap();
        if key.parse::<u64>().unwrap() > keys {
            return Err(format!("key {key} is not among {keys}"));
        }
        let mut opened = spec.clone();
        opened.config.insert("password".to_owned(), clear.into());
        plugin.spec = Some(Arc::new(opened));
    }
    Ok(Object::Plugin(plugin))
}

/// What the trust bundle of this number looks like.
pub(super) fn bundle(number: u64) -> TrustBytes {
    TrustBytes::new(number.to_string()).unwrap()
}
