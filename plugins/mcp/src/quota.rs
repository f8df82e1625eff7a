//! How often each app may call some tools, and how many of its calls may go on at once. Counted in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::policy::pattern;

/// Of how many apps is remembered what they used, for each rule.
const APPS: usize = 4096;
const MINUTE: Duration = Duration::from_secs(60);
/// Nobody knows when a call ends that goes on; a client that asks again sees.
const LATER: Duration = Duration::from_secs(1);

/// What each app may use of some tools.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitRule {
    pub(crate) tool: String,
    /// So many may also come at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_once: Option<u32>,
}

impl LimitRule {
    /// Whether it limits anything, and does not forbid everything.
    pub(crate) fn says_something(&self) -> bool {
        let both = [self.per_minute, self.at_once];
        both.iter().any(Option::is_some) && !both.contains(&Some(0))
    }

    /// How long after one call the next one comes for free.
    fn pause(&self) -> Option<Duration> {
        self.per_minute.map(|most| MINUTE / most.max(1))
    }
}

/// All rules of a server, with what was used.
#[derive(Debug)]
pub(crate) struct Quotas {
    rules: Vec<LimitRule>,
    used: Mutex<Used>,
}

/// By app and rule.
type Used = HashMap<(u32, usize), Usage>;

#[derive(Clone, Copy, Debug)]
struct Usage {
    /// When all that was used will have come back.
    back: Instant,
    going_on: u32,
}

/// A call's place among those that go on; it is given back at the end.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<Quotas>,
    app: u32,
    rules: Vec<usize>,
}

impl Quotas {
    pub(crate) fn new(rules: Vec<LimitRule>) -> Self {
        Self { rules, used: Mutex::default() }
    }

    /// Takes a place for a call of this tool; where there is none, how long to wait. All rules that fit count, or none: what
    /// is refused is not counted.
    pub(crate) fn take(
        self: &Arc<Self>,
        app: u32,
        tool: &str,
        now: Instant,
    ) -> Result<Place, Duration> {
        let fits = |(_, rule): &(usize, &LimitRule)| pattern::covers(&rule.tool, tool);
        let rules: Vec<_> = self.rules.iter().enumerate().filter(fits).collect();
        let fresh = Usage { back: now, going_on: 0 };
        let mut used = self.used();
        let usage = |used: &Used, at: usize| used.get(&(app, at)).copied().unwrap_or(fresh);
        for (at, rule) in &rules {
            rule.has_room(usage(&used, *at), now)?;
        }
        for (at, rule) in &rules {
            let Usage { back, going_on } = usage(&used, *at);
            let back = back.max(now) + rule.pause().unwrap_or_default();
            used.insert((app, *at), Usage { back, going_on: going_on + 1 });
        }
        if used.len() > APPS * self.rules.len() {
            forget(&mut used, now);
        }
        Ok(Place { of: Arc::clone(self), app, rules: rules.iter().map(|(at, _)| *at).collect() })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimitRule {
    fn has_room(&self, usage: Usage, now: Instant) -> Result<(), Duration> {
        if self.at_once.is_some_and(|most| usage.going_on >= most) {
            return Err(LATER);
        }
        let Some(pause) = self.pause() else { return Ok(()) };
        let owed = usage.back.saturating_duration_since(now) + pause;
        // What a division leaves over is no reason to refuse.
        let wait = owed.saturating_sub(MINUTE + Duration::from_millis(1));
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }
}

/// First what says nothing any more; then, of what is not going on, the half that is back first.
fn forget(used: &mut Used, now: Instant) {
    used.retain(|_, usage| usage.going_on > 0 || usage.back > now);
    let mut backs: Vec<_> =
        used.values().filter(|usage| usage.going_on == 0).map(|usage| usage.back).collect();
    if backs.is_empty() || used.len() < APPS {
        return;
    }
    let middle = backs.len() / 2;
    let (_, middle, _) = backs.select_nth_unstable(middle);
    let middle = *middle;
    used.retain(|_, usage| usage.going_on > 0 || usage.back > middle);
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut used = self.of.used();
        for rule in &self.rules {
            if let Some(usage) = used.get_mut(&(self.app, *rule)) {
                usage.going_on = usage.going_on.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn quotas(rules: serde_json::Value) -> Arc<Quotas> {
        Arc::new(Quotas::new(serde_json::from_value(rules).unwrap()))
    }

    #[test]
    fn an_app_gets_its_calls_of_a_minute_at_once_and_then_one_after_the_other() {
        let quotas = quotas(json!([{"tool": "write_*", "per_minute": 3}]));
        let now = Instant::now();
        let seconds = |seconds| now + Duration::from_secs(seconds);
        for name in ["write_a", "WRITE_b", "write_c"] {
            quotas.take(1, name, now).unwrap();
        }
        let wait = quotas.take(1, "write_d", now).unwrap_err();
        assert_eq!(wait.as_secs_f64().round(), 20.0);
        assert!(quotas.take(1, "read", now).is_ok() && quotas.take(2, "write_a", now).is_ok());
        assert!(quotas.take(1, "write_a", seconds(19)).is_err());
        assert!(quotas.take(1, "write_a", seconds(20)).is_ok());
        assert!(quotas.take(1, "write_a", seconds(20)).is_err());
    }

    #[test]
    fn a_place_is_free_again_when_its_call_ends_and_what_is_refused_takes_none() {
        let rules =
            json!([{"tool": "*", "at_once": 2}, {"tool": "slow", "at_once": 1, "per_minute": 9}]);
        let quotas = quotas(rules);
        let now = Instant::now();
        let slow = quotas.take(1, "slow", now).unwrap();
        assert_eq!(quotas.take(1, "slow", now).unwrap_err(), LATER);
        let other = quotas.take(1, "other", now).unwrap();
        assert!(quotas.take(1, "other", now).is_err());
        drop(slow);
        let slow = quotas.take(1, "slow", now).unwrap();
        drop((slow, other));
        assert!(quotas.used().values().all(|usage| usage.going_on == 0));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_who_used_up_most_stays_in_it() {
        let quotas = quotas(json!([{"tool": "*", "per_minute": 2, "at_once": 1}]));
        let now = Instant::now();
        for _ in 0..2 {
            quotas.take(0, "x", now).unwrap();
        }
        let going_on = quotas.take(1, "x", now).unwrap();
        for app in 2..20_000 {
            quotas.take(app, "x", now).unwrap();
            assert!(quotas.used().len() <= APPS + 1);
        }
        assert!(quotas.take(0, "x", now).is_err(), "it used up all of it");
        assert!(quotas.take(1, "x", now).is_err(), "its call goes on");
        drop(going_on);
    }
}
