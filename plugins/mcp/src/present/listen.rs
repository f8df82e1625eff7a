//! The stream by which clients with sessions hear of changes, before a server that tells of them by `subscriptions/listen`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Bridged, words};
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Events, Reply};

const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A client that listens.
struct Listener {
    session: Bridged,
    events: Events,
    watched: watch::Receiver<BTreeSet<String>>,
    pause: Duration,
}

/// Listens for all changes that there are, and for the resources that the session watches.
pub(super) async fn listen(session: Bridged) -> Result<Reply, Refusal> {
    let mut watched = session.state.watched();
    let none = || Refusal::new(405, -32000, "the server says nothing by itself");
    let first = watched.borrow_and_update().clone();
    let events = subscribe(&session, first).await?.ok_or_else(none)?;
    let listener = Listener { session, events, watched, pause: PAUSE };
    let events = stream::unfold(listener, |mut listener| async move {
        let message = listener.next().await?;
        Some((Ok(Event::from(message)), listener))
    });
    Ok(Content::Events(Box::pin(events)).into())
}

impl Listener {
    async fn next(&mut self) -> Option<Message> {
        loop {
            tokio::select! {
                event = self.events.next() => match event {
                    Some(Ok(event)) => {
                        self.pause = PAUSE;
                        if let Some(message) = event.message.and_then(words::notification) {
                            return Some(message);
                        }
                    }
                    // The client need not know that the server takes a breath.
                    _ => {
                        sleep(self.pause).await;
                        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                        self.again().await?;
                    }
                },
                changed = self.watched.changed() => {
                    changed.ok()?;
                    self.again().await?;
                }
            }
        }
    }

    async fn again(&mut self) -> Option<()> {
        let watched = self.watched.borrow_and_update().clone();
        self.events = match subscribe(&self.session, watched).await {
            Ok(events) => events?,
            Err(_) => Box::pin(stream::empty()),
        };
        Some(())
    }
}

/// Subscribes anew; `None` where the server has no such thing.
async fn subscribe(
    session: &Bridged,
    watched: BTreeSet<String>,
) -> Result<Option<Events>, Refusal> {
    let mut filter =
        json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    if !watched.is_empty() {
        filter["resourceSubscriptions"] = json!(watched);
    }
    let mut params = Fields::default();
    params.set("notifications", &filter);
    let question = Message::Request {
        id: Id::Text("sidegate-listen".to_owned()),
        method: "subscriptions/listen".to_owned(),
        params: Some(session.enveloped(&params)),
    };
    let reply = session.server.post(&session.link(), &session.caller, &question).await?;
    match reply.content {
        Content::Events(events) => Ok(Some(events)),
        _ => Ok(None),
    }
}
