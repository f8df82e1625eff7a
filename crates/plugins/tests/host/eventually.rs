//! Waiting for what is expected, within a bound. The only file of these tests that may sleep.

use std::time::{Duration, Instant};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again; `None` when there was no answer in time.
pub(crate) async fn some_time<T>(ask: impl Fn() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let came_true = some_time(|| holds().then_some(())).await;
    assert!(came_true.is_some(), "never came true: {what}");
}
