//! How servers do, as those who serve found it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sidegate_sdk::{HostError, Kv};

use crate::clock;

const KEY: &str = "health";
/// Longer words are cut.
const WORDS: usize = 300;

/// How a server does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// When it answered last, in seconds since 1970.
    pub(crate) answered: Option<u64>,
    /// When it failed last, and how.
    pub(crate) failed: Option<(u64, String)>,
    /// Where it is a program: how many processes of it run, and how many may.
    pub(crate) processes: Option<(usize, usize)>,
}

/// The same, as it changes.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Health>);

impl Watch {
    pub(crate) fn answered(&self) {
        self.lock().answered = Some(clock::now());
    }

    pub(crate) fn failed(&self, words: &str) {
        self.lock().failed = Some((clock::now(), words.chars().take(WORDS).collect()));
    }

    pub(crate) fn now(&self) -> Health {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What those who serve tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Where a client reached them last.
    pub(crate) address: Option<String>,
    pub(crate) servers: BTreeMap<String, Health>,
}

impl Report {
    /// What was told last; nothing where nobody told anything.
    pub(crate) async fn last(kv: &Kv) -> Self {
        kv.get_json(KEY).await.ok().flatten().unwrap_or_default()
    }

    /// Puts it in the place of what was told before.
    pub(crate) async fn keep(&self, kv: &Kv) -> Result<(), HostError> {
        kv.set_json(KEY, self).await
    }
}
