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
