//! What was counted over the last hours, for each plugin and for all of the gateway, in memory of a fixed size: 34,560 bytes
//! for each series, of which there are at most 202. Every ten seconds the counters are looked at beside the requests, which
//! know nothing of it. What was counted last is remembered of 4,096 plugins at most, so that one that comes back counts
//! nothing twice.

mod ring;

use super::Metrics;
use super::route_meter::{BORDERS, RouteMeter};
use ring::{Gathering, Rings};
use sidegate_model::UnixMillis;
use sidegate_model::metrics_history::{
    COARSE_STEP, FINE_STEP, History, HistoryOf, HistorySpan, PluginHistory, Sample,
};
use sidegate_model::status::PluginStatus;
use sidegate_plugins::{FamilyFigures, ProcessFamilies};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Plugins that have a series of their own.
const MOST_PLUGINS: usize = 200;
/// A plugin that is gone for so many fine steps has nothing to tell any more.
const FORGOTTEN_AFTER: i64 = seconds(Duration::from_secs(24 * 3600)) / seconds(FINE_STEP);
/// Most plugins whose last counts are remembered, there or not.
const MOST_REMEMBERED: usize = 4096;
const FINE_IN_COARSE: i64 = seconds(COARSE_STEP) / seconds(FINE_STEP);
/// The name of what has none.
const OTHERS: &str = "others";

const BUCKETS: usize = BORDERS.len() + 1;

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    durations: [u64; BUCKETS],
    errors: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        for (sum, n) in self.durations.iter_mut().zip(other.durations) {
            *sum += n;
        }
        self.errors += other.errors;
    }

    fn of(meter: &RouteMeter) -> Self {
        let durations = meter.durations.each_ref().map(|count| count.load(Ordering::Relaxed));
        let is_error = |(status, _): &(u16, u64)| *status >= 500;
        let errors = if durations.iter().all(|n| *n == 0) {
            0
        } else {
            meter.statuses.read().into_iter().filter(is_error).map(|(_, n)| n).sum()
        };
        Self { durations, errors }
    }

    /// What came since then; a part that counts less than it did counts nothing.
    fn since(&self, before: &Self) -> Self {
        let mut since = *self;
        for (now, before) in since.durations.iter_mut().zip(before.durations) {
            *now = now.saturating_sub(before);
        }
        since.errors = since.errors.saturating_sub(before.errors);
        since
    }

    fn requests(&self) -> u64 {
        self.durations.iter().sum()
    }

    /// What so many in a hundred took at most, in milliseconds, as if times within a bucket were spread evenly; negative
    /// where there is none.
    fn percentile(&self, percent: f64) -> f32 {
        let wanted = float(self.requests()) * percent / 100.0;
        let mut below = 0;
        for (bucket, n) in self.durations.iter().enumerate().filter(|(_, n)| **n > 0) {
            if float(below + n) >= wanted {
                let lower = if bucket == 0 { Duration::ZERO } else { BORDERS[bucket - 1] };
                // Nothing is known of those beyond the last border but that.
                let upper = BORDERS.get(bucket).copied().unwrap_or(lower);
                let part = (wanted - float(below)) / float(*n);
                return ((lower + (upper - lower).mul_f64(part)).as_secs_f64() * 1000.0) as f32;
            }
            below += n;
        }
        -1.0
    }
}

/// Exact up to 2⁵³ requests.
#[expect(clippy::cast_precision_loss, reason = "an estimate is made of it")]
fn float(count: u64) -> f64 {
    count as f64
}

fn number(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What is seen of one plugin, or of all of the gateway, at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    totals: Totals,
    in_flight: u64,
    used: FamilyFigures,
}

/// What came in a step, and what there is at its end.
#[derive(Debug, Clone, Copy, Default)]
struct InStep {
    totals: Totals,
    in_flight: u64,
    resident_bytes: u64,
    cpu_seconds: f64,
}

