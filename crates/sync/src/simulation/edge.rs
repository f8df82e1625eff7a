//! One edge of the simulation: its machine, its disk, what it serves by, and what must be true of that.

use super::history::{self, History};
use super::random::Random;
use crate::digest::Digest;
use crate::disk::StoredSnapshot;
use crate::edge::{Applied, ApplyError, EdgeConfig, Host, Machine, Start, Store, apply};
use crate::edge_content::{NamespaceContent, Versions, read_kept};
use crate::features::Features;
use crate::manifest::{Entry, Position};
use crate::mutation::{Check, leaves_out};
use crate::object::{Object, ObjectName};
use crate::signature::{PinnedSigners, VerifiedManifest};
use crate::trust::TrustBytes;
use bytes::Bytes;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What is on the disk of one namespace, and survives a restart.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) blobs: HashMap<Digest, Bytes>,
    current: Option<StoredSnapshot>,
}

/// What the disk does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskMood {
    Fine,
    Full,
    /// The power goes before, or just after, the snapshot is stored.
    CutBefore,
    CutAfter,
}

struct SimStore<'a> {
    disk: &'a mut Disk,
    mood: DiskMood,
}

impl Store for SimStore<'_> {
    fn read_blob(&mut self, digest: &Digest) -> Result<Bytes, String> {
        let bytes = self.disk.blobs.get(digest).ok_or("it is not there")?;
        match Digest::of(bytes) == *digest || leaves_out(Check::Digest) {
            true => Ok(bytes.clone()),
            false => Err("it was changed".to_owned()),
        }
    }

    fn persist(&mut self, snapshot: &StoredSnapshot) -> Result<HashSet<Digest>, String> {
        match self.mood {
            DiskMood::Full => return Err("the disk is full".to_owned()),
            DiskMood::CutBefore => return Err("the power is cut".to_owned()),
            DiskMood::Fine | DiskMood::CutAfter => {}
        }
        let before = self.disk.current.replace(snapshot.clone());
        if self.mood == DiskMood::CutAfter {
            return Err("the power is cut".to_owned());
        }
        Ok(before.iter().chain([snapshot]).flat_map(StoredSnapshot::blobs).collect())
    }
}

struct SimHost<'a> {
    active: &'a mut Option<Arc<NamespaceContent>>,
    /// All keys up to this one, and those by which what is served was opened.
    keys: u64,
    opened_by: &'a mut u64,
    history: &'a History,
}

impl Host for SimHost<'_> {
    fn open(&mut self, _: &Namespace, object: Object) -> Result<Object, String> {
        history::open(object, self.keys)
    }

    fn check(&mut self, content: &NamespaceContent) -> Vec<(ObjectName, String)> {
        not_hosted(content, self.history)
    }

    fn activate(&mut self, content: Arc<NamespaceContent>) {
        *self.active = Some(content);
        *self.opened_by = self.keys;
    }
}

fn not_hosted(content: &NamespaceContent, history: &History) -> Vec<(ObjectName, String)> {
    let wanted = content.manifest().entries().iter();
    let refused = wanted.filter(|entry| history.is_not_hosted(&entry.digest));
    refused.map(|entry| (entry.name.clone(), "its program is not there".to_owned())).collect()
}

pub(super) struct Edge {
    pub(super) machine: Machine,
    pub(super) boot: u64,
    /// Of the stream in use.
    pub(super) link: u64,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) disks: BTreeMap<Namespace, Disk>,
    active: BTreeMap<Namespace, Option<Arc<NamespaceContent>>>,
    /// The trust bundle on its disk, and the one that counts.
    trust_stored: u64,
    keys: u64,
    opened_by: BTreeMap<Namespace, u64>,
    seen: BTreeMap<Namespace, Position>,
    last_good: BTreeMap<Namespace, BTreeMap<ObjectName, Digest>>,
    /// The manifest and the keys by which `last_good` was brought up to date.
    judged: BTreeMap<Namespace, (Digest, u64)>,
    /// The content whose objects were looked at: they do not change.
    looked_at: BTreeMap<Namespace, Arc<NamespaceContent>>,
}

