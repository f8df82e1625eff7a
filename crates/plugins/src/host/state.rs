//! A plugin's life as a pure state machine: `Life × LifecycleEvent × now → Life + Actions`.
//!
//! Decides when a process is started, replaced, left to drain, stopped, started again or parked.
//! Knows no process, no clock and no runtime: time is a [`Moment`] handed in, processes are numbers.
//! Why a plugin was restarted, or is not restarted any more, is answered here.

use super::settings::RestartLimits;
use sidegate_model::status::{PluginState, reload_warning};
use std::collections::VecDeque;
use std::time::Duration;

/// Numbers the processes of one plugin, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Serial(pub(super) u64);

/// Numbers what the operator wanted, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Edition(pub(super) u64);

/// Now, and a fresh number from 0 to 1 for whatever is left to chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Time since any fixed point.
    pub(super) at: Duration,
    /// Between 0 and 1, for pauses that no two plugins share.
    pub(super) chance: f64,
}

/// All that can happen to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LifecycleEvent {
    /// The operator wants this edition to run.
    Wanted(Edition),
    /// The operator wants the plugin to run no more.
    Unwanted,
    /// The gateway was told to stop: requests may finish, but nothing is started any more.
    Closing,
    /// The host ends; nobody waits for requests any more.
    Quit,
    /// A process passed every step of its start.
    Started(Serial),
    /// A process failed: it could not start, ended by itself, or answers no more. It cleans up
    /// after itself; `Gone` follows.
    Failed {
        /// Which one.
        serial: Serial,
        /// In words for an operator.
        reason: String,
        /// Another try cannot end differently.
        hopeless: bool,
    },
    /// The process that serves takes no new requests any more, but may finish those it has.
    Leaving {
        /// Which one.
        serial: Serial,
        /// In words for an operator.
        reason: String,
    },
    /// A process ended because the gateway was told to stop: no failure. `Gone` follows.
    Departed(Serial),
    /// A draining process has finished its requests.
    Drained(Serial),
    /// Nothing is left of a process.
    Gone(Serial),
    /// Time passed; see [`Life::deadline`].
    Tick,
}

/// All that can follow from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Start a process of this edition.
    Start(Serial, Edition),
    /// Tell when its requests have ended; it gets no new ones.
    Drain(Serial),
    /// End it in order.
    Stop(Serial),
}

/// What is under way to get an instance that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing: what is wanted serves, or nothing is wanted, or a reload failed.
    Nothing,
    /// A start is due as soon as there is room for one more process.
    Due,
    Starting(Serial),
    Backoff {
        until: Duration,
    },
    Parked {
        hopeless: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Serving {
    serial: Serial,
    since: Duration,
}

/// An instance on its way out. Without a deadline it is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Retiring {
    serial: Serial,
    drain_until: Option<Duration>,
}

/// How many failures are remembered at most: more than any limit on them but "never".
const MAX_FAILURES: usize = 1000;

/// One plugin's life.
#[derive(Debug)]
pub(super) struct Life {
    limits: RestartLimits,
    drain: Duration,
    wanted: Option<Edition>,
    serving: Option<Serving>,
    next: Next,
    retiring: Vec<Retiring>,
    failures: VecDeque<Duration>,
    last_serial: Serial,
    restarts: u32,
    reason: Option<String>,
    reload_failure: Option<String>,
    closing: bool,
}

impl Life {
    /// A plugin nobody wants yet.
    pub(super) fn new(limits: RestartLimits, drain: Duration) -> Self {
        Self {
            limits,
            drain,
            wanted: None,
            serving: None,
            next: Next::Nothing,
            retiring: Vec::new(),
            failures: VecDeque::new(),
            last_serial: Serial(0),
            restarts: 0,
            reason: None,
            reload_failure: None,
            closing: false,
        }
    }

    /// What holds from now on. What is under way keeps the moments that were set for it.
    pub(super) fn set_limits(&mut self, limits: RestartLimits, drain: Duration) {
        self.limits = limits;
        self.drain = drain;
    }

