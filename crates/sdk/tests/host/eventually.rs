//! Waits until something has become true. The only place of these tests that sleeps.

use std::time::Duration;

use tokio::time::Instant;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again; panics with the promise when it is not kept in time.
pub(crate) async fn eventually(promise: &str, is_true: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "not in time: {promise}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
