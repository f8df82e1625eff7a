//! What the audit log has of the questions of pages: of each user, plugin and method one entry for each minute, which counts.
//! Each question is written by its name before it is asked, so none is lost. Pages make up names as they like: one that brings
//! up too many which its plugin never answered is not asked any further, so that it does not bury what else is in the log.

use super::error::ApiError;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// So many methods that a plugin has not answered yet may one user bring up in one minute.
const MOST_NEW: usize = 40;
/// Of one plugin so many methods are known that it answered.
const MOST_ANSWERED: usize = 256;
const MINUTE: Duration = Duration::from_secs(60);

/// Who asks which plugin, and from where.
type Asking = (Who, Option<IpAddr>, PluginId);
/// What was asked, with the number of its entry.
type Entries = BTreeMap<String, u64>;

/// Counts and writes.
pub(crate) struct PageCallNotes {
    began: Instant,
    noted: Mutex<Noted>,
    /// One at a time, so that two at once do not both begin an entry.
    writing: Semaphore,
}

#[derive(Default)]
struct Noted {
    minute: u64,
    /// Of this minute.
    entries: BTreeMap<Asking, Entries>,
    /// What plugins answered since this process began.
    answered: BTreeMap<PluginId, BTreeSet<String>>,
}

impl Noted {
    /// The entry of this question, where it has one in this minute; a refusal where whoever asks made up too many.
    fn entry(
        &mut self,
        minute: u64,
        asking: &Asking,
        method: &str,
    ) -> Result<Option<u64>, ApiError> {
        if minute != self.minute {
            self.minute = minute;
            self.entries.clear();
        }
        let known = self.entries.entry(asking.clone()).or_default();
        if let Some(entry) = known.get(method) {
            return Ok(Some(*entry));
        }
        let answered = self.answered.get(&asking.2);
        let is_answered = |method: &str| answered.is_some_and(|answered| answered.contains(method));
        let new = known.keys().filter(|method| !is_answered(method)).count();
        if new >= MOST_NEW && !is_answered(method) {
            let detail = format!(
                "pages may ask a plugin for {MOST_NEW} methods a minute that it has not answered yet, for one user: check \
                 what the page calls, or go on in a minute"
            );
            return Err(ApiError::too_many(detail, 60));
        }
        Ok(None)
    }
}

impl Default for PageCallNotes {
    fn default() -> Self {
        let noted = Mutex::default();
        Self { began: Instant::now(), noted, writing: Semaphore::new(1) }
    }
}

impl PageCallNotes {
    /// Writes that a page asks its plugin something.
    ///
    /// # Errors
    /// Those of [`Store::note_page_call`], and where whoever asks makes up too many methods: then it must not be asked.
    pub(crate) async fn note(
        &self,
        store: &Store,
        context: AuditContext,
        plugin: &Plugin,
        method: &str,
    ) -> Result<(), ApiError> {
        // It is never closed.
        let _turn = self.writing.acquire().await;
        let minute = self.began.elapsed().as_secs() / MINUTE.as_secs();
        let Actor { who, peer } = context.actor.clone();
        let asking = (who, peer, plugin.id);
        let entry = self.noted().entry(minute, &asking, method)?;
        let entry = store.by(context).note_page_call(plugin, &format!("{method:?}"), entry).await?;
        let mut noted = self.noted();
        noted.entries.entry(asking).or_default().insert(method.to_owned(), entry);
        Ok(())
    }

    /// Remembers that the plugin answered this, so that it is nothing that a page made up.
    pub(crate) fn answered(&self, plugin: PluginId, method: &str) {
        let mut noted = self.noted();
        let answered = noted.answered.entry(plugin).or_default();
        if answered.len() < MOST_ANSWERED {
            answered.insert(method.to_owned());
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::plugin::PluginDraft;
    use sidegate_model::sealing::Keyring;
    use sidegate_model::user::UserId;
    use sidegate_store::AuditFilter;

    #[tokio::test]
    async fn the_same_again_within_a_minute_is_counted_in_one_entry_and_in_none_of_anothers() {
        let store = Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap();
        let draft = PluginDraft::new("p", "file:///p");
        let plugin = store.create_plugin(&draft).await.unwrap().value;
        let of = |id, name: &str| {
            let actor = Actor { who: Who::of_user(UserId(id), name), peer: None };
            AuditContext { actor, operation: "call_plugin_page" }
        };
        let mut notes = PageCallNotes::default();
        let listed = async || {
            let filter = AuditFilter { actor: Some("user:jane".to_owned()), ..<_>::default() };
            let entries = store.list_audit(&filter, None, 100).await.unwrap().entries;
            let told =
                entries.into_iter().rev().map(|it| (it.times, it.detail.unwrap_or_default()));
            told.collect::<Vec<_>>()
        };
        for _ in 0..3 {
            notes.note(&store, of(1, "jane"), &plugin, "tick").await.unwrap();
        }
        // Somebody else who is called the same.
        notes.note(&store, of(2, "jane"), &plugin, "tick").await.unwrap();
        let asked = |what: &str| format!("its page asked for {what}");
        let told = [(3, asked(r#""tick""#)), (1, asked(r#""tick""#))];
        assert_eq!(listed().await, told);
        notes.answered(plugin.id, "delete");
        for number in 1..MOST_NEW {
            notes.note(&store, of(1, "jane"), &plugin, &format!("m{number}")).await.unwrap();
        }
        let refused = notes.note(&store, of(1, "jane"), &plugin, "one more").await.unwrap_err();
        assert!(refused.detail().contains("40 methods a minute"), "{}", refused.detail());
        notes.note(&store, of(2, "jane"), &plugin, "one more").await.unwrap();
        // What was brought up already, and what the plugin answers, is asked and has its name.
        notes.note(&store, of(1, "jane"), &plugin, "m1").await.unwrap();
        notes.note(&store, of(1, "jane"), &plugin, "delete").await.unwrap();
        let all = listed().await;
        assert_eq!(all.len(), 2 + (MOST_NEW - 1) + 2, "{all:?}");
        assert!(all.contains(&(2, asked(r#""m1""#))), "{all:?}");
        assert_eq!(all.last(), Some(&(1, asked(r#""delete""#))));
        notes.began = Instant::now() - 2 * MINUTE;
        notes.note(&store, of(1, "jane"), &plugin, "tick").await.unwrap();
        assert_eq!(listed().await.last(), Some(&(1, asked(r#""tick""#))));
    }
}
