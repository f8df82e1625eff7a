//! What a node counted over the last hours, in columns, and how the columns of several nodes come together.

use crate::UnixMillis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How fine and how far back a history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HistorySpan {
    /// The length of a step.
    pub step: Duration,
    /// How many steps, up to now.
    pub steps: usize,
}

/// The finest step in which nodes look at their counters.
pub const FINE_STEP: Duration = Duration::from_secs(10);
/// The step of what is kept for long.
pub const COARSE_STEP: Duration = Duration::from_secs(120);

impl HistorySpan {
    /// One hour.
    pub const HOUR: Self = Self { step: FINE_STEP, steps: 360 };
    /// Six hours.
    pub const SIX_HOURS: Self = Self { step: COARSE_STEP, steps: 180 };
    /// A day, the farthest that nodes look back.
    pub const DAY: Self = Self { step: COARSE_STEP, steps: 720 };
}

/// What was counted in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct Sample {
    /// Requests that ended.
    pub requests: u32,
    /// Those of them with a status of 500 or more.
    pub errors: u32,
    /// Half of them took no longer, in milliseconds; negative where there was none.
    pub p50_ms: f32,
    /// Nine of ten.
    pub p90_ms: f32,
    /// Ninety-nine of a hundred.
    pub p99_ms: f32,
    /// The most requests that were seen open.
    pub in_flight: u32,
    /// The most memory that was seen, in KiB.
    pub memory_kib: u32,
    /// Processor time; 100 is one core.
    pub cpu_percent: f32,
}

/// A sample as nodes tell it each other: the figures in their order.
type Row = (u32, u32, f32, f32, f32, u32, u32, f32);

impl From<Row> for Sample {
    fn from(row: Row) -> Self {
        let (requests, errors, p50_ms, p90_ms, p99_ms, in_flight, memory_kib, cpu_percent) = row;
        Self { requests, errors, p50_ms, p90_ms, p99_ms, in_flight, memory_kib, cpu_percent }
    }
}

impl From<Sample> for Row {
    fn from(of: Sample) -> Self {
        let Sample { requests, errors, p50_ms, p90_ms, p99_ms, in_flight, memory_kib, cpu_percent } =
            of;
        (requests, errors, p50_ms, p90_ms, p99_ms, in_flight, memory_kib, cpu_percent)
    }
}

/// One value for each step; `None` where nothing is known of it.
pub type Samples = Vec<Option<Sample>>;

/// The history of one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginHistory {
    /// Its name.
    pub plugin: String,
    /// What was counted of it.
    pub samples: Samples,
}

/// What one node, or several together, counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When the first step begins: a multiple of the step since the epoch, so that nodes agree.
    pub from: UnixMillis,
    /// Of all requests, and of the gateway's own process.
    pub whole: Samples,
    /// Of each plugin that was asked for.
    pub plugins: Vec<PluginHistory>,
}

/// Which plugins of a history are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryOf {
    /// None: the whole gateway alone.
    Whole,
    /// The one with this name.
    Plugin(String),
    /// Each.
    Each,
}

impl Sample {
    /// That of another node at the same time added. Of times the slower node's counts, which hides no trouble.
    fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
            p50_ms: self.p50_ms.max(other.p50_ms),
            p90_ms: self.p90_ms.max(other.p90_ms),
            p99_ms: self.p99_ms.max(other.p99_ms),
            in_flight: self.in_flight.saturating_add(other.in_flight),
            memory_kib: self.memory_kib.saturating_add(other.memory_kib),
            cpu_percent: self.cpu_percent + other.cpu_percent,
        }
    }
}

impl History {
    /// When the first step of a span begins of which the last one was over last before `now`.
    pub fn begin(span: HistorySpan, now: UnixMillis) -> UnixMillis {
        let step = i64::try_from(span.step.as_millis()).unwrap_or(1).max(1);
        let steps = i64::try_from(span.steps).unwrap_or(1);
        (now.div_euclid(step) - steps) * step
    }

    /// Nothing known of this span.
    pub fn empty(span: HistorySpan, from: UnixMillis) -> Self {
        Self { from, whole: vec![None; span.steps], plugins: Vec::new() }
    }

    /// Adds what another node counted. Where its steps begin at another time, they are moved.
    pub fn add(&mut self, span: HistorySpan, other: Self) {
        let step = i64::try_from(span.step.as_millis()).unwrap_or(1).max(1);
        let later = (other.from - self.from).div_euclid(step);
        let moved = |samples: Samples| {
            let place = |at: usize| {
                let place = i64::try_from(at).ok()?.checked_sub(later)?;
                usize::try_from(place).ok()
            };
            let value = |at: usize| samples.get(place(at)?).copied().flatten();
            (0..span.steps).map(value).collect::<Samples>()
        };
        join(&mut self.whole, &moved(other.whole));
        for PluginHistory { plugin, samples } in other.plugins {
            let samples = moved(samples);
            match self.plugins.iter_mut().find(|known| known.plugin == plugin) {
                Some(known) => join(&mut known.samples, &samples),
                None => self.plugins.push(PluginHistory { plugin, samples }),
            }
        }
    }
}

fn join(samples: &mut Samples, others: &Samples) {
    for (own, other) in samples.iter_mut().zip(others) {
        *own = match (*own, *other) {
            (Some(own), Some(other)) => Some(own.and(other)),
            (own, other) => own.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: HistorySpan = HistorySpan { step: FINE_STEP, steps: 3 };

    fn sample(requests: u32, p50_ms: f32) -> Option<Sample> {
        Some(Sample { requests, p50_ms, ..Sample::default() })
    }

    fn history(from: UnixMillis, whole: [Option<Sample>; 3]) -> History {
        let plugins = vec![PluginHistory { plugin: "a".to_owned(), samples: whole.to_vec() }];
        History { from, whole: whole.to_vec(), plugins }
    }

    #[test]
    fn the_last_step_is_over_whatever_the_time() {
        for now in [0, 1, 9_999, 10_000, 1_700_000_012_345] {
            let from = History::begin(SPAN, now);
            assert_eq!(from % 10_000, 0);
            assert!((from + 30_000..from + 40_000).contains(&now), "{now}");
        }
    }

    #[test]
    fn nodes_are_added_where_their_steps_are_the_same_moment() {
        let mut all = History::empty(SPAN, 20_000);
        all.add(SPAN, history(20_000, [None, sample(2, 5.0), sample(3, 1.0)]));
        // Its clock, or its answer, is one step earlier.
        all.add(SPAN, history(10_000, [sample(9, 9.0), sample(1, 1.0), sample(1, 8.0)]));
        let expected = vec![sample(1, 1.0), sample(3, 8.0), sample(3, 1.0)];
        assert_eq!(all.whole, expected);
        assert_eq!(all.plugins, [PluginHistory { plugin: "a".to_owned(), samples: expected }]);
    }
}
