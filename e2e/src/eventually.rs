//! Waiting for what is expected, within a bound. The only file of all tests that may sleep; the tests of
//! the crates include it, each using a part of it.

#![allow(dead_code, unreachable_pub, reason = "no harness uses all of it")]

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
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

/// Waits until something holds.
///
/// # Panics
/// After [`PATIENCE`], with `what` never came true.
pub async fn becomes_true(what: &str, holds: impl Fn() -> bool) {
    let came_true = some_time(|| holds().then_some(())).await;
    assert!(came_true.is_some(), "never came true: {what}");
}

/// Asks again and again; `None` when there was no answer in time.
pub async fn some_time<T>(ask: impl Fn() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        match ask() {
            None if begun.elapsed() < PATIENCE => tokio::time::sleep(STEP).await,
            answer => return answer,
        }
    }
}

/// The same for places that cannot await.
#[expect(clippy::disallowed_methods, reason = "no task waits for such a place")]
pub fn some_time_blocking<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        match ask() {
            None if begun.elapsed() < PATIENCE => std::thread::sleep(STEP),
            answer => return answer,
        }
    }
}

/// The same as [`becomes_true`] for places that cannot await; tells whether it came true in time.
#[expect(clippy::disallowed_methods, reason = "no task waits for such a place")]
pub fn comes_true(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(STEP);
    }
    true
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
