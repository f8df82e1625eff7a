//! Counters are counted up, and looked at as if the steps went by.

use super::*;
use crate::metrics::RouteName;
use http::StatusCode;

const EVERYTHING: HistorySpan = HistorySpan { step: FINE_STEP, steps: 4 };
const COARSE: HistorySpan = HistorySpan { step: COARSE_STEP, steps: 2 };

/// The end of a step, on a clock that begins with the tests.
fn end_of(step: i64) -> (i64, Instant) {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    (step, *BEGUN + FINE_STEP * u32::try_from(step).unwrap())
}

fn answered(metrics: &Metrics, plugin: &str, status: u16, millis: u64, times: u32) {
    let route = metrics.shard(0).route(RouteName { plugin, route: "/*", method: "GET" });
    for _ in 0..times {
        route.answered(StatusCode::from_u16(status).unwrap(), Duration::from_millis(millis), 0);
    }
}

fn seen(plugin: &str, requests: u64, cpu_seconds: f64) -> HashMap<&str, Seen> {
    let mut durations = [0; BUCKETS];
    durations[0] = requests;
    let used = FamilyFigures { resident_bytes: 4096, cpu_seconds };
    let totals = Totals { durations, errors: 0 };
    HashMap::from([(plugin, Seen { totals, in_flight: 1, used })])
}

#[test]
fn each_step_has_what_came_in_it() {
    let metrics = Metrics::new(2);
    let families = ProcessFamilies::default();
    answered(&metrics, "-", 404, 1, 2);
    answered(&metrics, "echo", 200, 2, 8);
    answered(&metrics, "echo", 503, 200, 2);
    metrics.keep_history(&[], &families, end_of(5));
    metrics.keep_history(&[], &families, end_of(6));
    answered(&metrics, "echo", 200, 2, 1);
    metrics.keep_history(&[], &families, end_of(8));
    let history = metrics.history().read(EVERYTHING, &HistoryOf::Each, 90_000);
    assert_eq!(history.from, 50_000);
    let told = |sample: &Option<Sample>| sample.map(|sample| (sample.requests, sample.errors));
    let told: Vec<_> = history.whole.iter().map(told).collect();
    assert_eq!(told, [Some((12, 2)), Some((0, 0)), None, Some((1, 0))]);
    let [first, second] = [0, 1].map(|step| history.whole[step].unwrap());
    assert!((0.0..=2.5).contains(&first.p50_ms) && (100.0..=250.0).contains(&first.p99_ms));
    assert!(second.p50_ms < 0.0, "no request, no time");
}

#[test]
fn a_coarse_step_is_what_its_fine_ones_come_to() {
    let mut kept = Kept::default();
    let whole = Seen::default();
    for (step, requests) in (12..36).zip(1..) {
        kept.take(end_of(step), &whole, &seen("echo", requests * 10, requests as f64));
    }
    let keeper = HistoryKeeper(Mutex::new(kept));
    let echo = HistoryOf::Plugin("echo".to_owned());
    let coarse = keeper.read(COARSE, &echo, 360_000).plugins.remove(0).samples;
    let [first, second] = [0, 1].map(|step| coarse[step].unwrap());
    assert_eq!((first.requests, second.requests), (120, 120));
    assert_eq!((second.in_flight, second.memory_kib), (1, 4));
    assert!(second.p50_ms > 0.0 && second.p50_ms <= 1.0);
    let other = HistoryOf::Plugin("other".to_owned());
    assert!(keeper.read(COARSE, &other, 360_000).plugins.is_empty());
}

#[test]
fn times_are_estimated_within_their_bucket() {
    let mut durations = [0; BUCKETS];
    // Up to 10 ms, and up to 25 ms.
    (durations[3], durations[4]) = (50, 50);
    let totals = Totals { durations, errors: 0 };
    let close = |percent: f64, millis: f32| (totals.percentile(percent) - millis).abs() < 0.01;
    assert!(close(25.0, 7.5) && close(50.0, 10.0) && close(75.0, 17.5));
    assert!(Totals::default().percentile(50.0) < 0.0);
    let mut endless = [0; BUCKETS];
    endless[BUCKETS - 1] = 1;
    assert!((Totals { durations: endless, errors: 0 }.percentile(99.0) - 60_000.0).abs() < 1.0);
}

#[test]
fn processor_time_that_became_less_was_used_by_nobody() {
    let mut kept = Kept::default();
    let whole = Seen::default();
    for (step, cpu) in [(1, 100.0), (2, 101.0), (3, 0.5), (4, 1.0)] {
        kept.take(end_of(step), &whole, &seen("echo", 0, cpu));
    }
    let samples = kept.plugins["echo"].rings.fine.read(1, 4);
    let told: Vec<_> = samples.iter().map(|s| s.unwrap().cpu_percent.round()).collect();
    assert_eq!(told, [0.0, 10.0, 0.0, 5.0]);
}

