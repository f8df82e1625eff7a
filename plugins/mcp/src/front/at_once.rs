//! A no that comes at once is no stream, whoever says it: its form must not tell whether a server was asked.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use crate::message::{Message, Outcome};
use crate::reply::{Content, Event, Events};
use crate::unknown::failed;

/// For so long the form of an answer is open. Whoever is told later knows by the time that a server was asked.
const MOMENT: Duration = Duration::from_secs(1);
/// Events without a message that are waited through.
const MOST_BARE: usize = 8;

/// What a client gets of a reply: what says no at once as a whole answer, and all else as it is.
pub(super) async fn whole(content: Content) -> Content {
    let Content::Events(mut events) = content else { return content };
    let (mut read, until) = (Vec::new(), Instant::now() + MOMENT);
    while read.len() < MOST_BARE {
        match timeout_at(until, events.next()).await {
            Ok(Some(Ok(Event { message: Some(message), .. }))) if says_no(&message) => {
                return Content::One(message);
            }
            Ok(Some(event)) => {
                let is_bare = event.as_ref().is_ok_and(|event| event.message.is_none());
                read.push(event);
                if !is_bare {
                    break;
                }
            }
            Ok(None) => return Content::Events(Box::pin(stream::iter(read))),
            Err(_) => break,
        }
    }
    if read.is_empty() {
        return Content::Events(events);
    }
    let all: Events = Box::pin(stream::iter(read).chain(events));
    Content::Events(all)
}

fn says_no(message: &Message) -> bool {
    match message {
        Message::Answer { outcome: Outcome::Error(_), .. } => true,
        Message::Answer { outcome: Outcome::Result(result), .. } => failed(result).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    fn message(text: &str) -> Event {
        Event::from(Message::parse(text.as_bytes()).unwrap())
    }

    async fn told(all: Vec<Event>, goes_on: bool) -> Option<String> {
        let all = stream::iter(all.into_iter().map(Ok::<_, Failure>));
        let events: Events = match goes_on {
            true => Box::pin(all.chain(stream::pending())),
            false => Box::pin(all),
        };
        match whole(Content::Events(events)).await {
            Content::One(message) => Some(message.to_json()),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_that_comes_at_once_is_whole_and_all_else_is_a_stream_from_its_first_event() {
        let bare = || Event { id: Some("1".to_owned()), ..Event::default() };
        let no = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#;
        let failed = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#;
        let yes = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
        for no in [no, failed] {
            assert_eq!(told(vec![message(no)], false).await.as_deref(), Some(no));
            assert_eq!(told(vec![bare(), message(no)], true).await.as_deref(), Some(no));
        }
        assert_eq!(told(vec![bare(), message(yes)], false).await, None);
        assert_eq!(told(vec![message(progress), message(no)], false).await, None);
        let waits: Events = Box::pin(stream::iter([Ok(bare())]).chain(stream::pending()));
        let Content::Events(mut events) = whole(Content::Events(waits)).await else { panic!() };
        assert_eq!(events.next().await.unwrap().unwrap().id.as_deref(), Some("1"));
    }
}
