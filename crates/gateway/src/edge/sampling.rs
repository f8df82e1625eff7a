//! Looks at the counters at the end of each step of the history, beside all requests.

use super::context::Edge;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::metrics_history::FINE_STEP;
use sidegate_plugins::ProcessFamilies;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Until it is dropped, or the runtime ends.
pub(crate) async fn keep_history(edge: Arc<Edge>) {
    loop {
        let (pause, step) = next(now_millis());
        tokio::time::sleep(pause).await;
        let step = step.max(last_over(now_millis()));
        let edge = edge.clone();
        // What processes use is read from files.
        let looked = tokio::task::spawn_blocking(move || {
            let statuses = (edge.statuses)().unwrap_or_default();
            let families = ProcessFamilies::read(statuses.iter().filter_map(|status| status.pid));
            edge.metrics.keep_history(&statuses, &families, (step, Instant::now()));
        });
        if let Err(error) = looked.await {
            if error.is_cancelled() {
                return;
            }
            tracing::error!("the counters could not be looked at for the history: {error}");
        }
    }
}

fn millis() -> i64 {
    i64::try_from(FINE_STEP.as_millis()).unwrap_or(1)
}

/// How long the step that has begun still lasts, and its number since the epoch.
fn next(now: UnixMillis) -> (Duration, i64) {
    let left = millis() - now.rem_euclid(millis());
    (Duration::from_millis(u64::try_from(left).unwrap_or_default()), now.div_euclid(millis()))
}

/// The last step that is over. A process that was stopped for a while wakes much later than it wanted to: what is counted
/// then came until now.
fn last_over(now: UnixMillis) -> i64 {
    now.div_euclid(millis()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_looked_at_when_it_ends() {
        assert_eq!(next(20_000), (FINE_STEP, 2));
        assert_eq!(next(29_999), (Duration::from_millis(1), 2));
        for (wakes, over) in [(30_000, 2), (39_999, 2), (95_000, 8)] {
            assert_eq!(last_over(wakes), over, "{wakes}");
        }
    }
}
