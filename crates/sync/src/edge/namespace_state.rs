//! One namespace of an edge: what is served by, what is to be served by next, and what that still needs.

use super::downloads::{Downloads, Piece, Wanted};
use crate::backoff::{Backoff, Jitter};
use crate::digest::Digest;
use crate::edge_content::Rejected;
use crate::limits::{MAX_REJECTED, WINDOW_BLOBS, WINDOW_BYTES, told};
use crate::manifest::{Entry, Position};
use crate::message;
use crate::mutation::{Check, leaves_out};
use crate::object::ObjectName;
use crate::signature::VerifiedManifest;
use bytes::Bytes;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Between attempts to apply or to store, where the disk or a plugin's host says no.
const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// What is served by.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) manifest: VerifiedManifest,
    pub(super) rejected: BTreeMap<ObjectName, Rejected>,
}

/// One namespace.
#[derive(Debug)]
pub(super) struct NamespaceState {
    namespace: Namespace,
    active: Option<Active>,
    /// The newest manifest, while it is not served by.
    target: Option<VerifiedManifest>,
    /// The control plane does not have a blob of the target: it may be of a time that was undone.
    is_target_missing: bool,
    /// Being applied; nothing else is meanwhile.
    applying: Option<VerifiedManifest>,
    /// Blobs that are stored.
    known: HashSet<Digest>,
    /// Blobs that are being stored, with their sizes.
    storing: HashMap<Digest, u64>,
    /// Blobs of the target that nothing was done about yet, the next one last.
    todo: Vec<Wanted>,
    downloads: Downloads,
    refused: Option<(Digest, String)>,
    backoff: Backoff,
    retry_at: Duration,
    /// The control plane is to hear how things are.
    tell: bool,
    /// The control plane is to see the manifest that is served by.
    prove: bool,
    /// There are new keys since what is being applied was begun.
    has_new_keys: bool,
}

/// What comes of a head.
#[derive(Debug, PartialEq, Eq)]
enum Rank {
    Newer,
    Same,
    /// Why it is not taken.
    Refused(String),
}

impl NamespaceState {
    pub(super) fn new(
        namespace: Namespace,
        active: Option<Active>,
        known: HashSet<Digest>,
    ) -> Self {
        Self {
            namespace,
            active,
            target: None,
            is_target_missing: false,
            applying: None,
            known,
            storing: HashMap::new(),
            todo: Vec::new(),
            downloads: Downloads::default(),
            refused: None,
            backoff: Backoff::new(RETRY_LEAST, RETRY_MOST),
            retry_at: Duration::ZERO,
            tell: false,
            prove: false,
            has_new_keys: false,
        }
    }

    pub(super) fn have(&self) -> Option<message::Have> {
        let active = self.active.as_ref()?;
        Some(message::Have {
            namespace: self.namespace.as_str().to_owned(),
            manifest_digest: active.manifest.digest().as_bytes().to_vec(),
        })
    }

    /// Whether this manifest is served by.
    pub(super) fn serves(&self, digest: &Digest) -> bool {
        self.active.as_ref().is_some_and(|active| active.manifest.digest() == *digest)
    }

    /// Whether the newest manifest that was told is served by.
    pub(super) fn is_settled(&self) -> bool {
        self.target.is_none() && self.applying.is_none() && self.refused.is_none()
    }

    /// A new stream: what was asked and told on the one before counts no more.
    pub(super) fn reconnected(&mut self) {
        self.tell();
        self.prove = false;
        self.downloads.reconnected();
    }

    /// The control plane's newest manifest.
    pub(super) fn head(&mut self, manifest: VerifiedManifest, now: Duration) {
        match self.rank(&manifest) {
            Rank::Same => {
                // What was refused before is the newest no more.
                let is_served = self.target.is_none() && self.applying.is_none();
                self.tell |= is_served && self.refused.take().is_some();
            }
            Rank::Newer => {
                self.target = Some(manifest);
                self.is_target_missing = false;
                self.refused = None;
                // A newer one may be what helps.
                self.retry_at = now;
                self.plan();
            }
            Rank::Refused(reason) => self.refuse(manifest.digest(), &reason),
        }
    }

