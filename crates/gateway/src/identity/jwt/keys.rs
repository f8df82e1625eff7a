//! The keys of all issuers, as requests see them: one look without a wait. Whoever finds a key missing can ask for it,
//! and waits for whoever fetches, at most for a while and with a place.

use arc_swap::{ArcSwap, ArcSwapOption};
use sidegate_jwt::key_set::KeySet;
use sidegate_model::UnixMillis;
use sidegate_model::issuer::{Issuer, IssuerId};
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_plugins::{IssuerPlugin, KnownIssuer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

/// How long a request waits for keys.
const WAIT: Duration = Duration::from_secs(5);
/// How often keys of one issuer are fetched because somebody asks. Anybody can, with a key that nobody has: for so long a
/// key that was published just now may not be known.
pub(crate) const ASK_PAUSE: Duration = Duration::from_secs(10);
/// Most requests that wait for one issuer.
const PLACES: usize = 256;

/// Where keys are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The `iss` of the issuer.
    pub(crate) url: String,
    /// Where its keys are; `None` is where its metadata say.
    pub(crate) jwks_uri: Option<String>,
    /// Whether they may be near.
    pub(crate) allow_private: bool,
    /// The plugin here that is asked for them.
    pub(crate) plugin: Option<IssuerPlugin>,
    /// How long they are good.
    pub(crate) max_age: Duration,
}

impl Source {
    /// Of an issuer, which may be a plugin here.
    pub(crate) fn of(issuer: &Issuer, plugin: Option<&IssuerPlugin>) -> Self {
        let draft = &issuer.draft;
        Self {
            url: draft.url.clone(),
            jwks_uri: draft.jwks_uri.clone(),
            allow_private: draft.allow_private,
            plugin: plugin.cloned(),
            max_age: Duration::from_millis(draft.keys_max_age),
        }
    }
}

/// What is known of fetching keys.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// How often it was tried.
    pub(crate) finished: u64,
    /// Whether it went well the last time.
    pub(crate) is_good: bool,
    /// When it was last done because somebody asked.
    pub(crate) asked_at: Option<Instant>,
}

impl Look {
    /// Whether asking now leads to another look.
    pub(crate) fn can_ask(&self) -> bool {
        self.finished == 0 || self.asked_at.is_none_or(|at| at.elapsed() >= ASK_PAUSE)
    }
}

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct KeyState {
    /// Where they are from.
    pub(crate) source: Source,
    /// As they were fetched last.
    pub(crate) keys: ArcSwapOption<KeySet>,
    /// How that went.
    pub(crate) looks: watch::Sender<Look>,
    /// Somebody asks.
    pub(crate) ask: Notify,
    places: Semaphore,
    /// What operators are told of it.
    told: Mutex<IssuerKeysReport>,
}

impl KeyState {
    /// Nothing was fetched yet.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            keys: ArcSwapOption::empty(),
            looks: watch::Sender::default(),
            ask: Notify::new(),
            places: Semaphore::new(PLACES),
            told: Mutex::default(),
        }
    }

    /// Notes for operators how asking went.
    pub(crate) fn note(&self, now: UnixMillis, outcome: Result<usize, String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.asked += 1;
        told.asked_at = Some(now);
        match outcome {
            Ok(keys) => (told.keys, told.fetched_at, told.error) = (keys, Some(now), None),
            Err(error) => {
                told.failed += 1;
                told.error = Some(error);
            }
        }
    }

    /// What operators are told of it.
    pub(crate) fn report(&self, issuer: IssuerId) -> IssuerKeysReport {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        IssuerKeysReport { issuer: Some(issuer), are_good: self.good().is_some(), ..told }
    }

    /// The keys, while they are good.
    pub(crate) fn good(&self) -> Option<Arc<KeySet>> {
        let keys = self.keys.load_full();
        keys.filter(|keys| self.is_good(keys))
    }

    /// Whether these are the keys still, and good.
    pub(crate) fn are_good(&self, known: &Weak<KeySet>) -> bool {
        let keys = self.keys.load();
        keys.as_ref().is_some_and(|keys| is_of(known, keys) && self.is_good(keys))
    }

    fn is_good(&self, keys: &KeySet) -> bool {
        keys.fetched.elapsed() <= self.source.max_age
    }
}

/// Whether both are one and the same. What a [`Weak`] points to is not used for anything else.
pub(crate) fn is_of<T>(known: &Weak<T>, now: &Arc<T>) -> bool {
    known.as_ptr() == Arc::as_ptr(now)
}

/// What issuers have by their numbers.
pub(crate) type KeyTable = BTreeMap<IssuerId, Arc<KeyState>>;

/// The keys of all issuers.
#[derive(Default)]
pub(crate) struct IssuerKeys {
    table: ArcSwap<KeyTable>,
    changes: watch::Sender<u64>,
}

impl IssuerKeys {
    /// From now on these.
    pub(crate) fn set(&self, table: KeyTable) {
        self.table.store(Arc::new(table));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Those of an issuer as it is now.
    pub(crate) fn of(&self, known: &KnownIssuer) -> Option<Arc<KeyState>> {
        let table = self.table.load();
        let source = || Source::of(&known.issuer, known.plugin.as_ref());
        table.get(&known.issuer.id).filter(|state| state.source == source()).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Arc<KeyTable> {
        self.table.load_full()
    }

    /// Whether nothing was put in another's place since.
    pub(crate) fn is_unchanged(&self, known: &Weak<KeyTable>) -> bool {
        is_of(known, &self.table.load())
    }

    /// What operators are told of all of them.
    pub(crate) fn reports(&self) -> Vec<IssuerKeysReport> {
        self.table.load().iter().map(|(id, state)| state.report(*id)).collect()
    }

    /// Waits until the keys of an issuer were looked for once more, at most for a while.
    pub(crate) async fn ask(&self, issuer: IssuerId) {
        let end = Instant::now() + WAIT;
        let mut changes = self.changes.subscribe();
        let state = loop {
            changes.borrow_and_update();
            if let Some(state) = self.table.load().get(&issuer).cloned() {
                break state;
            }
            // It was made just now.
            if !matches!(timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
                return;
            }
        };
        let Ok(_place) = state.places.try_acquire() else { return };
        let mut looks = state.looks.subscribe();
        let seen = looks.borrow_and_update().finished;
        // The first one is on its way.
        if seen > 0 {
            state.ask.notify_one();
        }
        let _ = timeout_at(end, looks.wait_for(|look| look.finished > seen)).await;
    }
}