    /// Takes in what happened and says what follows. Events about unknown processes change nothing.
    pub(super) fn on(&mut self, event: LifecycleEvent, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            LifecycleEvent::Wanted(edition) => self.want(edition, &mut actions),
            LifecycleEvent::Unwanted => self.unwant(now, &mut actions),
            LifecycleEvent::Closing => self.closing = true,
            LifecycleEvent::Quit => self.quit(now, &mut actions),
            LifecycleEvent::Started(serial) => self.started(serial, now, &mut actions),
            LifecycleEvent::Failed { serial, reason, hopeless } => {
                self.failed(serial, reason, hopeless, now);
            }
            LifecycleEvent::Leaving { serial, reason } => self.leave(serial, reason, now),
            LifecycleEvent::Departed(serial) => self.depart(serial),
            LifecycleEvent::Drained(serial) => {
                self.stop_draining(&mut actions, |r| r.serial == serial);
            }
            LifecycleEvent::Gone(serial) => self.retiring.retain(|r| r.serial != serial),
            LifecycleEvent::Tick => {}
        }
        self.stop_draining(&mut actions, |r| r.drain_until.is_some_and(|until| until <= now.at));
        self.start_what_is_due(now, &mut actions);
        actions
    }

    fn want(&mut self, edition: Edition, actions: &mut Vec<Action>) {
        self.wanted = Some(edition);
        self.failures.clear();
        self.reason = None;
        self.reload_failure = None;
        self.abandon_start(actions);
        self.next = Next::Due;
    }

    fn unwant(&mut self, now: Moment, actions: &mut Vec<Action>) {
        self.wanted = None;
        self.failures.clear();
        self.reason = None;
        self.reload_failure = None;
        self.abandon_start(actions);
        self.next = Next::Nothing;
        self.drain_serving(now, actions);
    }

    fn quit(&mut self, now: Moment, actions: &mut Vec<Action>) {
        self.unwant(now, actions);
        actions.retain(|action| !matches!(action, Action::Drain(_)));
        self.stop_draining(actions, |_| true);
    }

    fn started(&mut self, serial: Serial, now: Moment, actions: &mut Vec<Action>) {
        if self.next != Next::Starting(serial) {
            return;
        }
        self.drain_serving(now, actions);
        self.serving = Some(Serving { serial, since: now.at });
        self.next = Next::Nothing;
        self.reason = None;
    }

    fn failed(&mut self, serial: Serial, reason: String, hopeless: bool, now: Moment) {
        if self.next == Next::Starting(serial) {
            self.retire_stopping(serial);
            if self.serving.is_some() {
                self.next = Next::Nothing;
                self.reload_failure = Some(reason);
            } else {
                self.next = self.after_failure(hopeless, now);
                self.reason = Some(reason);
            }
        } else if let Some(serving) = self.serving.filter(|s| s.serial == serial) {
            self.serving = None;
            self.reload_failure = None;
            self.retire_stopping(serial);
            if now.at.saturating_sub(serving.since) >= self.limits.healthy_after {
                self.failures.clear();
            }
            let next = self.after_failure(hopeless, now);
            self.reason = Some(reason);
            // A replacement that is already on its way goes on.
            if !matches!(self.next, Next::Starting(..)) {
                self.next = next;
            }
        } else if let Some(retiring) = self.retiring.iter_mut().find(|r| r.serial == serial) {
            retiring.drain_until = None;
        }
    }

    /// Fails as an instance that gets requests, and drains all the same.
    fn leave(&mut self, serial: Serial, reason: String, now: Moment) {
        if self.serving() != Some(serial) {
            return;
        }
        self.failed(serial, reason, false, now);
        for retiring in self.retiring.iter_mut().filter(|r| r.serial == serial) {
            retiring.drain_until = Some(now.at + self.drain);
        }
    }

    fn depart(&mut self, serial: Serial) {
        if self.serving() == Some(serial) {
            self.serving = None;
            self.retire_stopping(serial);
        } else if self.next == Next::Starting(serial) {
            self.next = Next::Nothing;
            self.retire_stopping(serial);
        } else if let Some(retiring) = self.retiring.iter_mut().find(|r| r.serial == serial) {
            retiring.drain_until = None;
        }
    }

    /// Notes one more failure and says how to go on: at once, after a pause, or not at all.
    fn after_failure(&mut self, hopeless: bool, now: Moment) -> Next {
        let forgotten = now.at.saturating_sub(self.limits.window);
        self.failures.retain(|failed_at| *failed_at >= forgotten);
        self.failures.push_back(now.at);
        if self.failures.len() > MAX_FAILURES {
            self.failures.pop_front();
        }
        if hopeless || self.failures.len() >= self.limits.park_after {
            return Next::Parked { hopeless };
        }
        match self.pause(now.chance) {
            Duration::ZERO => Next::Due,
            pause => Next::Backoff { until: now.at + pause },
        }
    }

    /// The pause after the failures so far. Chance only ever makes it longer.
    fn pause(&self, chance: f64) -> Duration {
        let Some(doublings) = self.failures.len().checked_sub(2) else {
            return Duration::ZERO;
        };
        let factor = u32::try_from(doublings).ok().and_then(|n| 1u32.checked_shl(n));
        let plain =
            self.limits.base.saturating_mul(factor.unwrap_or(u32::MAX)).min(self.limits.max);
        plain.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0)
    }

    fn abandon_start(&mut self, actions: &mut Vec<Action>) {
        if let Next::Starting(serial) = self.next {
            self.retire_stopping(serial);
            actions.push(Action::Stop(serial));
        }
    }

    fn drain_serving(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if let Some(Serving { serial, .. }) = self.serving.take() {
            self.retiring.push(Retiring { serial, drain_until: Some(now.at + self.drain) });
            actions.push(Action::Drain(serial));
        }
    }

    fn retire_stopping(&mut self, serial: Serial) {
        self.retiring.push(Retiring { serial, drain_until: None });
    }

    fn stop_draining(&mut self, actions: &mut Vec<Action>, which: impl Fn(&Retiring) -> bool) {
        for retiring in &mut self.retiring {
            if retiring.drain_until.is_some() && which(retiring) {
                retiring.drain_until = None;
                actions.push(Action::Stop(retiring.serial));
            }
        }
    }

    fn start_what_is_due(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let Some(edition) = self.wanted else { return };
        if self.closing && matches!(self.next, Next::Due | Next::Backoff { .. }) {
            self.next = Next::Nothing;
        }
        match self.next {
            Next::Due => {}
            Next::Backoff { until } if until <= now.at => self.next = Next::Due,
            _ => return,
        }
        if self.has_room() {
            self.last_serial.0 += 1;
            // Whatever an operator wishes clears the failures.
            if !self.failures.is_empty() {
                self.restarts = self.restarts.saturating_add(1);
            }
            self.next = Next::Starting(self.last_serial);
            actions.push(Action::Start(self.last_serial, edition));
        }
    }

    /// One more is allowed where nothing serves, so that what drains never blocks a restart.
    fn has_room(&self) -> bool {
        self.retiring.len() < self.limits.max_retiring + usize::from(self.serving.is_none())
    }
}