    /// Something that was said to be the newest manifest and is none.
    pub(super) fn refuse(&mut self, digest: Digest, reason: &str) {
        let refused = Some((digest, told(reason)));
        self.tell |= self.refused != refused;
        self.refused = refused;
    }

    fn rank(&self, manifest: &VerifiedManifest) -> Rank {
        let active = self.active.as_ref().map(|active| &active.manifest);
        let target = self.target.as_ref().filter(|_| !self.is_target_missing);
        let known = [target, self.applying.as_ref(), active];
        let Some(newest) = known.into_iter().flatten().max_by_key(|known| known.position()) else {
            return Rank::Newer;
        };
        let (new, known): (Position, Position) = (manifest.position(), newest.position());
        match new.cmp(&known) {
            _ if leaves_out(Check::Order) && manifest != newest => Rank::Newer,
            std::cmp::Ordering::Greater => Rank::Newer,
            std::cmp::Ordering::Equal if manifest == newest => Rank::Same,
            std::cmp::Ordering::Equal => {
                Rank::Refused(format!("two manifests say that they are {new}; publish once more"))
            }
            std::cmp::Ordering::Less => Rank::Refused(format!(
                "it is {new}, and this edge knows {known}; an edge never goes back, so a restored \
                 control plane has to raise its lineage"
            )),
        }
    }

    /// A piece of a blob, of this namespace or of another.
    pub(super) fn piece(
        &mut self,
        digest: &Digest,
        piece: Piece<'_>,
        now: Duration,
    ) -> Option<Bytes> {
        let blob = self.downloads.take(digest, piece, now)?;
        self.storing.insert(*digest, blob.len() as u64);
        Some(blob)
    }

    pub(super) fn is_missing(&mut self, digest: &Digest, now: Duration) {
        self.is_target_missing |= self.target.as_ref().is_some_and(|t| t.has_blob(digest));
        self.downloads.is_missing(digest, now);
    }

    pub(super) fn stored(
        &mut self,
        digest: Digest,
        result: Result<(), String>,
        (now, jitter): (Duration, &mut Jitter),
    ) {
        self.storing.remove(&digest);
        match (result, &self.target) {
            (Ok(()), _) => {
                self.known.insert(digest);
            }
            (Err(reason), Some(target)) => {
                let target = target.digest();
                self.refuse(target, &reason);
                self.retry_at = now + self.backoff.failed(jitter);
                self.plan();
            }
            (Err(_), None) => {}
        }
    }

    /// The manifest that can be applied now.
    pub(super) fn ready(&mut self, now: Duration) -> Option<VerifiedManifest> {
        let target = self.target.as_ref()?;
        let is_idle = self.todo.is_empty() && self.storing.is_empty() && self.downloads.is_empty();
        let is_there = |entry: &Entry| self.known.contains(&entry.digest);
        let is_whole = || is_idle && target.entries().iter().all(is_there);
        if self.applying.is_some() || now < self.retry_at || !is_whole() {
            return None;
        }
        self.has_new_keys = false;
        self.applying = self.target.take();
        self.applying.clone()
    }

    /// There are new keys: what could not be opened is looked at again.
    pub(super) fn try_again(&mut self, now: Duration) {
        if leaves_out(Check::TryAgain) {
            return;
        }
        self.has_new_keys = self.applying.is_some();
        if let Some(active) = self.active.as_ref().filter(|active| !active.rejected.is_empty())
            && self.target.is_none()
            && self.applying.is_none()
        {
            self.target = Some(active.manifest.clone());
            self.retry_at = now;
            self.plan();
        }
    }

    /// It is served by, and the disk needs these blobs. Gives those that nobody needs any more.
    pub(super) fn applied(
        &mut self,
        rejected: BTreeMap<ObjectName, Rejected>,
        needed: &HashSet<Digest>,
    ) -> Vec<Digest> {
        let Some(manifest) = self.applying.take() else { return Vec::new() };
        self.active = Some(Active { manifest, rejected });
        self.backoff.succeeded();
        if self.target.is_none() {
            self.refused = None;
        }
        self.tell = true;
        if std::mem::take(&mut self.has_new_keys) {
            self.try_again(Duration::ZERO);
        }
        let target = self.target.as_ref();
        let is_wanted = |digest: &Digest| target.is_some_and(|target| target.has_blob(digest));
        let surplus = |digest: &&Digest| !needed.contains(*digest) && !is_wanted(digest);
        let surplus: Vec<_> = self.known.iter().filter(surplus).copied().collect();
        surplus.iter().for_each(|digest| {
            self.known.remove(digest);
        });
        surplus
    }

