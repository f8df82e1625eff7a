//! All that was ever published, which is the judge of what edges serve by.

use super::random::Random;
use crate::content::Content;
use crate::digest::Digest;
use crate::manifest::{Manifest, Position, Publication};
use crate::message;
use crate::object::{Blob, ObjectName};
use crate::signature::{PinnedSigners, Signer, VerifiedManifest};
use crate::testing::plugins;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Plugins by number: which version each has, and whether an edge understands it.
type Desired = BTreeMap<u32, (u64, Taste)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taste {
    Good,
    /// Needs a feature that nobody has.
    NotUnderstood,
    /// The host of plugins does not take it.
    NotHosted,
}

pub(super) struct History {
    signer: Signer,
    foreign: Signer,
    published: BTreeMap<Namespace, Vec<(VerifiedManifest, Desired)>>,
    pub(super) blobs: HashMap<Digest, Bytes>,
    not_understood: HashSet<Digest>,
    not_hosted: HashSet<Digest>,
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
        let published = self.published.get(manifest.namespace());
        published.is_some_and(|published| published.iter().any(|(known, _)| known == manifest))
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
                        _ => Taste::Good,
                    };
                    desired.insert(id, (self.version, taste));
                }
            }
        }
        let manifest = self.sign(&self.signer, namespace, position, &desired);
        for blob in blobs(namespace, &desired) {
            let first = u32::try_from(namespace.as_str().len()).unwrap() * 100;
            match desired[&(number(&blob.name) - first)].1 {
                Taste::Good => {}
                Taste::NotUnderstood => drop(self.not_understood.insert(blob.digest)),
                Taste::NotHosted => drop(self.not_hosted.insert(blob.digest)),
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
        let content = Content::of(&plugins(&[first + id], *version)).unwrap();
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