impl Edge {
    pub(super) fn new(namespaces: Vec<Namespace>, history: &History) -> Self {
        let disks = namespaces.iter().map(|n| (n.clone(), Disk::default())).collect();
        let mut edge = Self {
            machine: machine(history, (0, 1), BTreeMap::new()),
            boot: 0,
            link: 0,
            active: BTreeMap::new(),
            trust_stored: 1,
            keys: 1,
            opened_by: BTreeMap::new(),
            seen: BTreeMap::new(),
            last_good: BTreeMap::new(),
            judged: BTreeMap::new(),
            looked_at: BTreeMap::new(),
            namespaces,
            disks,
        };
        edge.restart(history);
        edge
    }

    /// Everything but the disk is lost.
    pub(super) fn restart(&mut self, history: &History) {
        self.boot += 1;
        self.keys = self.trust_stored;
        let mut start = BTreeMap::new();
        for (namespace, disk) in &mut self.disks {
            let stored = disk.current.clone();
            let active = stored.map(|stored| load(disk, &stored, (history, self.keys)));
            self.opened_by.insert(namespace.clone(), self.keys);
            start.insert(
                namespace.clone(),
                Start {
                    manifest: active.as_ref().map(|active| active.manifest().clone()),
                    rejected: active.as_ref().map(|a| a.rejected().clone()).unwrap_or_default(),
                    known: disk.blobs.keys().copied().collect(),
                },
            );
            self.active.insert(namespace.clone(), active.map(Arc::new));
        }
        self.machine = machine(history, (self.boot, self.trust_stored), start);
    }

    /// Keeps a trust bundle.
    pub(super) fn keep(
        &mut self,
        bundle: &TrustBytes,
        mood: DiskMood,
        history: &History,
    ) -> Result<PinnedSigners, String> {
        match mood {
            DiskMood::Full => return Err("the disk is full".to_owned()),
            DiskMood::CutBefore => return Err("the power is cut".to_owned()),
            DiskMood::Fine | DiskMood::CutAfter => {}
        }
        let number = std::str::from_utf8(bundle.bytes()).unwrap().parse().unwrap();
        if !leaves_out(Check::TrustStored) {
            self.trust_stored = number;
        }
        self.keys = number;
        Ok(history.pinned())
    }

    /// Carries out the step that changes what is served by.
    pub(super) fn apply(
        &mut self,
        manifest: &VerifiedManifest,
        mood: DiskMood,
        history: &History,
    ) -> Result<Applied, ApplyError> {
        let namespace = manifest.namespace();
        let disk = self.disks.get_mut(namespace).expect("an edge applies what is its own");
        let active = self.active.get_mut(namespace).expect("likewise");
        let none = Versions::new();
        let before = active.clone();
        let before = before.as_ref().map_or(&none, |active| active.versions());
        let mut store = SimStore { disk, mood };
        let opened_by = self.opened_by.entry(namespace.clone()).or_default();
        let mut host = SimHost { active, keys: self.keys, opened_by, history };
        apply(manifest, before, &Features::of_this_version(), (&mut store, &mut host))
    }