/// What others may know.
impl Life {
    /// The instance that gets the requests.
    pub(super) fn serving(&self) -> Option<Serial> {
        self.serving.map(|s| s.serial)
    }

    /// Whether this process is the one that is being started.
    pub(super) fn awaits(&self, serial: Serial) -> bool {
        self.next == Next::Starting(serial)
    }

    /// Whether the operator wants it to run.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Whether nothing has failed yet since the operator spoke, and nothing serves.
    pub(super) fn is_first_try(&self) -> bool {
        self.failures.is_empty() && self.serving.is_none()
    }

    /// Whether a start is under way or due at once.
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.next, Next::Due | Next::Starting(..))
    }

    /// Whether nothing runs and nothing will.
    pub(super) fn is_over(&self) -> bool {
        self.wanted.is_none() && self.retiring.is_empty()
    }

    /// When to send the next [`LifecycleEvent::Tick`].
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.retiring.iter().filter_map(|r| r.drain_until).chain(self.next_start()).min()
    }

    /// When the pause after a failure ends.
    pub(super) fn next_start(&self) -> Option<Duration> {
        match self.next {
            Next::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// The word for operators.
    pub(super) fn state(&self) -> PluginState {
        match self.next {
            _ if self.serving.is_some() => PluginState::Ready,
            Next::Due | Next::Starting(..) => PluginState::Starting,
            Next::Backoff { .. } => PluginState::Backoff,
            Next::Parked { hopeless: false } => PluginState::Parked,
            Next::Parked { hopeless: true } => PluginState::Stopped,
            Next::Nothing if self.retiring.is_empty() => PluginState::Stopped,
            Next::Nothing => PluginState::Draining,
        }
    }

    /// Why it does not serve.
    pub(super) fn reason(&self) -> Option<String> {
        let reason = self.reason.clone().filter(|_| self.serving.is_none())?;
        Some(match self.next {
            Next::Parked { hopeless: false } => format!(
                "parked after {} failures; reload or change the plugin to start it again; last failure: {reason}",
                self.failures.len()
            ),
            _ => reason,
        })
    }

    /// What an operator should know although it serves.
    pub(super) fn warning(&self) -> Option<String> {
        if let Some(reason) = &self.reload_failure {
            return Some(reload_warning(reason));
        }
        (self.serving.is_some() && self.next == Next::Due).then(|| {
            let count = self.retiring.len();
            format!("a reload waits until one of {count} older instances has finished its requests")
        })
    }

    /// Why the latest reload failed, where the instance before it serves on.
    pub(super) fn reload_failure(&self) -> Option<&str> {
        self.reload_failure.as_deref()
    }

    /// How often it was started again after a failure.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }
}

#[cfg(test)]
mod tests;
