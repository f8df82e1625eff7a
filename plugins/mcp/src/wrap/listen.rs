//! `subscriptions/listen` before a server that tells of changes in its session.

use std::sync::Arc;

use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::held::Held;
use super::words;
use crate::door::Door;
use crate::era::meta;
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::refusal::Refusal;
use crate::reply::{Content, Event, Reply};

/// How many resources one client listens for.
const MOST_RESOURCES: usize = 100;

/// A client that listens.
struct Listener {
    held: Arc<Held>,
    door: Door,
    id: Id,
    lists: Vec<&'static str>,
    resources: Vec<String>,
    said: broadcast::Receiver<Option<Message>>,
    begun: bool,
    over: bool,
}

const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", "tools"),
    ("promptsListChanged", "prompts"),
    ("resourcesListChanged", "resources"),
];

/// Listens for what is asked and can be had, which is told first.
pub(super) async fn listen(
    held: Arc<Held>,
    door: Door,
    asked: words::Asked,
) -> Result<Reply, Refusal> {
    let wrong = || Refusal::new(200, -32602, "Invalid params: notifications is no filter");
    let wanted = asked.params.object("notifications").ok_or_else(wrong)?;
    let lists = LISTS
        .iter()
        .filter(|(key, kind)| wanted.get(key) == Some(true) && held.can(kind, "listChanged"));
    let mut listener = Listener {
        lists: lists.map(|(key, _)| *key).collect(),
        resources: Vec::new(),
        said: held.said.subscribe(),
        id: asked.id,
        door,
        held,
        begun: false,
        over: false,
    };
    if listener.held.can("resources", "subscribe") {
        let uris = wanted.get::<Vec<String>>("resourceSubscriptions").unwrap_or_default();
        for uri in uris.into_iter().take(MOST_RESOURCES) {
            listener.watch(uri).await;
        }
    }
    let events = stream::unfold(listener, |mut listener| async move {
        let message = listener.next().await?;
        Some((Ok(Event::from(message)), listener))
    });
    Ok(Content::Events(Box::pin(events)).into())
}

impl Listener {
    /// Subscribes to a resource; one that cannot be had is left out.
    async fn watch(&mut self, uri: String) {
        if !self.resources.contains(&uri) && self.held.watch(&self.door, &uri).await {
            self.resources.push(uri);
        }
    }

    async fn next(&mut self) -> Option<Message> {
        if self.over {
            return None;
        }
        if !std::mem::replace(&mut self.begun, true) {
            return Some(self.acknowledged());
        }
        if self.lists.is_empty() && self.resources.is_empty() {
            return Some(self.ended());
        }
        loop {
            match self.said.recv().await {
                Ok(Some(Message::Notification { method, params }))
                    if self.wants(&method, params.as_ref()) =>
                {
                    return Some(self.marked(&method, params.unwrap_or_default()));
                }
                Ok(Some(_)) | Err(RecvError::Lagged(_)) => {}
                Ok(None) | Err(RecvError::Closed) => return Some(self.ended()),
            }
        }
    }

    fn wants(&self, method: &str, params: Option<&Fields>) -> bool {
        if method == words::UPDATED {
            let uri = params.and_then(|params| params.text("uri"));
            return uri.is_some_and(|uri| self.resources.contains(&uri));
        }
        words::filter_of(method).is_some_and(|key| self.lists.contains(&key))
    }

    fn acknowledged(&self) -> Message {
        let mut filter = Fields::default();
        for key in &self.lists {
            filter.set(key, &true);
        }
        if !self.resources.is_empty() {
            filter.set("resourceSubscriptions", &self.resources);
        }
        let mut params = Fields::default();
        params.set("notifications", &filter);
        self.marked("notifications/subscriptions/acknowledged", params)
    }

    fn marked(&self, method: &str, mut params: Fields) -> Message {
        let mut meta = params.object("_meta").unwrap_or_default();
        meta.set(meta::SUBSCRIPTION, &self.id);
        params.set("_meta", &meta);
        Message::notification(method, Some(params))
    }

    fn ended(&mut self) -> Message {
        self.over = true;
        let mut result = Fields::default();
        result.set("resultType", &"complete");
        result.set("_meta", &json!({ meta::SUBSCRIPTION: self.id }));
        self.held.sign(&mut result);
        Message::result(self.id.clone(), &result)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.held.touch();
        let (held, door) = (Arc::clone(&self.held), self.door.clone());
        let resources = std::mem::take(&mut self.resources);
        if !resources.is_empty() {
            tokio::spawn(async move {
                for uri in resources {
                    held.unwatch(&door, &uri).await;
                }
            });
        }
    }
}
