//! Waiting for what is expected, within a bound. The only place that may sleep.

use std::time::{Duration, Instant};

/// How long anything may take before a story gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(20);

const STEP: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer.
///
/// # Panics
/// After [`PATIENCE`], with `what` never came true.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(STEP).await;
    }
}

/// Waits for a future, but not for ever.
///
/// # Panics
/// When it takes longer than `limit`, with `what`.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("took longer than {limit:?}: {what}"),
    }
}

/// Lets time pass where time itself is the subject: a slow client, a token that expires.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The same as [`eventually`] for places that cannot await; tells whether it came true in time.
pub(crate) fn comes_true(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(STEP);
    }
    true
}