#[test]
fn there_are_never_more_series_than_fit_and_what_has_none_is_summed_up() {
    let mut kept = Kept::default();
    let names: Vec<_> = (0..MOST_PLUGINS + 2).map(|n| format!("p{n}")).collect();
    let plugins = |from: usize, requests| {
        names[from..]
            .iter()
            .flat_map(move |name| seen(name, requests, 0.0))
            .collect::<HashMap<_, _>>()
    };
    kept.take(end_of(1), &Seen::default(), &plugins(0, 1));
    kept.take(end_of(2), &Seen::default(), &plugins(0, 3));
    assert_eq!(kept.plugins.len(), MOST_PLUGINS);
    let others = kept.others.as_ref().unwrap().rings.fine.read(2, 1);
    assert_eq!(others[0].unwrap().requests, 4);
    // Those that are gone make room.
    for step in 3..6 {
        kept.take(end_of(step), &Seen::default(), &plugins(2, 3));
    }
    assert_eq!(kept.plugins.len(), MOST_PLUGINS);
    assert!(names[2..].iter().all(|name| kept.plugins.contains_key(&**name)));
}

fn told(samples: &[Option<Sample>]) -> Vec<Option<u32>> {
    samples.iter().map(|sample| sample.map(|sample| sample.requests)).collect()
}

#[test]
fn a_pause_costs_no_coarse_step_and_none_gets_what_is_of_others() {
    let mut kept = Kept::default();
    // A request in each step; the process is stopped over the end of the first coarse step, and over the third as a whole.
    let steps = (0..10).chain(14..22).chain(40..48);
    for (step, requests) in steps.clone().zip(1..) {
        kept.take(end_of(step), &Seen::default(), &seen("echo", requests, 0.0));
    }
    let rings = &kept.plugins["echo"].rings;
    assert_eq!(told(&rings.coarse.read(0, 4)), [Some(10), Some(8), None, Some(8)]);
    let fine = rings.fine.read(8, 8);
    assert_eq!(told(&fine), [Some(1), Some(1), None, None, None, None, Some(1), Some(1)]);
    assert!((steps.count() as u32) == 26);
}

#[test]
fn what_is_used_over_a_pause_is_shared_out_over_all_of_it() {
    let mut kept = Kept::default();
    for (step, cpu) in [(1, 10.0), (2, 12.0), (12, 22.0)] {
        kept.take(end_of(step), &Seen::default(), &seen("echo", 0, cpu));
    }
    let percent =
        |step| kept.plugins["echo"].rings.fine.read(step, 1)[0].unwrap().cpu_percent.round();
    assert_eq!((percent(2), percent(12)), (20.0, 10.0));
}

#[test]
fn who_is_there_makes_room_for_nobody_whatever_steps_are_missed() {
    let mut kept = Kept::default();
    let names: Vec<_> = (0..=MOST_PLUGINS).map(|n| format!("p{n}")).collect();
    let all = |count: usize| names[..count].iter().flat_map(|name| seen(name, 1, 0.0)).collect();
    kept.take(end_of(1), &Seen::default(), &all(MOST_PLUGINS));
    // One more comes, long after.
    kept.take(end_of(50), &Seen::default(), &all(MOST_PLUGINS + 1));
    assert!(names[..MOST_PLUGINS].iter().all(|name| kept.plugins.contains_key(&**name)));
    assert!(kept.others.is_some());
}

#[test]
fn a_plugin_that_comes_back_counts_nothing_twice_and_one_that_is_gone_for_a_day_is_forgotten() {
    let mut kept = Kept::default();
    let nobody = HashMap::new();
    kept.take(end_of(1), &Seen::default(), &seen("echo", 100, 0.0));
    kept.take(end_of(2), &Seen::default(), &nobody);
    kept.take(end_of(1 + FORGOTTEN_AFTER), &Seen::default(), &nobody);
    assert!(kept.plugins.contains_key("echo"));
    kept.take(end_of(2 + FORGOTTEN_AFTER), &Seen::default(), &nobody);
    assert!(kept.plugins.is_empty());
    kept.take(end_of(3 + FORGOTTEN_AFTER), &Seen::default(), &seen("echo", 103, 0.0));
    let samples = kept.plugins["echo"].rings.fine.read(3 + FORGOTTEN_AFTER, 1);
    assert_eq!(told(&samples), [Some(3)]);
}