    /// It is not served by; everything is as before, but for blobs that turned out to be gone.
    pub(super) fn not_applied(
        &mut self,
        reason: &str,
        lost: &[Digest],
        (now, jitter): (Duration, &mut Jitter),
    ) {
        let Some(manifest) = self.applying.take() else { return };
        lost.iter().for_each(|digest| {
            self.known.remove(digest);
        });
        self.refuse(manifest.digest(), reason);
        // What is newer came meanwhile, or it is tried again.
        self.target.get_or_insert(manifest);
        self.retry_at = now + self.backoff.failed(jitter);
        self.plan();
    }

    /// The blobs to ask for now.
    pub(super) fn wanted(&mut self, now: Duration) -> Vec<message::WantedBlob> {
        // A disk that is slower than the network gets no more than it can take.
        let stored_soon: u64 = self.storing.values().sum();
        let has_room = self.storing.len() < WINDOW_BLOBS && stored_soon < WINDOW_BYTES;
        while has_room
            && now >= self.retry_at
            && let Some(wanted) = self.todo.last()
            && self.downloads.begin(*wanted)
        {
            self.todo.pop();
        }
        self.downloads.due(now)
    }

    /// Finds out what the target still needs.
    fn plan(&mut self) {
        let Some(target) = &self.target else { return };
        self.downloads.retain(|digest| target.has_blob(digest));
        let (known, storing, downloads) = (&self.known, &self.storing, &self.downloads);
        let is_needed = |digest: &Digest| {
            !known.contains(digest) && !storing.contains_key(digest) && !downloads.contains(digest)
        };
        let entries = target.entries().iter().rev();
        let needed = entries.filter(|entry| is_needed(&entry.digest));
        self.todo = needed.map(|entry| Wanted { digest: entry.digest, size: entry.size }).collect();
    }

    /// The control plane is to hear how things are.
    pub(super) fn tell(&mut self) {
        self.tell = self.active.is_some() || self.refused.is_some();
    }

    /// How things are, if the control plane is to hear.
    pub(super) fn report(&mut self) -> Option<message::Applied> {
        if !std::mem::take(&mut self.tell) {
            return None;
        }
        let mut applied = message::Applied {
            namespace: self.namespace.as_str().to_owned(),
            refused: self.refused.as_ref().map(|(digest, reason)| message::RefusedHead {
                manifest_digest: digest.as_bytes().to_vec(),
                reason: reason.clone(),
            }),
            ..message::Applied::default()
        };
        if let Some(Active { manifest, rejected }) = &self.active {
            let told = |(name, rejected): (&ObjectName, &Rejected)| message::RejectedObject {
                kind: name.kind().to_owned(),
                key: name.key().to_owned(),
                reason: rejected.reason.clone(),
                keeps_last_good: rejected.keeps_last_good,
            };
            applied.manifest_digest = manifest.digest().as_bytes().to_vec();
            applied.lineage = manifest.position().lineage;
            applied.revision = manifest.position().revision;
            applied.rejected = rejected.iter().take(MAX_REJECTED).map(told).collect();
        }
        Some(applied)
    }

    /// The control plane does not believe that this edge is where it says.
    pub(super) fn prove(&mut self) {
        self.prove = true;
    }

    /// What is served by, if the control plane is to see it.
    pub(super) fn proof(&mut self) -> Option<message::Proof> {
        let active = self.active.as_ref().filter(|_| std::mem::take(&mut self.prove))?;
        Some(message::Proof { manifest: Some(active.manifest.to_message()) })
    }

    /// When there is something to do although nothing happens.
    pub(super) fn next_at(&self, now: Duration, is_connected: bool) -> Option<Duration> {
        self.target.as_ref()?;
        let ask = self.downloads.next_at().filter(|_| is_connected);
        let ask = ask.map(|ask| ask.max(self.retry_at));
        [Some(self.retry_at), ask].into_iter().flatten().filter(|at| *at > now).min()
    }
}
