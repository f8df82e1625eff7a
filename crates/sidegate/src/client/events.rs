//! Server-sent events of the admin API, one by one as they come.

use super::{AdminApi, Ask};
use crate::error::Failure;
use reqwest::{Method, Response};
use sidegate_api::event_stream::{END_EVENT, EVENT_STREAM_TYPE, MESSAGE_EVENT, StreamEnd};
use std::time::Duration;
use tokio::time::timeout;

/// Without a sign of life for so long the other end is gone: one comes every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// An answer may go on for as long as it likes.
const NO_END: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Largest event, in bytes.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// What kind it is of.
    pub(crate) name: String,
    /// Its data, JSON.
    pub(crate) data: String,
}

/// Events of one answer.
pub(crate) struct Events {
    response: Response,
    held: Vec<u8>,
}

impl AdminApi {
    /// Asks for events.
    ///
    /// # Errors
    /// When it is refused, or the gateway is not there.
    pub(crate) async fn events(&self, path: &str) -> Result<Events, Failure> {
        let request = self.request(&Ask::with_json(Method::GET, path, None)).timeout(NO_END);
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        if response.status().is_success() && kind.is_some_and(|kind| kind == EVENT_STREAM_TYPE) {
            return Ok(Events { response, held: Vec::new() });
        }
        let answer = self.accepted(self.answer(response).await?)?;
        Err(self.not_an_admin_api(answer.status))
    }
}

impl Events {
    /// The next one; nothing when there will be no more, for whatever reason.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = take(&mut self.held) {
                if event.name == END_EVENT {
                    let end: StreamEnd = serde_json::from_str(&event.data).unwrap_or_default();
                    tracing::debug!(reason = end.reason, "the gateway ends a stream of events");
                    return None;
                }
                return Some(event);
            }
            if self.held.len() > MAX_EVENT_BYTES {
                return None;
            }
            // It broke off, or it is silent: whoever reads asks anew.
            let piece = timeout(SILENCE, self.response.chunk()).await.ok()?.ok()??;
            self.held.extend_from_slice(&piece);
        }
    }
}

/// Takes the first whole event out of what came, passing over comments.
fn take(held: &mut Vec<u8>) -> Option<Event> {
    loop {
        let end = held.windows(2).position(|two| two == b"\n\n")?;
        let block: Vec<u8> = held.drain(..end + 2).collect();
        let block = String::from_utf8_lossy(&block);
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.strip_prefix(' ').unwrap_or(line).to_owned())
        };
        if let Some(data) = field("data:") {
            let name = field("event:").unwrap_or_else(|| MESSAGE_EVENT.to_owned());
            return Some(Event { name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut_and_comments_passed_over() {
        let bytes = b": \n\ndata: {\"a\":1}\n\nevent: note\ndata: 2\n\n: \n\ndata: 3";
        let mut held = Vec::new();
        let mut read = Vec::new();
        for byte in bytes {
            held.push(*byte);
            read.extend(take(&mut held));
        }
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        assert_eq!(read, [event("message", "{\"a\":1}"), event("note", "2")]);
        assert_eq!(held, b"data: 3");
    }
}
