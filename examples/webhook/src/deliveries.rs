//! The last deliveries, kept with the host: the page is served by another process than the webhooks are.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sidegate_sdk::{Host, Result, tracing};

const KEY: &str = "deliveries";
const MOST: usize = 50;
/// A name in an address can be long.
const MOST_NAME: usize = 100;

/// One webhook as it came in; what was in it is not kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    at_ms: u64,
    event: String,
    status: u16,
    bytes: usize,
}

impl Delivery {
    #[expect(clippy::disallowed_methods, reason = "an example tells the time itself")]
    pub(crate) fn now(event: &str, status: u16, bytes: usize) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let event = event.chars().take(MOST_NAME).collect();
        Self { at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX), event, status, bytes }
    }
}

/// The newest first. Counted in memory and kept as a whole, so that no two requests wait for each other.
pub(crate) struct Deliveries {
    host: Host,
    last: Mutex<VecDeque<Delivery>>,
}

impl Deliveries {
    /// Those of earlier processes; none where nothing can be kept.
    pub(crate) async fn of(host: &Host) -> Self {
        let kept = host.kv().get_json(KEY).await.ok().flatten().unwrap_or_default();
        Self { host: host.clone(), last: Mutex::new(kept) }
    }

    pub(crate) async fn add(&self, delivery: Delivery) {
        let last = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_front(delivery);
            last.truncate(MOST);
            last.clone()
        };
        if let Err(error) = self.host.kv().set_json(KEY, &last).await {
            tracing::debug!(%error, "deliveries are not kept for the page");
        }
    }

    /// What all processes have kept, for the page.
    pub(crate) async fn kept(&self) -> Result<VecDeque<Delivery>> {
        Ok(self.host.kv().get_json(KEY).await?.unwrap_or_default())
    }
}
