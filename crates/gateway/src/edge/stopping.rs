//! Connections at the gateway's stop: those with nothing open are not waited for.

use super::connection::ClientConnection;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a connection that has just been opened may take to send its first bytes.
const JUST_OPENED: Duration = Duration::from_millis(250);
/// Between two looks at a connection, and how many of them it may take …
const LOOK: Duration = Duration::from_millis(250);
/// … to answer when it is told that the gateway stops, or to take the last answer,
const LOOKS_AT_SILENT: u32 = 4;
/// … to go on with reading the end of the last answer, which the HTTP library may still hold.
const LOOKS_AT_IDLE: u32 = 20;

/// Carries out what comes before the first request, unless the gateway stops meanwhile.
pub(crate) async fn unless_stopped<F: Future>(
    stop: &CancellationToken,
    first: F,
) -> Option<F::Output> {
    let stopped = async {
        stop.cancelled().await;
        // Its first request may be on its way.
        sleep(JUST_OPENED).await;
    };
    tokio::select! {
        biased;
        done = first => Some(done),
        () = stopped => None,
    }
}

/// Resolves when a connection that was told of the stop is not worth waiting for: all its requests
/// are answered, and the other end has vanished or is in no hurry to end it.
pub(crate) async fn nothing_left(connection: &ClientConnection) {
    connection.was_heard();
    let (mut has_answered, mut idle, mut closing) = (false, 0, 0);
    loop {
        sleep(LOOK).await;
        let was_heard = connection.was_heard();
        has_answered |= was_heard;
        let is_idle = connection.is_idle() && !connection.has_written();
        idle = if is_idle { idle + 1 } else { 0 };
        closing = if connection.is_closing() && !was_heard { closing + 1 } else { 0 };
        let looks = if has_answered { LOOKS_AT_IDLE } else { LOOKS_AT_SILENT };
        if idle >= looks || closing >= LOOKS_AT_SILENT {
            return;
        }
    }
}

/// The same over HTTP/1, where the library closes by itself what is idle, and only closing can last.
pub(crate) async fn closed(connection: &ClientConnection) {
    let mut closing = 0;
    while closing < LOOKS_AT_SILENT {
        sleep(LOOK).await;
        closing = if connection.is_closing() { closing + 1 } else { 0 };
    }
}