impl InStep {
    /// What came since a look; all of it where there was none, but for processor time, which was used in no step here.
    fn since(seen: &Seen, before: Option<&Seen>) -> Self {
        let cpu_seconds = before.map_or(0.0, |before| {
            // It becomes less when a process was replaced, and when one of its children ended: neither used what is left.
            (seen.used.cpu_seconds - before.used.cpu_seconds).max(0.0)
        });
        Self {
            totals: before.map_or(seen.totals, |before| seen.totals.since(&before.totals)),
            in_flight: seen.in_flight,
            resident_bytes: seen.used.resident_bytes,
            cpu_seconds,
        }
    }

    fn add(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        self.in_flight += other.in_flight;
        self.resident_bytes += other.resident_bytes;
        self.cpu_seconds += other.cpu_seconds;
    }
}

/// One series.
#[derive(Debug, Default)]
struct Series {
    rings: Rings,
    /// What has come together of the coarse step that goes on, with its number.
    gathering: Option<(i64, Gathering, Totals)>,
    /// When the plugin was last there.
    seen_at: i64,
}

impl Series {
    /// Takes up what came in a step that took so long. Steps may be missing before it.
    fn take(&mut self, step: i64, took: Duration, came: &InStep) {
        let sample = with_times(
            &came.totals,
            Sample {
                requests: number(came.totals.requests()),
                errors: number(came.totals.errors),
                in_flight: number(came.in_flight),
                memory_kib: number(came.resident_bytes / 1024),
                cpu_percent: (came.cpu_seconds / took.as_secs_f64().max(1.0) * 100.0) as f32,
                ..Sample::default()
            },
        );
        self.seen_at = step;
        self.rings.fine.put(step, sample);
        let coarse = step.div_euclid(FINE_IN_COARSE);
        if self.gathering.is_some_and(|(number, ..)| number != coarse) {
            // Its last step was missed, and it ends all the same.
            self.end_coarse();
        }
        let (_, gathering, totals) =
            self.gathering.get_or_insert((coarse, <_>::default(), <_>::default()));
        gathering.add(&sample);
        totals.add(&came.totals);
        if (step + 1) % FINE_IN_COARSE == 0 {
            self.end_coarse();
        }
    }

    fn end_coarse(&mut self) {
        if let Some((number, gathering, totals)) = self.gathering.take() {
            self.rings.coarse.put(number, with_times(&totals, gathering.sample()));
        }
    }
}

fn with_times(totals: &Totals, sample: Sample) -> Sample {
    let [p50_ms, p90_ms, p99_ms] = [50.0, 90.0, 99.0].map(|percent| totals.percentile(percent));
    Sample { p50_ms, p90_ms, p99_ms, ..sample }
}

const fn seconds(step: Duration) -> i64 {
    step.as_secs().cast_signed()
}

#[derive(Debug, Default)]
struct Kept {
    whole: Series,
    plugins: HashMap<Box<str>, Series>,
    others: Option<Series>,
    looked_at: Option<Instant>,
    whole_before: Option<Seen>,
    /// What was counted of each plugin when it was last there, and when: whether it has a series or not, and also of one that
    /// comes back, its counters went on from there.
    before: HashMap<Box<str>, (i64, Seen)>,
}

/// The history of one node.
#[derive(Debug, Default)]
pub(crate) struct HistoryKeeper(Mutex<Kept>);

impl HistoryKeeper {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a span that ends now.
    pub(crate) fn read(&self, span: HistorySpan, of: &HistoryOf, now: UnixMillis) -> History {
        let from = History::begin(span, now);
        let first = from.div_euclid(seconds(span.step) * 1000);
        let samples = |series: &Series| {
            let rings = &series.rings;
            let ring = if span.step == FINE_STEP { &rings.fine } else { &rings.coarse };
            ring.read(first, span.steps)
        };
        let kept = self.kept();
        let history = |(name, series): (&str, &Series)| PluginHistory {
            plugin: name.to_owned(),
            samples: samples(series),
        };
        let plugins = match of {
            HistoryOf::Whole => Vec::new(),
            HistoryOf::Plugin(name) => kept
                .plugins
                .get_key_value(&**name)
                .map(|(name, series)| history((&**name, series)))
                .into_iter()
                .collect(),
            HistoryOf::Each => {
                let plugins = kept.plugins.iter().map(|(name, series)| (&**name, series));
                plugins
                    .chain(kept.others.iter().map(|others| (OTHERS, others)))
                    .map(history)
                    .collect()
            }
        };
        History { from, whole: samples(&kept.whole), plugins }
    }
}

