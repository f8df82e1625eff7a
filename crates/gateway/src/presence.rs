//! Whether one address of a plugin is in service: set by who looks after it, read by every call.
//!
//! Knows neither addresses nor calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// One address.
#[derive(Debug)]
pub struct Presence {
    up: AtomicBool,
    doubt: Notify,
}

/// For each address of an instance whether it is in service now.
pub type InService = Arc<[Presence]>;

impl Presence {
    /// An address that is in service, or not yet.
    pub fn new(up: bool) -> Self {
        Self { up: AtomicBool::new(up), doubt: Notify::new() }
    }

    /// Whether calls may go there.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Takes it into service, or out of it.
    pub fn set(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// A call did not reach it: who looks after it should look now.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Waits until somebody has a doubt; one that came before counts.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }
}
