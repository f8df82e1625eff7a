//! What the admin API notes of those who come to it, on its way to the database: whom it refused, for the audit log,
//! and when admin tokens and sessions of the console were last used. No request waits for that. Whoever refuses to stop being refused fills
//! neither memory nor database: the same again is counted, and each minute has a bound.
//!
//! Knows no request; what is refused, and why, it is told.

use sidegate_model::UnixMillis;
use sidegate_model::actor::Who;
use sidegate_model::admin_token::AdminTokenId;
use sidegate_model::console_session::ConsoleSessionId;
use sidegate_store::{Refusal, Store, StoreError};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Most kinds of refusals that have an entry of their own in one minute; the rest has one together.
const MAX_A_MINUTE: usize = 20;
const MINUTE: UnixMillis = 60_000;
/// What comes within this time is written together.
const GATHERING: Duration = Duration::from_millis(500);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Longest reason that is noted, in characters.
const MAX_DETAIL: usize = 300;

/// Who was refused what, and why: the same again within a minute is one entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refused {
    /// From which address; none where it stands for several.
    pub(crate) peer: Option<IpAddr>,
    /// Who it was, where they were recognised.
    pub(crate) who: Option<Who>,
    /// What they wanted.
    pub(crate) operation: &'static str,
    /// Why not.
    pub(crate) detail: String,
}

impl Refused {
    /// All that has no entry of its own.
    fn rest() -> Self {
        let detail = "further refusals in this minute, of any kind and address".to_owned();
        Self { peer: None, who: None, operation: "refused", detail }
    }
}

/// How often it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    /// For the first time.
    at: UnixMillis,
    /// Since it was written last.
    unwritten: u64,
    /// The entry that has what was written.
    entry: Option<u64>,
}

type Refusals = BTreeMap<Refused, Counted>;

#[derive(Debug, Default)]
struct Noted {
    minute: UnixMillis,
    /// Of this minute.
    refusals: Refusals,
    /// Of minutes before, as far as it is not written.
    late: Refusals,
    uses: Uses,
}

/// When things were last used.
#[derive(Debug, Default)]
struct Uses {
    admin_tokens: BTreeMap<AdminTokenId, UnixMillis>,
    sessions: BTreeMap<ConsoleSessionId, UnixMillis>,
}

impl Uses {
    fn is_empty(&self) -> bool {
        self.admin_tokens.is_empty() && self.sessions.is_empty()
    }

    fn give_back(&mut self, uses: Self) {
        for (id, time) in uses.admin_tokens {
            let last = self.admin_tokens.entry(id).or_insert(time);
            *last = time.max(*last);
        }
        for (id, time) in uses.sessions {
            let last = self.sessions.entry(id).or_insert(time);
            *last = time.max(*last);
        }
    }
}

/// Notes and writes. Copies share what they have noted.
#[derive(Clone)]
pub(crate) struct SignIns {
    store: Store,
    noted: Arc<Mutex<Noted>>,
    due: Arc<Notify>,
    /// Whoever writes; one at a time, so that a write that is over has all that was noted before.
    writing: Arc<Semaphore>,
}

impl Noted {
    fn refuse(&mut self, refused: Refused, now: UnixMillis) {
        let minute = now.div_euclid(MINUTE);
        if minute != self.minute {
            self.minute = minute;
            for (refused, counted) in std::mem::take(&mut self.refusals) {
                self.add_late(refused, counted);
            }
        }
        let has_room = self.refusals.len() < MAX_A_MINUTE || self.refusals.contains_key(&refused);
        let refused = if has_room { refused } else { Refused::rest() };
        let new = Counted { at: now, unwritten: 0, entry: None };
        self.refusals.entry(refused).or_insert(new).unwritten += 1;
    }

    fn add_late(&mut self, refused: Refused, counted: Counted) {
        if counted.unwritten == 0 {
            return;
        }
        let has_room = self.late.len() < MAX_A_MINUTE || self.late.contains_key(&refused);
        let (refused, entry) =
            if has_room { (refused, counted.entry) } else { (Refused::rest(), None) };
        let new = Counted { unwritten: 0, entry, ..counted };
        self.late.entry(refused).or_insert(new).unwritten += counted.unwritten;
    }

    /// What is to be written; it counts as written from now on.
    fn take(&mut self) -> Batch {
        let mut counted: Vec<_> = std::mem::take(&mut self.late).into_iter().collect();
        for (refused, own) in &mut self.refusals {
            if own.unwritten > 0 {
                counted.push((refused.clone(), *own));
                own.unwritten = 0;
            }
        }
        Batch { minute: self.minute, counted, uses: std::mem::take(&mut self.uses) }
    }