impl Kept {
    fn take(&mut self, (step, now): (i64, Instant), whole: &Seen, plugins: &HashMap<&str, Seen>) {
        let took = self.looked_at.replace(now).map_or(FINE_STEP, |before| now - before);
        let before = self.whole_before.replace(*whole);
        self.whole.take(step, took, &InStep::since(whole, before.as_ref()));
        self.plugins.retain(|_, series| series.seen_at >= step - FORGOTTEN_AFTER);
        let mut others: Option<InStep> = None;
        let (known, new): (Vec<_>, Vec<_>) =
            plugins.iter().partition(|(name, _)| self.plugins.contains_key(**name));
        // Those that have a series first, so that none of them makes room for others.
        for (name, seen) in known.into_iter().chain(new) {
            let before = self.remember(name, step, seen);
            let came = InStep::since(seen, before.as_ref());
            if self.plugins.contains_key(*name) || self.has_room(step) {
                self.plugins.entry((*name).into()).or_default().take(step, took, &came);
            } else {
                others.get_or_insert_default().add(&came);
            }
        }
        if let Some(came) = others {
            self.others.get_or_insert_default().take(step, took, &came);
        }
    }

    /// Remembers what is counted of a plugin now; gives what was counted when it was last there.
    fn remember(&mut self, name: &str, step: i64, seen: &Seen) -> Option<Seen> {
        if let Some((at, before)) = self.before.get_mut(name) {
            *at = step;
            return Some(std::mem::replace(before, *seen));
        }
        if self.before.len() >= MOST_REMEMBERED {
            let longest_gone = self.before.iter().min_by_key(|(_, (at, _))| *at);
            let name = longest_gone.map(|(name, _)| name.clone());
            name.and_then(|name| self.before.remove(&name));
        }
        self.before.insert(name.into(), (step, *seen));
        None
    }

    /// Whether one more plugin can have a series: of those that are not there any more, the one that is gone longest makes
    /// room.
    fn has_room(&mut self, step: i64) -> bool {
        if self.plugins.len() < MOST_PLUGINS {
            return true;
        }
        let oldest = self.plugins.iter().min_by_key(|(_, series)| series.seen_at);
        let gone = oldest.filter(|(_, series)| series.seen_at < step);
        let gone = gone.map(|(name, _)| name.clone());
        gone.is_some_and(|name| self.plugins.remove(&name).is_some())
    }
}

impl Metrics {
    /// Looks at the counters at the end of a step: its number, and when that is.
    pub(crate) fn keep_history(
        &self,
        plugins: &[PluginStatus],
        families: &ProcessFamilies,
        at: (i64, Instant),
    ) {
        let mut totals: HashMap<&str, Totals> = HashMap::new();
        let mut whole = Seen::default();
        for meter in self.shards.iter().flat_map(|shard| shard.routes.all()) {
            let of_route = Totals::of(meter);
            whole.totals.add(&of_route);
            totals.entry(meter.name().plugin).or_default().add(&of_route);
        }
        let in_flight: i64 =
            self.shards.iter().map(|shard| shard.in_flight.load(Ordering::Relaxed)).sum();
        whole.in_flight = u64::try_from(in_flight).unwrap_or_default();
        whole.used = families.alone(std::process::id()).unwrap_or_default();
        let seen = plugins.iter().map(|status| {
            let seen = Seen {
                totals: totals.get(&*status.name).copied().unwrap_or_default(),
                in_flight: u64::try_from(status.in_flight).unwrap_or_default(),
                used: status.pid.and_then(|pid| families.of_plugin(pid)).unwrap_or_default(),
            };
            (&*status.name, seen)
        });
        self.history.kept().take(at, &whole, &seen.collect());
    }

    /// What was counted over the last hours.
    pub(crate) fn history(&self) -> &HistoryKeeper {
        &self.history
    }
}

#[cfg(test)]
mod tests;
