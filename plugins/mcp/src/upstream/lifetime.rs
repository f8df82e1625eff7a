//! How long a session lives that is kept here: up to its end, or until nobody used it for long.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// After so long without a message a session ends; its client begins anew.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// What is told of a session's use.
#[derive(Default)]
pub(super) struct Lifetime {
    used: Notify,
    over: Notify,
}

impl Lifetime {
    /// Somebody uses it.
    pub(super) fn renew(&self) {
        self.used.notify_one();
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.over.notify_one();
    }

    /// Waits for the end, and says why it comes.
    pub(super) async fn over(&self) -> &'static str {
        let idle = async { while timeout(IDLE, self.used.notified()).await.is_ok() {} };
        tokio::select! {
            () = idle => "nobody used it for long",
            () = self.over.notified() => "its session ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_uses_ends_and_each_use_begins_its_time_anew() {
        let (lifetime, begun) = (Arc::new(Lifetime::default()), Instant::now());
        let used = Arc::clone(&lifetime);
        tokio::spawn(async move {
            sleep(IDLE * 3 / 4).await;
            used.renew();
        });
        assert_eq!(lifetime.over().await, "nobody used it for long");
        assert_eq!(begun.elapsed(), IDLE * 7 / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_ended_ends_at_once() {
        let (lifetime, begun) = (Lifetime::default(), Instant::now());
        lifetime.end();
        assert_eq!(lifetime.over().await, "its session ended");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
