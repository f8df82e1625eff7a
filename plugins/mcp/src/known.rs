//! Which era a server is of: it is asked once, and that is remembered for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

use crate::era::{
    HEADER_MISMATCH, MISSING_CAPABILITY, Pinned, STATELESS, UNSUPPORTED_VERSION, meta,
};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::reply::Content;
use crate::upstream::{Link, Upstream};

/// Clients wait for this, and none longer than ten seconds.
const DEADLINE: Duration = Duration::from_secs(5);
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// Servers learn, and one may have been silent for another reason.
const OLD_GOOD_FOR: Duration = Duration::from_secs(300);

/// What is known of a server's era.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pinned: Pinned,
    /// What was found, up to when it counts.
    found: Mutex<Arc<OnceCell<(bool, Instant)>>>,
    without_sessions: AtomicBool,
}

impl Known {
    pub(crate) fn new(pinned: Pinned) -> Self {
        Self { pinned, ..Self::default() }
    }

    /// Whether the server takes requests that stand alone.
    pub(crate) async fn is_stateless(
        &self,
        upstream: &Upstream,
        link: &Link,
    ) -> Result<bool, Failure> {
        match self.pinned {
            Pinned::Sessions => return Ok(false),
            Pinned::Stateless => return Ok(true),
            Pinned::Auto => {}
        }
        // Who comes while it is asked waits for the answer, and asks nothing himself.
        let found = self.cell();
        let asked = found.get_or_try_init(|| ask_in_time(upstream, link));
        let asked = timeout(DEADLINE * 2, asked).await.map_err(|_| Failure::Slow)?;
        asked.map(|(is_stateless, _)| *is_stateless)
    }

    fn cell(&self) -> Arc<OnceCell<(bool, Instant)>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.get().is_some_and(|(_, until)| *until <= Instant::now()) {
            *found = Arc::default();
        }
        Arc::clone(&found)
    }

    /// Whether it is known to begin no session.
    pub(crate) fn is_without_sessions(&self) -> bool {
        self.pinned == Pinned::Stateless || self.without_sessions.load(Ordering::Relaxed)
    }

    /// A server of the newer era refused a session with this code: none need be tried again, where that says it.
    pub(crate) fn refused_session(&self, code: i32) {
        // Another error may be about this client alone.
        if matches!(code, UNSUPPORTED_VERSION | HEADER_MISMATCH | -32601) {
            self.without_sessions.store(true, Ordering::Relaxed);
        }
    }

    /// The server does not behave as what is known of it: it is asked anew.
    pub(crate) fn forget(&self) {
        self.without_sessions.store(false, Ordering::Relaxed);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

async fn ask_in_time(upstream: &Upstream, link: &Link) -> Result<(bool, Instant), Failure> {
    let is_stateless = match timeout(DEADLINE, ask(upstream, link)).await {
        Ok(Ok(is_stateless)) => is_stateless,
        // It says something, but nothing of the newer era; or nothing.
        Ok(Err(Failure::Broken(_) | Failure::TooLarge(_) | Failure::Slow)) | Err(_) => false,
        Ok(Err(failure)) => return Err(failure),
    };
    if !is_stateless {
        upstream.give_up(link);
    }
    let good_for = if is_stateless { GOOD_FOR } else { OLD_GOOD_FOR };
    Ok((is_stateless, Instant::now() + good_for))
}

async fn ask(upstream: &Upstream, link: &Link) -> Result<bool, Failure> {
    let mut envelope = Fields::default();
    envelope.set(meta::VERSION, &STATELESS);
    envelope.set(meta::CAPABILITIES, &Fields::default());
    let mut params = Fields::default();
    params.set("_meta", &envelope);
    let id = Id::Text("sidegate-era".to_owned());
    let question =
        Message::Request { id, method: "server/discover".to_owned(), params: Some(params) };
    let own = link.session.clone().filter(|_| link.stateless);
    let link = Link {
        owner: link.owner,
        traceparent: link.traceparent.clone(),
        session: own,
        ..Link::stateless()
    };
    match upstream.post(&link, &question).await?.content {
        Content::Refused(_, Some(answer)) => Ok(is_of_newer_era(&answer)),
        Content::Refused(..) | Content::Accepted => Ok(false),
        content => Ok(content.answer().await.is_some_and(|answer| is_of_newer_era(&answer))),
    }
}

/// Whether a server that answers so takes requests that stand alone.
pub(crate) fn is_of_newer_era(answer: &Message) -> bool {
    let Message::Answer { outcome, .. } = answer else { return false };
    match outcome {
        Outcome::Result(result) => {
            let versions =
                Fields::of(result).and_then(|it| it.get::<Vec<String>>("supportedVersions"));
            versions.is_some_and(|versions| versions.iter().any(|one| one == STATELESS))
        }
        Outcome::Error(error) => {
            let error = Fields::of(error).unwrap_or_default();
            match error.get::<i32>("code") {
                Some(HEADER_MISMATCH | MISSING_CAPABILITY) => true,
                Some(UNSUPPORTED_VERSION) => {
                    let supported =
                        error.object("data").and_then(|it| it.get::<Vec<String>>("supported"));
                    supported.is_some_and(|versions| versions.iter().any(|one| one == STATELESS))
                }
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_newer_era_says_tells_it() {
        for (rest, expected) in [
            (
                r#""result":{"supportedVersions":["2025-11-25","2026-07-28"],"capabilities":{}}"#,
                true,
            ),
            (r#""result":{"supportedVersions":["2025-11-25"]}"#, false),
            (r#""result":{}"#, false),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2026-07-28"]}}"#, true),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2027-01-01"]}}"#, false),
            (r#""error":{"code":-32020,"message":""}"#, true),
            (r#""error":{"code":-32601,"message":""}"#, false),
            (r#""error":{"code":-32000,"message":"no session"}"#, false),
        ] {
            let answer = Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,{rest}}}"#).as_bytes());
            assert_eq!(is_of_newer_era(&answer.unwrap()), expected, "{rest}");
        }
    }
}
