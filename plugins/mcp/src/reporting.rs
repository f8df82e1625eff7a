//! Tells how servers do to the storage, where the page of the console sees it.

use std::sync::Arc;
use std::time::Duration;

use sidegate_sdk::{Host, Result, tracing};

use crate::health::Report;
use crate::hub::Hub;

const EVERY: Duration = Duration::from_secs(5);
/// Where nothing may be kept, nobody asks all the time.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Tells it whenever something is different, as long as the plugin serves.
pub(crate) async fn tell(host: Host, hub: Arc<Hub>) -> Result<()> {
    if hub.in_console {
        return Ok(());
    }
    let (kv, mut told) = (host.kv(), Report::default());
    let mut pace = tokio::time::interval(EVERY);
    loop {
        pace.tick().await;
        let report = hub.report();
        if report == told {
            continue;
        }
        match report.keep(&kv).await {
            Ok(()) => told = report,
            Err(error) => {
                tracing::debug!(%error, "how servers do could not be kept");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