    /// Holds what is served by against all promises.
    pub(super) fn check(&mut self, history: &History) -> Result<(), String> {
        for namespace in self.namespaces.clone() {
            let active = self.active.get(&namespace).cloned().flatten();
            let told = |problem: String| format!("{namespace}: {problem}");
            match active {
                Some(active) => self.check_content(&namespace, &active, history).map_err(told)?,
                None if self.seen.contains_key(&namespace) => {
                    return Err(told("what was there is gone".to_owned()));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn check_content(
        &mut self,
        namespace: &Namespace,
        active: &Arc<NamespaceContent>,
        history: &History,
    ) -> Result<(), String> {
        let manifest = active.manifest();
        if !history.was_published(manifest) {
            return Err(format!("{manifest:?} was never published"));
        }
        let position = manifest.position();
        let seen = self.seen.entry(namespace.clone()).or_insert(position);
        if position < *seen {
            return Err(format!("it went back from {seen} to {position}"));
        }
        *seen = position;
        let stored = self.disks[namespace].current.as_ref();
        if stored.is_none_or(|stored| stored.manifest.position() < position) {
            return Err(format!("{position} is served by and not on the disk"));
        }
        if !self.looked_at.get(namespace).is_some_and(|known| Arc::ptr_eq(known, active)) {
            self.check_objects(namespace, active, history)?;
            self.looked_at.insert(namespace.clone(), active.clone());
        }
        Ok(())
    }

    fn check_objects(
        &mut self,
        namespace: &Namespace,
        active: &NamespaceContent,
        history: &History,
    ) -> Result<(), String> {
        let last_good = self.last_good.entry(namespace.clone()).or_default();
        let manifest = active.manifest();
        let keys = self.opened_by[namespace];
        let is_bad = |digest: &Digest| history.is_bad(digest) || history.key_of(digest) > keys;
        let judged = (manifest.digest(), keys);
        if self.judged.insert(namespace.clone(), judged) != Some(judged) {
            last_good.retain(|name, _| manifest.find(name).is_some());
            for entry in manifest.entries().iter().filter(|e| !is_bad(&e.digest)) {
                last_good.insert(entry.name.clone(), entry.digest);
            }
        }
        let served: BTreeMap<_, _> = active
            .versions()
            .iter()
            .map(|(name, version)| (name.clone(), version.digest))
            .collect();
        if served != *last_good {
            return Err(format!("{manifest:?}: {served:?} and not {last_good:?}"));
        }
        for (name, version) in active.versions() {
            let blob = &history.blobs[&version.digest];
            let known = Features::of_this_version();
            let published =
                Object::decode(name, blob, &known).map_err(|error| error.to_string())?;
            let published = history::open(published.within(namespace), u64::MAX);
            if published.as_ref() != Ok(&*version.object) {
                return Err(format!("{name} has bytes of another"));
            }
        }
        for entry in manifest.entries() {
            let is_rejected = active.rejected().contains_key(&entry.name);
            if is_rejected != is_bad(&entry.digest) {
                return Err(format!("{}: rejected: {is_rejected}", entry.name));
            }
        }
        Ok(())
    }

    /// Whether all namespaces are as the control plane wants them.
    pub(super) fn is_at_newest(&self, history: &History) -> Result<(), String> {
        for namespace in &self.namespaces {
            let active = self.active.get(namespace).cloned().flatten();
            let active = active.as_ref().map(|active| active.manifest());
            let newest = history.newest(namespace);
            if active != newest {
                return Err(format!("at the end it has {active:?} and not {newest:?}"));
            }
            let sealed = newest.into_iter().flat_map(|newest| newest.entries());
            let key = sealed.map(|entry| history.key_of(&entry.digest)).max().unwrap_or_default();
            if self.opened_by[namespace] < key {
                return Err(format!("at the end something is rejected that key {key} opens"));
            }
        }
        Ok(())
    }
}

fn load(
    disk: &mut Disk,
    stored: &StoredSnapshot,
    (history, keys): (&History, u64),
) -> NamespaceContent {
    let mut store = SimStore { disk, mood: DiskMood::Fine };
    let known = Features::of_this_version();
    let mut blob = |entry: &Entry| store.read_blob(&entry.digest);
    let mut open = |object| history::open(object, keys);
    let kept = read_kept(&stored.kept, &known, &mut blob, &mut open);
    let kept = kept.expect("what is kept is there");
    let content = NamespaceContent::read(&stored.manifest, &kept, &known, &mut blob, &mut open);
    let mut content = content.expect("what is stored is whole");
    for (name, reason) in not_hosted(&content, history) {
        content.reject(&name, &reason, &kept);
    }
    content
}

fn machine(
    history: &History,
    (boot, trust): (u64, u64),
    start: BTreeMap<Namespace, Start>,
) -> Machine {
    let config = EdgeConfig {
        signers: history.pinned(),
        trust: Some(history::bundle(trust).digest()),
        features: Features::of_this_version(),
        version: "1".to_owned(),
        boot_id: [boot as u8; 16],
        connections_before: boot << 32,
        seed: boot,
    };
    Machine::new(config, start)
}

/// What goes wrong with a disk, if anything.
pub(super) fn mood(random: &mut Random) -> DiskMood {
    match random.below(12) {
        0 => DiskMood::Full,
        1 => DiskMood::CutBefore,
        2 => DiskMood::CutAfter,
        _ => DiskMood::Fine,
    }
}