    /// It was written in these entries.
    fn written(&mut self, batch: Batch, entries: &[u64]) {
        if batch.minute != self.minute {
            return;
        }
        for ((refused, counted), entry) in batch.counted.into_iter().zip(entries) {
            // One of a minute before has the same name, and another beginning.
            let own = self.refusals.get_mut(&refused).filter(|own| own.at == counted.at);
            if let Some(own) = own {
                own.entry = Some(*entry);
            }
        }
    }

    /// It could not be written.
    fn give_back(&mut self, batch: Batch) {
        for (refused, counted) in batch.counted {
            match self.refusals.get_mut(&refused).filter(|own| own.at == counted.at) {
                Some(own) => own.unwritten += counted.unwritten,
                None => self.add_late(refused, counted),
            }
        }
        self.uses.give_back(batch.uses);
    }
}

/// What is written together.
struct Batch {
    minute: UnixMillis,
    counted: Vec<(Refused, Counted)>,
    uses: Uses,
}

impl Batch {
    fn refusals(&self) -> Vec<Refusal> {
        let refusal = |(refused, counted): &(Refused, Counted)| Refusal {
            at: counted.at,
            who: refused.who.clone(),
            peer: refused.peer,
            operation: refused.operation,
            detail: refused.detail.clone(),
            times: counted.unwritten,
            entry: counted.entry,
        };
        self.counted.iter().map(refusal).collect()
    }
}

impl SignIns {
    pub(crate) fn new(store: Store) -> Self {
        let writing = Arc::new(Semaphore::new(1));
        Self { store, noted: Arc::default(), due: Arc::default(), writing }
    }

    /// Somebody was refused.
    pub(crate) fn refused(&self, refused: Refused, now: UnixMillis) {
        let detail = refused.detail.chars().take(MAX_DETAIL).collect();
        self.noted().refuse(Refused { detail, ..refused }, now);
        self.due.notify_one();
    }

    /// An admin token was used that was used before at `last`. Uses within a minute are one.
    pub(crate) fn used(&self, id: AdminTokenId, last: Option<UnixMillis>, now: UnixMillis) {
        let is_new = last.is_none_or(|last| now.div_euclid(MINUTE) > last.div_euclid(MINUTE));
        if is_new && self.noted().uses.admin_tokens.insert(id, now).is_none() {
            self.due.notify_one();
        }
    }

    /// A session was used whose last use is noted anew.
    pub(crate) fn session_used(&self, id: ConsoleSessionId, now: UnixMillis) {
        if self.noted().uses.sessions.insert(id, now).is_none() {
            self.due.notify_one();
        }
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// When the store cannot be written; what was not is written the next time.
    pub(crate) async fn write(&self) -> Result<(), StoreError> {
        let _alone = self.writing.acquire().await.expect("it is never closed");
        let mut batch = self.noted().take();
        let refusals = batch.refusals();
        if !refusals.is_empty() {
            match self.store.note_refusals(&refusals).await {
                Ok(entries) => {
                    let uses = std::mem::take(&mut batch.uses);
                    self.noted().written(batch, &entries);
                    return self.write_uses(uses).await;
                }
                Err(error) => {
                    self.noted().give_back(batch);
                    return Err(error);
                }
            }
        }
        self.write_uses(batch.uses).await
    }

    async fn write_uses(&self, uses: Uses) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let written = self.store_uses(&uses).await;
        if written.is_err() {
            self.noted().uses.give_back(uses);
        }
        written
    }

    async fn store_uses(&self, uses: &Uses) -> Result<(), StoreError> {
        let tokens: Vec<_> = uses.admin_tokens.iter().map(|(id, time)| (*id, *time)).collect();
        if !tokens.is_empty() {
            self.store.note_admin_token_uses(&tokens).await?;
        }
        let sessions: Vec<_> = uses.sessions.iter().map(|(id, time)| (*id, *time)).collect();
        if !sessions.is_empty() {
            self.store.note_console_session_uses(&sessions).await?;
        }
        Ok(())
    }

    /// Writes whenever there is something, until it is dropped.
    pub(crate) async fn keep_written(self) {
        let mut is_failing = false;
        loop {
            self.due.notified().await;
            tokio::time::sleep(GATHERING).await;
            let written = self.write().await;
            if let Err(error) = &written {
                // Once, because the disk may fail for long.
                if !is_failing {
                    tracing::warn!(%error, "who was refused by the admin API is not written for now: the store cannot be written");
                }
                tokio::time::sleep(RETRY).await;
                self.due.notify_one();
            }
            is_failing = written.is_err();
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
