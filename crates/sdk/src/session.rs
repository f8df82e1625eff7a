//! The long call by which a host tells that it is there: it waits until time is up or somebody
//! closes the session.

use std::time::Duration;

use sidegate_wire::plugin::open_session_response::CloseReason;
use sidegate_wire::plugin::{OpenSessionRequest, OpenSessionResponse};
use tokio::sync::broadcast;

/// How long a session waits for a host that names no time. In milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 30_000;

/// Everybody who waits, and the way to wake them.
#[derive(Debug)]
pub(crate) struct Sessions {
    closed: broadcast::Sender<CloseReason>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        // Waiters leave with the first reason they see, so one slot is enough.
        Self { closed: broadcast::channel(1).0 }
    }

    /// Waits for the end of a session.
    pub(crate) async fn open(&self, request: OpenSessionRequest) -> OpenSessionResponse {
        let timeout_ms = u64::try_from(request.timeout_ms).unwrap_or(0);
        let timeout_ms = if timeout_ms == 0 { DEFAULT_TIMEOUT_MS } else { timeout_ms };
        let mut closed = self.closed.subscribe();
        let waited = tokio::time::timeout(Duration::from_millis(timeout_ms), closed.recv()).await;
        let reason = match waited {
            Err(_) => CloseReason::Timeout,
            Ok(Ok(reason)) => reason,
            // Several reasons at once: the session is closed, whichever came first.
            Ok(Err(_)) => CloseReason::ExplicitClose,
        };
        OpenSessionResponse {
            success: true,
            session_id: format!("session-{}-{}", request.plugin_id, request.service_broker_id),
            close_reason: reason.into(),
            ..OpenSessionResponse::default()
        }
    }

    /// Ends every session that waits; with none, nothing happens.
    pub(crate) fn close(&self, reason: &str) {
        let reason = match reason {
            "" | "unload" | "shutdown" | "explicit_close" => CloseReason::ExplicitClose,
            _ => CloseReason::PluginError,
        };
        // Fails only when nobody waits.
        let _ = self.closed.send(reason);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn request(timeout_ms: i32) -> OpenSessionRequest {
        let ids = OpenSessionRequest { plugin_id: 3, service_broker_id: 1, ..Default::default() };
        OpenSessionRequest { timeout_ms, ..ids }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_its_time_is_up() {
        let start = tokio::time::Instant::now();
        let response = Sessions::new().open(request(0)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(30));
        assert_eq!(response.close_reason(), CloseReason::Timeout);
        assert_eq!(response.session_id, "session-3-1");
    }

    #[tokio::test]
    async fn closing_wakes_who_waits_and_says_why() {
        let sessions = Sessions::new();
        sessions.close("unload");
        for (word, reason) in
            [("unload", CloseReason::ExplicitClose), ("odd", CloseReason::PluginError)]
        {
            let mut waiting = Box::pin(sessions.open(request(60_000)));
            assert!(waiting.as_mut().now_or_never().is_none());
            sessions.close(word);
            assert_eq!(waiting.await.close_reason(), reason);
        }
    }
}
