//! Who is mounted under a slug that several plugins claim, as can be while they change slugs.

use crate::generation::{Mount, Target};
use sidegate_model::plugin::Slug;
use std::collections::HashMap;

/// How good a claim is: whether somebody serves, and whether it is the slug that is wanted.
type Rank = (bool, bool);

/// The best claim to each slug so far.
#[derive(Default)]
pub(super) struct Claims(HashMap<Slug, (Rank, Mount)>);

impl Claims {
    /// Takes up the claim of a plugin that wants this slug: an instance that serves it as its wanted
    /// slug goes first, then one that still serves it, then whoever came first.
    pub(super) fn add(&mut self, mount: Mount, wanted: Option<&Slug>) {
        let serves = matches!(mount.target, Target::Ready(_));
        let rank = (serves, wanted == Some(&mount.slug));
        match self.0.get(&mount.slug) {
            Some((best, _)) if *best >= rank => {}
            _ => drop(self.0.insert(mount.slug.clone(), (rank, mount))),
        }
    }

    /// One for each slug.
    pub(super) fn mounts(self) -> Vec<Mount> {
        self.0.into_values().map(|(_, mount)| mount).collect()
    }
}
