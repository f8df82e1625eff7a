//! The blobs of one namespace that are on their way: a few at a time, each from where it broke off, each asked for
//! again when nothing comes.

use crate::digest::Digest;
use crate::limits::{MAX_BLOB_BYTES, WINDOW_BLOBS, WINDOW_BYTES};
use crate::message;
use crate::mutation::{Check, leaves_out};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an edge waits before it asks again where nothing comes at all, and where only other blobs do: on a slow
/// line many are on their way, one behind the other.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_IN_LINE: Duration = Duration::from_secs(60);

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    partial: BTreeMap<Digest, Partial>,
    /// When a piece of any of them came.
    heard_at: Duration,
}

#[derive(Debug)]
struct Partial {
    size: u64,
    bytes: Vec<u8>,
    /// When it was asked for, or went on; `None` where it is still to be asked for.
    asked_at: Option<Duration>,
}

impl Partial {
    fn due_at(&self, heard_at: Duration) -> Duration {
        self.asked_at.map_or(Duration::ZERO, |asked| {
            (asked.max(heard_at) + PATIENCE).min(asked + PATIENCE_IN_LINE)
        })
    }
}

/// A blob that is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// A piece of a blob.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
}

impl Downloads {
    /// Begins with one more blob, if there is room for it.
    pub(super) fn begin(&mut self, wanted: Wanted) -> bool {
        let bytes: u64 = self.partial.values().map(|partial| partial.size).sum();
        let fits = self.partial.is_empty()
            || (self.partial.len() < WINDOW_BLOBS
                && bytes.saturating_add(wanted.size) <= WINDOW_BYTES);
        if fits {
            let partial = Partial { size: wanted.size, bytes: Vec::new(), asked_at: None };
            self.partial.entry(wanted.digest).or_insert(partial);
        }
        fits
    }

    /// Whether it is on its way.
    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.partial.contains_key(digest)
    }

    /// Whether none is.
    pub(super) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// Forgets those that are not needed any more.
    pub(super) fn retain(&mut self, is_needed: impl Fn(&Digest) -> bool) {
        self.partial.retain(|digest, _| is_needed(digest));
    }

    /// The blobs that are to be asked for now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<message::WantedBlob> {
        let mut wanted = Vec::new();
        for (digest, partial) in &mut self.partial {
            if partial.due_at(self.heard_at) <= now {
                partial.asked_at = Some(now);
                wanted.push(message::WantedBlob {
                    digest: digest.as_bytes().to_vec(),
                    offset: length(&partial.bytes),
                });
            }
        }
        wanted
    }

    /// Takes a piece; gives the blob once it is whole. What does not go on where it broke off is of no use.
    pub(super) fn take(
        &mut self,
        digest: &Digest,
        piece: Piece<'_>,
        now: Duration,
    ) -> Option<Bytes> {
        let partial = self.partial.get_mut(digest)?;
        self.heard_at = now;
        if piece.offset != length(&partial.bytes) {
            return None;
        }
        let rest = partial.size - piece.offset;
        if length(piece.bytes) > rest {
            return self.begin_again(digest, now);
        }
        partial.bytes.extend_from_slice(piece.bytes);
        partial.asked_at = Some(now);
        if length(piece.bytes) < rest {
            return None;
        }
        if Digest::of(&partial.bytes) != *digest && !leaves_out(Check::Digest) {
            return self.begin_again(digest, now);
        }
        self.partial.remove(digest).map(|partial| partial.bytes.into())
    }

    /// The other end does not have it, or not yet: it is asked again later.
    pub(super) fn is_missing(&mut self, digest: &Digest, now: Duration) {
        if let Some(partial) = self.partial.get_mut(digest) {
            partial.asked_at = Some(now);
        }
    }

    /// On a new stream everything is asked for again, from where it broke off.
    pub(super) fn reconnected(&mut self) {
        self.partial.values_mut().for_each(|partial| partial.asked_at = None);
    }

    /// When there is something to ask for.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.partial.values().map(|partial| partial.due_at(self.heard_at)).min()
    }

    /// What came is not what was asked for. Not at once, for it may come again.
    fn begin_again(&mut self, digest: &Digest, now: Duration) -> Option<Bytes> {
        let partial = self.partial.get_mut(digest)?;
        partial.bytes = Vec::new();
        partial.asked_at = Some(now);
        None
    }
}

fn length(bytes: &[u8]) -> u64 {
    debug_assert!(bytes.len() <= MAX_BLOB_BYTES.saturating_mul(2), "bounded by what is wanted");
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
