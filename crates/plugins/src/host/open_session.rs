//! The long call by which a plugin knows that its gateway is there: opened again whenever its time
//! is up, for as long as the process lives.
//!
//! Plugins begin their work in the background with the first one. Knows nothing of set-up and goodbye.

use sidegate_model::plugin::PluginSpec;
use sidegate_wire::plugin as wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use wire::open_session_response::CloseReason;
use wire::plugin_service_client::PluginServiceClient;

/// How much longer than it was told a plugin may take.
const GRACE: Duration = Duration::from_secs(5);
/// After a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);
/// An answer that comes sooner than this was no session: the next one is not opened at once.
const SHORT: Duration = Duration::from_secs(1);

/// Longest reason in the log, in characters.
const MAX_REASON: usize = 200;

/// Keeps a session open that lasts `length` each time; ends when the plugin wants none.
pub(super) async fn keep_open(
    mut plugin: PluginServiceClient<Channel>,
    spec: Arc<PluginSpec>,
    broker_id: u32,
    length: Duration,
) {
    let question = wire::OpenSessionRequest {
        service_broker_id: broker_id,
        plugin_id: spec.id.0,
        timeout_ms: i32::try_from(length.as_millis()).unwrap_or(i32::MAX),
        ..wire::OpenSessionRequest::default()
    };
    loop {
        let begun = Instant::now();
        let mut request = Request::new(question.clone());
        request.set_timeout(length + GRACE);
        let answer = match timeout(length + GRACE, plugin.open_session(request)).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        };
        let pause = pause_after(&answer, begun.elapsed());
        tracing::debug!(plugin = spec.name, reason = ?reason(&answer), ?pause, "session ended");
        match pause {
            Some(pause) => sleep(pause).await,
            None => return,
        }
    }
}

/// Why it ended, in a bounded number of words: they are the plugin's.
fn reason(answer: &Result<wire::OpenSessionResponse, Status>) -> String {
    let told = match answer {
        Ok(answer) if answer.error_message.is_empty() => {
            answer.close_reason().as_str_name().to_owned()
        }
        Ok(answer) => cut(&answer.error_message),
        Err(status) => format!("{:?}: {}", status.code(), cut(status.message())),
    };
    cut(&told)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_REASON).collect()
}

/// How long to wait before the next one; `None` when there shall be none.
fn pause_after(
    answer: &Result<wire::OpenSessionResponse, Status>,
    took: Duration,
) -> Option<Duration> {
    match answer {
        Err(status) if status.code() == Code::Unimplemented => None,
        Err(_) => Some(FAILURE_PAUSE),
        Ok(answer) => match answer.close_reason() {
            CloseReason::ExplicitClose => None,
            CloseReason::PluginError => Some(FAILURE_PAUSE),
            _ if !answer.success => Some(FAILURE_PAUSE),
            CloseReason::Timeout | CloseReason::Unknown if took < SHORT => Some(SHORT),
            CloseReason::Timeout | CloseReason::Unknown => Some(Duration::ZERO),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reason_of_an_end_is_told_and_not_at_length() {
        let answer = |error_message: String| {
            Ok(wire::OpenSessionResponse { error_message, ..Default::default() })
        };
        assert_eq!(reason(&answer("é".repeat(3_000_000))), "é".repeat(200));
        assert!(!reason(&answer(String::new())).is_empty());
        assert_eq!(reason(&Err(Status::unknown("w".repeat(9_999)))).chars().count(), 200);
    }

    #[test]
    fn what_follows_a_session_is_what_its_end_says() {
        let closed = |success, reason: CloseReason| {
            let close_reason = reason.into();
            Ok(wire::OpenSessionResponse { success, close_reason, ..Default::default() })
        };
        let (long, short) = (Duration::from_secs(30), Duration::from_millis(999));
        let rows = [
            (closed(true, CloseReason::Timeout), long, Some(Duration::ZERO)),
            (closed(true, CloseReason::Timeout), short, Some(SHORT)),
            (closed(true, CloseReason::Unknown), long, Some(Duration::ZERO)),
            (closed(true, CloseReason::Unknown), short, Some(SHORT)),
            (closed(true, CloseReason::ExplicitClose), short, None),
            (closed(true, CloseReason::PluginError), long, Some(FAILURE_PAUSE)),
            (closed(false, CloseReason::Unknown), long, Some(FAILURE_PAUSE)),
            (Err(Status::unimplemented("")), short, None),
            (Err(Status::unavailable("")), long, Some(FAILURE_PAUSE)),
            (Err(Status::unknown("a plugin's own")), long, Some(FAILURE_PAUSE)),
        ];
        for (answer, took, pause) in rows {
            assert_eq!(pause_after(&answer, took), pause, "{answer:?}");
        }
    }
}
