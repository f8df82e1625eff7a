//! What pages of a plugin ask its process beside the console right now: whether anything, since when nothing, and for whom
//! where that is certain. Knows nothing of what is asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The calls that are open at one process.
pub(crate) struct PageCalls {
    state: Mutex<State>,
    /// Rings when the last of them ends.
    idle: Notify,
}

struct State {
    next: u64,
    /// Each with the user who asks; none where the gateway does, as for a manifest.
    open: Vec<(u64, Option<String>)>,
    /// Whether the plugin was left with a question that it never answered: it may still work on it, for somebody.
    left: bool,
    idle_since: Instant,
}

/// A call that is open until it is dropped.
pub(crate) struct OpenPageCall {
    calls: Arc<PageCalls>,
    number: u64,
    /// Whether the plugin has a question of somebody that it did not answer yet.
    unanswered: bool,
}

impl OpenPageCall {
    /// The plugin has the question from here on.
    pub(crate) fn asked(&mut self) {
        self.unanswered = true;
    }

    /// The plugin answered: it works on it no more.
    pub(crate) fn answered(&mut self) {
        self.unanswered = false;
    }
}

impl PageCalls {
    pub(crate) fn new() -> Arc<Self> {
        let state = State { next: 0, open: Vec::new(), left: false, idle_since: Instant::now() };
        Arc::new(Self { state: Mutex::new(state), idle: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens one.
    pub(crate) fn open(self: &Arc<Self>, user: Option<String>) -> OpenPageCall {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.push((number, user));
        OpenPageCall { calls: self.clone(), number, unanswered: false }
    }

    /// Who asks, where exactly one question of one user is open, and the plugin was never left with another one.
    pub(crate) fn only_user(&self) -> Option<String> {
        let state = self.state();
        if state.left {
            return None;
        }
        let mut users = state.open.iter().filter_map(|(_, user)| user.as_ref());
        let first = users.next().cloned();
        first.filter(|_| users.next().is_none())
    }

    /// Since when nothing is open.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        state.open.is_empty().then_some(state.idle_since)
    }

    /// Waits until nothing is open.
    pub(crate) async fn idle(&self) -> Instant {
        loop {
            let rings = self.idle.notified();
            if let Some(since) = self.idle_since() {
                return since;
            }
            rings.await;
        }
    }
}

impl Drop for OpenPageCall {
    fn drop(&mut self) {
        let mut state = self.calls.state();
        state.left |= self.unanswered;
        state.open.retain(|(number, _)| *number != self.number);
        if state.open.is_empty() {
            state.idle_since = Instant::now();
            self.calls.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn somebody_is_named_only_where_nobody_else_can_be_meant() {
        let calls = PageCalls::new();
        assert_eq!(calls.only_user(), None);
        let (asset, jane) = (calls.open(None), calls.open(Some("jane".to_owned())));
        assert_eq!(calls.only_user().as_deref(), Some("jane"));
        let again = calls.open(Some("jane".to_owned()));
        assert_eq!(calls.only_user(), None, "one of two questions, and nobody knows which");
        drop(again);
        let joe = calls.open(Some("joe".to_owned()));
        assert_eq!(calls.only_user(), None);
        drop(jane);
        assert_eq!(calls.only_user().as_deref(), Some("joe"));
        assert!(calls.idle().now_or_never().is_none());
        drop((asset, joe));
        assert!(calls.idle().now_or_never().is_some());
    }

    #[tokio::test]
    async fn after_a_question_that_was_left_unanswered_nobody_is_named_any_more() {
        let calls = PageCalls::new();
        let mut jane = calls.open(Some("jane".to_owned()));
        jane.asked();
        assert_eq!(calls.only_user().as_deref(), Some("jane"));
        jane.answered();
        drop(jane);
        let mut joe = calls.open(Some("joe".to_owned()));
        joe.asked();
        assert_eq!(calls.only_user().as_deref(), Some("joe"));
        drop(joe);
        assert!(calls.idle().now_or_never().is_some(), "nobody waits for it");
        let _jane = calls.open(Some("jane".to_owned()));
        assert_eq!(calls.only_user(), None, "it may be what joe wanted");
    }
}
