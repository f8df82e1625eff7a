//! One namespace of a stream: which manifest is the newest, which the edge has, and whether it is ahead.

use crate::digest::Digest;
use crate::manifest::Position;
use crate::message;
use crate::mutation::{Check, leaves_out};
use crate::signature::VerifiedManifest;
use sidegate_model::namespace::Namespace;
use std::collections::VecDeque;
use std::time::Duration;

/// How long a head waits for a newer one, so that a burst of saves is sent once.
pub(super) const COALESCE: Duration = Duration::from_millis(50);
/// Manifests of a namespace whose blobs can be asked for: the newest that was sent, and the one before, of which an
/// edge may still be asking.
const SERVED: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) newest: Option<VerifiedManifest>,
    /// The manifest that the edge has or was sent.
    pub(super) told: Option<Digest>,
    pub(super) due_at: Option<Duration>,
    pub(super) served: VecDeque<VerifiedManifest>,
    /// What the edge says that it serves by.
    pub(super) has: Option<(Position, Digest)>,
    proof: Proof,
}

/// Whether an edge that says that it is ahead was asked for a proof: once for each head, unless no answer came.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Proof {
    #[default]
    NotAsked,
    /// While this was the newest manifest.
    Asked(Digest),
    /// Likewise, and it was answered.
    Given(Digest),
}

impl Line {
    pub(super) fn plan(&mut self, at: Duration) {
        let newest = self.newest.as_ref().map(VerifiedManifest::digest);
        self.due_at = match newest == self.told || newest.is_none() {
            true => None,
            // Whoever keeps on saving delays nobody for ever.
            false => Some(self.due_at.map_or(at, |due| due.min(at))),
        };
    }

    pub(super) fn due(&mut self, now: Duration) -> Option<message::Head> {
        self.due_at.filter(|due| *due <= now)?;
        self.due_at = None;
        let newest = self.newest.clone()?;
        self.told = Some(newest.digest());
        let head = message::Head { manifest: Some(newest.to_message()) };
        if self.served.back() != Some(&newest) {
            self.served.push_back(newest);
        }
        if self.served.len() > SERVED {
            self.served.pop_front();
        }
        Some(head)
    }

    /// Asks for a proof, if the edge says that it is ahead.
    pub(super) fn prove(&mut self, namespace: &Namespace) -> Option<message::Prove> {
        let newest = self.newest.as_ref()?;
        let (position, digest) = self.has?;
        let is_new =
            !matches!(self.proof, Proof::Asked(at) | Proof::Given(at) if at == newest.digest());
        if !is_new || !is_ahead(newest, position, digest) || leaves_out(Check::Prove) {
            return None;
        }
        self.proof = Proof::Asked(newest.digest());
        let (namespace, manifest_digest) =
            (namespace.as_str().to_owned(), digest.as_bytes().to_vec());
        Some(message::Prove { namespace, manifest_digest })
    }

    pub(super) fn is_asked(&self) -> bool {
        matches!(self.proof, Proof::Asked(_))
    }

    /// A question or its answer was lost.
    pub(super) fn ask_again(&mut self) {
        if self.is_asked() {
            self.proof = Proof::NotAsked;
        }
    }

    /// A proof that is none: the edge is not asked again before there is another head.
    pub(super) fn not_proven(&mut self) {
        if let Proof::Asked(head) = self.proof {
            self.proof = Proof::Given(head);
        }
    }

    /// Whether a manifest that was signed here proves that the edge is ahead.
    pub(super) fn proves(&mut self, manifest: &VerifiedManifest) -> bool {
        let is_asked = self.is_asked();
        self.not_proven();
        let newest = self.newest.as_ref().filter(|_| is_asked);
        newest.is_some_and(|newest| is_ahead(newest, manifest.position(), manifest.digest()))
    }
}

/// Of another content at the same position one is of a time that was undone.
fn is_ahead(newest: &VerifiedManifest, position: Position, digest: Digest) -> bool {
    position > newest.position() || position == newest.position() && digest != newest.digest()
}
