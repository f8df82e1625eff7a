//! What is recorded of plugins once they serve: what they offered without a token before anybody was asked,
//! which counts as approved, and which of their settings their schema calls secrets.

use crate::control::Control;
use crate::fleet::Fleet;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;

/// After a write that failed.
const RETRY: Duration = Duration::from_secs(5);

/// Records it whenever the fleet tells something new, until the fleet ends or it is dropped.
pub async fn keep_recorded(control: Control, fleet: Arc<dyn Fleet>) {
    // Before the first look, so that nothing is missed between.
    let mut changes = fleet.changes();
    let mut is_failing = false;
    loop {
        let recorded = match control.record_secret_settings(&*fleet).await {
            Ok(()) => control.record_public_endpoints(&*fleet).await,
            failed => failed,
        };
        // Once, because the disk may fail for long.
        if let (Err(error), false) = (&recorded, is_failing) {
            tracing::warn!(%error, "what plugins offer without a token, and which settings they call secrets, is not recorded yet: the store cannot be written");
        }
        is_failing = recorded.is_err();
        let retry = async {
            match recorded {
                Ok(()) => std::future::pending().await,
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        };
        tokio::select! {
            change = changes.next() => if change.is_none() { return },
            () = retry => {}
        }
    }
}
