//! Hints of the database that another process changed something, so that it is followed at once. Each can get lost:
//! who follows looks by itself as well.

use crate::publish::Publisher;
use sidegate_store::{Hints, Store, StoreError};
use std::time::Duration;

/// The first pause after the connection was lost, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Listens until it is dropped; does nothing where the database gives no hints.
pub(crate) async fn keep_listening(store: Store, publisher: Publisher) {
    let mut pause = FIRST_PAUSE;
    let mut has_checked = false;
    loop {
        match store.listen().await {
            Ok(None) => std::future::pending().await,
            Ok(Some(mut hints)) => {
                // Whatever was said before we listened.
                publisher.hint();
                let heard = hear(&mut hints, &publisher, &mut has_checked).await;
                tracing::info!(error = %heard, "hints of the database are listened for anew");
                pause = FIRST_PAUSE;
            }
            Err(error) => tracing::debug!(%error, "hints of the database cannot be listened for"),
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Passes hints on until the connection is lost.
async fn hear(hints: &mut Hints, publisher: &Publisher, has_checked: &mut bool) -> StoreError {
    if !*has_checked {
        match hints.arrive().await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                "notifications of the database do not arrive, as behind a pooler that shares sessions between transactions: what other processes change is seen within a second or two; give DATABASE_DSN the address of the server itself"
            ),
            Err(error) => return error,
        }
        *has_checked = true;
    }
    loop {
        match hints.next().await {
            Ok(()) => publisher.hint(),
            Err(error) => return error,
        }
    }
}

/// Between a half and the whole, so that not all processes come back at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness all come back at once.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause.mul_f64(f64::from(byte[0]) / 512.0)
}
