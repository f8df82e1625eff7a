//! How many calls of a plugin may be open at one time. Others wait in a short queue, first come first
//! served, or are turned away at once where waiting makes no sense.
//!
//! Promises, under every order of events: nobody is let in while as many are inside as may be; nobody
//! waits while there is room; nobody overtakes. Who is let in from the queue has the place from that
//! moment on, so that no newcomer takes it before he is awake.

#[cfg(test)]
mod tests;

use sidegate_model::policy::ConcurrencyOptions;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// One new call counts so much in the average of how long calls last: one part in so many.
const WEIGHT: u32 = 8;
/// The longest that is asked of a client before it comes again, in seconds.
const LONGEST_RETRY: u64 = 60;

/// The calls of one plugin.
#[derive(Debug, Default)]
pub struct ConcurrencyLimit {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` lets everybody in.
    options: Option<ConcurrencyOptions>,
    inside: u32,
    /// Those that wait, in the order in which they came, with whom to wake.
    waiting: BTreeMap<u64, Option<Waker>>,
    next_number: u64,
    /// How long calls lasted of late; `None` before the first one has ended.
    average: Option<Duration>,
    waits: u64,
    waited: Duration,
}

/// What is told of a limit, for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConcurrencyFigures {
    /// Calls that are open and counted.
    pub inside: u32,
    /// Calls that wait.
    pub waiting: usize,
    /// How many have waited until they were let in.
    pub waits: u64,
    /// How long those waited, all together.
    pub waited: Duration,
}

/// A call that may begin, or one that has to wait.
#[derive(Debug)]
pub enum Entry {
    /// Now.
    Inside(Arc<Ticket>),
    /// Later.
    Waits(Waiting),
}

/// Nobody more is let in, and waiting makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginBusy {
    /// How many may be inside.
    pub max: u32,
    /// When it may make sense to come again, in whole seconds; at least 1.
    pub retry_after_seconds: u64,
}

/// A place inside; given back when dropped. A call shares it with whoever reads its answer.
#[derive(Debug)]
pub struct Ticket {
    limit: Arc<ConcurrencyLimit>,
    begun: Instant,
}

/// A place in the queue; left when dropped.
#[derive(Debug)]
pub struct Waiting {
    limit: Arc<ConcurrencyLimit>,
    number: u64,
    begun: Instant,
    end: Instant,
    /// It has become a place inside.
    is_over: bool,
}

impl State {
    fn has_room(&self) -> bool {
        self.options.is_none_or(|options| self.inside < options.max)
    }

    /// Lets in from the queue who may come in now; they are woken when the lock is free.
    #[must_use = "they sleep"]
    fn let_in(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        while self.has_room()
            && let Some((_, waker)) = self.waiting.pop_first()
        {
            self.inside += 1;
            woken.extend(waker);
        }
        woken
    }

    /// How long one more would have to wait; nothing where that is not known.
    fn estimate(&self, options: ConcurrencyOptions) -> Duration {
        let position = u32::try_from(self.waiting.len() + 1).unwrap_or(u32::MAX);
        let average = self.average.unwrap_or_default();
        average.saturating_mul(position) / options.max.max(1)
    }

    /// Why one more cannot even wait, if that is so.
    fn busy(&self, options: ConcurrencyOptions) -> Option<PluginBusy> {
        let is_full = self.waiting.len() >= usize::try_from(options.queue()).unwrap_or(usize::MAX);
        let is_vain = self.estimate(options) > options.queue_timeout();
        (is_full || is_vain).then(|| self.refusal(options))
    }

    fn refusal(&self, options: ConcurrencyOptions) -> PluginBusy {
        let wait = self.estimate(options).as_millis().div_ceil(1000);
        let seconds = u64::try_from(wait).unwrap_or(u64::MAX).clamp(1, LONGEST_RETRY);
        PluginBusy { max: options.max, retry_after_seconds: seconds }
    }

    /// A call has ended.
    fn note(&mut self, lasted: Duration) {
        // What lasts longer than anybody waits for says no more than that: a few short calls after it
        // make up for it.
        let longest = self.options.map(|o| o.queue_timeout().saturating_mul(o.max) * 2);
        let lasted = longest.map_or(lasted, |longest| lasted.min(longest));
        self.average = Some(match self.average {
            Some(average) => (average * (WEIGHT - 1) + lasted) / WEIGHT,
            None => lasted,
        });
    }
}

impl ConcurrencyLimit {
    /// Another limit, or none: at once, also for those that wait.
    pub(super) fn heed(&self, options: Option<ConcurrencyOptions>) {
        let mut state = self.lock();
        if state.options == options {
            return;
        }
        if state.options.is_none() {
            state.average = None;
        }
        state.options = options;
        let woken = state.let_in();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Takes one more call in, now or when it is its turn.
    ///
    /// # Errors
    /// [`PluginBusy`] where the queue is full, or would not come to its turn in time.
    pub fn enter(self: &Arc<Self>) -> Result<Entry, PluginBusy> {
        let begun = Instant::now();
        let mut state = self.lock();
        let options = match state.options {
            Some(options) if !state.waiting.is_empty() || !state.has_room() => options,
            _ => {
                state.inside += 1;
                return Ok(Entry::Inside(self.ticket(begun)));
            }
        };
        if let Some(busy) = state.busy(options) {
            return Err(busy);
        }
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.insert(number, None);
        let (limit, end) = (self.clone(), begun + options.queue_timeout());
        Ok(Entry::Waits(Waiting { limit, number, begun, end, is_over: false }))
    }

    /// What would become of one more call, without counting it: `None` lets it in at once, else how
    /// long it would wait by estimate.
    ///
    /// # Errors
    /// [`PluginBusy`], as of [`ConcurrencyLimit::enter`].
    pub fn peek(&self) -> Result<Option<Duration>, PluginBusy> {
        let state = self.lock();
        match state.options {
            Some(options) if !state.waiting.is_empty() || !state.has_room() => {
                state.busy(options).map_or_else(|| Ok(Some(state.estimate(options))), Err)
            }
            _ => Ok(None),
        }
    }

    /// How many are inside and wait.
    pub fn figures(&self) -> ConcurrencyFigures {
        let state = self.lock();
        let State { inside, waits, waited, .. } = *state;
        ConcurrencyFigures { inside, waiting: state.waiting.len(), waits, waited }
    }

    fn ticket(self: &Arc<Self>, begun: Instant) -> Arc<Ticket> {
        Arc::new(Ticket { limit: self.clone(), begun })
    }

    /// Gives a place back: to the first in the queue.
    fn leave(&self, lasted: Option<Duration>) {
        let mut state = self.lock();
        state.inside -= 1;
        if let Some(lasted) = lasted {
            state.note(lasted);
        }
        let woken = state.let_in();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.limit.leave(Some(self.begun.elapsed()));
    }
}

impl Waiting {
    /// Waits for its turn, but not longer than the operator says.
    ///
    /// # Errors
    /// [`PluginBusy`] where its turn does not come in time.
    pub async fn admitted(mut self) -> Result<Arc<Ticket>, PluginBusy> {
        let end = self.end;
        // Whether its turn came at the very end is known under the lock only.
        let _ = timeout_at(end, poll_fn(|cx| self.poll_turn(cx))).await;
        self.enter()
    }

    /// Whether it is its turn.
    fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        match self.limit.lock().waiting.get_mut(&self.number) {
            Some(Some(waker)) => waker.clone_from(cx.waker()),
            Some(none) => *none = Some(cx.waker().clone()),
            None => return Poll::Ready(()),
        }
        Poll::Pending
    }

    /// Goes in, if it was let in.
    fn enter(&mut self) -> Result<Arc<Ticket>, PluginBusy> {
        let now = Instant::now();
        let mut state = self.limit.lock();
        self.is_over = true;
        if state.waiting.remove(&self.number).is_some() {
            let unlimited = PluginBusy { max: u32::MAX, retry_after_seconds: 1 };
            return Err(state.options.map_or(unlimited, |options| state.refusal(options)));
        }
        state.waits += 1;
        state.waited += now - self.begun;
        drop(state);
        Ok(self.limit.ticket(now))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let left = self.limit.lock().waiting.remove(&self.number).is_some();
        if !left {
            // It was let in and has gone all the same.
            self.limit.leave(None);
        }
    }
}
