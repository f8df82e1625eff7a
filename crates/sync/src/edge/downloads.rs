//! The blobs of one namespace that are on their way: a few at a time, each from where it broke off, each asked for
//! again when nothing comes.

use crate::digest::Digest;
use crate::limits::{MAX_BLOB_BYTES, WINDOW_BLOBS, WINDOW_BYTES};
use crate::message;
use crate::mutation::{Check, leaves_out};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an edge waits for the next bytes of a blob before it asks again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    partial: BTreeMap<Digest, Partial>,
}

#[derive(Debug)]
struct Partial {
    size: u64,
    bytes: Vec<u8>,
    /// When to ask for what is missing.
    ask_at: Duration,
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
    pub(super) fn begin(&mut self, wanted: Wanted, now: Duration) -> bool {
        let bytes: u64 = self.partial.values().map(|partial| partial.size).sum();
        let fits = self.partial.is_empty()
            || (self.partial.len() < WINDOW_BLOBS
                && bytes.saturating_add(wanted.size) <= WINDOW_BYTES);
        if fits {
            let partial = Partial { size: wanted.size, bytes: Vec::new(), ask_at: now };
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
            if partial.ask_at <= now {
                partial.ask_at = now + PATIENCE;
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
        if piece.offset != length(&partial.bytes) {
            return None;
        }
        let rest = partial.size - piece.offset;
        if length(piece.bytes) > rest {
            return self.begin_again(digest, now);
        }
        partial.bytes.extend_from_slice(piece.bytes);
        partial.ask_at = now + PATIENCE;
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
            partial.ask_at = now + PATIENCE;
        }
    }

    /// On a new stream everything is asked for again, from where it broke off.
    pub(super) fn reconnected(&mut self, now: Duration) {
        self.partial.values_mut().for_each(|partial| partial.ask_at = now);
    }

    /// When there is something to ask for.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.partial.values().map(|partial| partial.ask_at).min()
    }

    /// What came is not what was asked for. Not at once, for it may come again.
    fn begin_again(&mut self, digest: &Digest, now: Duration) -> Option<Bytes> {
        let partial = self.partial.get_mut(digest)?;
        partial.bytes = Vec::new();
        partial.ask_at = now + PATIENCE;
        None
    }
}

fn length(bytes: &[u8]) -> u64 {
    debug_assert!(bytes.len() <= MAX_BLOB_BYTES.saturating_mul(2), "bounded by what is wanted");
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
