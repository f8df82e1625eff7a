//! Sessions of clients before servers that know none: what their ids say, and what changes and is lost with this process.

mod repeated;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::message::{Id, Outcome};
use crate::refusal::Refusal;
use repeated::Tools;

/// How many sessions are remembered; then those that were not used for the longest time are not.
const MOST: usize = 4096;
const MOST_ENDED: usize = 4096;
const MOST_WATCHED: usize = 100;
/// Where a client says nothing, the server may choose. This is what most do.
const LEVEL: &str = "info";

/// A client, as it introduced itself; its id of the session says this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presented {
    /// By which it is known in this process.
    pub(crate) key: String,
    pub(crate) capabilities: String,
    pub(crate) client: String,
}

/// What changes in a session.
pub(crate) struct State {
    inner: Mutex<Inner>,
    /// Changes with what is watched.
    watched: watch::Sender<BTreeSet<String>>,
}

struct Inner {
    level: String,
    questions: HashMap<String, oneshot::Sender<Outcome>>,
    calls: HashMap<Id, Arc<Notify>>,
    used: Instant,
}

/// The sessions of one server.
#[derive(Default)]
pub(crate) struct States {
    all: Mutex<Sessions>,
    pub(crate) tools: Tools,
}

#[derive(Default)]
struct Sessions {
    live: HashMap<String, Arc<State>>,
    ended: VecDeque<String>,
}

impl States {
    /// A new session; gives by what it is known.
    pub(crate) fn begin(&self) -> Result<String, Refusal> {
        let key = random()?;
        drop(self.of(&key));
        Ok(key)
    }

    /// The session; `None` where it has ended. One that this process does not know begins as new.
    pub(crate) fn of(&self, key: &str) -> Option<Arc<State>> {
        let mut all = lock(&self.all);
        if all.ended.iter().any(|ended| ended == key) {
            return None;
        }
        if let Some(state) = all.live.get(key) {
            state.lock().used = Instant::now();
            return Some(Arc::clone(state));
        }
        if all.live.len() >= MOST {
            let oldest = all.live.iter().min_by_key(|(_, state)| state.lock().used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                all.live.remove(&oldest);
            }
        }
        let state = Arc::new(State::new());
        all.live.insert(key.to_owned(), Arc::clone(&state));
        Some(state)
    }

    /// Ends a session.
    pub(crate) fn end(&self, key: &str) {
        let mut all = lock(&self.all);
        if let Some(state) = all.live.remove(key) {
            state.end();
        }
        all.ended.push_back(key.to_owned());
        if all.ended.len() > MOST_ENDED {
            all.ended.pop_front();
        }
    }
}

impl State {
    fn new() -> Self {
        let inner = Inner {
            level: LEVEL.to_owned(),
            questions: HashMap::new(),
            calls: HashMap::new(),
            used: Instant::now(),
        };
        Self { inner: Mutex::new(inner), watched: watch::channel(BTreeSet::new()).0 }
    }

    pub(crate) fn level(&self) -> String {
        self.lock().level.clone()
    }

    pub(crate) fn log_at(&self, level: Option<String>) {
        if let Some(level) = level {
            self.lock().level = level;
        }
    }

    /// Begins or ends to watch a resource; whether there was room.
    pub(crate) fn watch(&self, uri: String, is_on: bool) -> bool {
        let mut has_room = true;
        self.watched.send_if_modified(|watched| {
            if !is_on {
                return watched.remove(&uri);
            }
            has_room = watched.len() < MOST_WATCHED || watched.contains(&uri);
            has_room && watched.insert(uri)
        });
        has_room
    }

    pub(crate) fn watched(&self) -> watch::Receiver<BTreeSet<String>> {
        self.watched.subscribe()
    }

    /// Waits for what the client answers to a question of this id.
    pub(crate) fn ask(&self, id: String) -> oneshot::Receiver<Outcome> {
        let (told, answer) = oneshot::channel();
        let mut inner = self.lock();
        inner.questions.retain(|_, told| !told.is_closed());
        inner.questions.insert(id, told);
        answer
    }

    pub(crate) fn answered(&self, id: &str, outcome: Outcome) {
        if let Some(told) = self.lock().questions.remove(id) {
            // Who asked may be gone.
            let _ = told.send(outcome);
        }
    }

    /// A call that the client can end by its id.
    pub(crate) fn enter(&self, id: &Id) -> Arc<Notify> {
        let cancelled = Arc::new(Notify::new());
        self.lock().calls.insert(id.clone(), Arc::clone(&cancelled));
        cancelled
    }

    pub(crate) fn leave(&self, id: &Id, cancelled: &Arc<Notify>) {
        let mut inner = self.lock();
        if inner.calls.get(id).is_some_and(|known| Arc::ptr_eq(known, cancelled)) {
            inner.calls.remove(id);
        }
    }

    pub(crate) fn cancel(&self, id: &Id) {
        if let Some(cancelled) = self.lock().calls.get(id) {
            cancelled.notify_one();
        }
    }

    fn end(&self) {
        for cancelled in self.lock().calls.values() {
            cancelled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// An id that nobody guesses.
pub(crate) fn random() -> Result<String, Refusal> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Refusal::new(503, -32603, "no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
