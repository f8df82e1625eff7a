//! A session of a server that is held for clients that have none.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::time::{Instant, timeout};

use super::{Key, lock, words};
use crate::door::Door;
use crate::era::SESSIONS;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::refusal::Refusal;
use crate::sessions::Session;
use crate::upstream::Link;

/// A client that discovers waits for this.
const OPENING: Duration = Duration::from_secs(10);
/// Changes that wait for a slow listener; the oldest are left out.
const WAITING: usize = 64;

/// A session that is held.
pub(super) struct Held {
    pub(super) session: Option<Arc<Session>>,
    /// What the server answered to `initialize`.
    pub(super) introduction: Fields,
    /// How the server itself is asked, beside the requests of clients.
    pub(super) door: Door,
    /// What the server says by itself; nothing is the end.
    pub(super) said: broadcast::Sender<Option<Message>>,
    pub(super) over: Notify,
    /// How many listen for each resource.
    watched: Mutex<HashMap<String, usize>>,
    version: Option<String>,
    next: AtomicI64,
    calls: Mutex<HashMap<i64, mpsc::Sender<Message>>>,
    level: Mutex<Option<usize>>,
    used: Mutex<Instant>,
}

impl Held {
    /// Begins a session.
    pub(super) async fn open(door: &Door, key: &Key) -> Result<Arc<Self>, Refusal> {
        let begun = timeout(OPENING, begin(door, key)).await;
        begun
            .unwrap_or_else(|_| Err(Refusal::new(504, -32603, "the server did not answer in time")))
    }

    /// The address, as a client of the older era asks it.
    pub(super) fn door_for(&self, door: &Door) -> Door {
        Door { link: link(&door.link, self.version.clone()), ..door.clone() }
    }

    /// Says in a result whose it is.
    pub(super) fn sign(&self, result: &mut Fields) {
        let Some(info) = self.introduction.raw("serverInfo") else { return };
        let mut meta = result.object("_meta").unwrap_or_default();
        meta.set("io.modelcontextprotocol/serverInfo", &info);
        result.set("_meta", &meta);
    }

    pub(super) fn can(&self, kind: &str, option: &str) -> bool {
        let capabilities = self.introduction.object("capabilities");
        let own = capabilities.and_then(|all| all.object(kind));
        own.is_some_and(|own| own.get(option) == Some(true))
    }

    /// A number that no other question of the session has.
    pub(super) fn number(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// What the server says by itself while this question is open comes by here.
    pub(super) fn enter(&self, number: i64) -> mpsc::Receiver<Message> {
        let (told, aside) = mpsc::channel(WAITING);
        lock(&self.calls).insert(number, told);
        aside
    }

    pub(super) fn leave(&self, number: i64) {
        lock(&self.calls).remove(&number);
        self.touch();
    }

    /// Gives a message to the question that was asked last.
    pub(super) fn tell_last(&self, message: Message) -> Result<(), Message> {
        let calls = lock(&self.calls);
        let last = calls.iter().max_by_key(|(number, _)| **number);
        let Some((_, told)) = last else { return Err(message) };
        told.try_send(message).map_err(TrySendError::into_inner)
    }

    /// Has the server log at this level at least.
    pub(super) async fn log_at(&self, door: &Door, level: usize) {
        let is_logging = self
            .introduction
            .object("capabilities")
            .is_some_and(|all| all.raw("logging").is_some());
        {
            let mut current = lock(&self.level);
            if !is_logging || current.is_some_and(|current| current <= level) {
                return;
            }
            *current = Some(level);
        }
        let mut params = Fields::default();
        params.set("level", &words::LEVELS[level]);
        if self.request(door, "logging/setLevel", params).await.is_err() {
            *lock(&self.level) = None;
        }
    }

    /// Has the server tell of a resource; whether it does.
    pub(super) async fn watch(&self, door: &Door, uri: &str) -> bool {
        *lock(&self.watched).entry(uri.to_owned()).or_default() += 1;
        // Each time, since it depends on who asks.
        let is_watched = self.request(door, "resources/subscribe", about(uri)).await.is_ok();
        if !is_watched {
            self.unwatched(uri);
        }
        is_watched
    }

    /// Nobody listens for a resource any more, as far as this listener goes.
    pub(super) async fn unwatch(&self, door: &Door, uri: &str) {
        if !self.unwatched(uri) {
            return;
        }
        // Where it fails, more is told than is wanted, and left out.
        let _ = self.request(door, "resources/unsubscribe", about(uri)).await;
        let is_watched_again = lock(&self.watched).contains_key(uri);
        if is_watched_again {
            let _ = self.request(door, "resources/subscribe", about(uri)).await;
        }
    }

    /// Whether this was the last one who listened.
    fn unwatched(&self, uri: &str) -> bool {
        let mut watched = lock(&self.watched);
        let left = watched.get(uri).map_or(0, |count| count.saturating_sub(1));
        if left > 0 {
            watched.insert(uri.to_owned(), left);
        } else {
            watched.remove(uri);
        }
        left == 0
    }

    /// Asks the server something of the bridge's own.
    pub(super) async fn request(
        &self,
        door: &Door,
        method: &str,
        params: Fields,
    ) -> Result<Fields, ()> {
        let id = Id::Number(self.number());
        let question = Message::Request { id, method: method.to_owned(), params: Some(params) };
        let (reply, _) = door.post(self.session.as_ref(), question).await.map_err(drop)?;
        match reply.content.answer().await {
            Some(Message::Answer { outcome: Outcome::Result(result), .. }) => {
                Fields::of(&result).ok_or(())
            }
            _ => Err(()),
        }
    }

    /// Tells the server something, or answers it.
    pub(super) async fn tell(&self, door: &Door, message: Message) -> Result<(), Refusal> {
        door.post(self.session.as_ref(), message).await.map(drop)
    }

    pub(super) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    pub(super) fn idle_for(&self) -> Duration {
        lock(&self.used).elapsed()
    }

    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.calls).is_empty() || self.said.receiver_count() > 0
    }

    pub(super) fn end(&self) {
        self.over.notify_one();
    }
}

async fn begin(door: &Door, key: &Key) -> Result<Arc<Held>, Refusal> {
    let door = Door { link: link(&door.link, None), ..door.clone() };
    let (reply, session) =
        door.post(None, words::initialize(&key.capabilities, &key.client)).await?;
    let failed = || Refusal::new(502, -32603, "the server began no session");
    let Some(Message::Answer { outcome: Outcome::Result(result), .. }) =
        reply.content.answer().await
    else {
        return Err(failed());
    };
    let introduction = Fields::of(&result).ok_or_else(failed)?;
    let version = introduction.text("protocolVersion").or_else(|| Some(SESSIONS.to_owned()));
    let held = Held {
        session: session.map(Arc::new),
        door: Door { link: link(&door.link, version.clone()), ..door },
        introduction,
        said: broadcast::channel(WAITING).0,
        over: Notify::new(),
        watched: Mutex::default(),
        version,
        next: AtomicI64::new(1),
        calls: Mutex::default(),
        level: Mutex::default(),
        used: Mutex::new(Instant::now()),
    };
    held.tell(&held.door, Message::notification("notifications/initialized", None)).await?;
    Ok(Arc::new(held))
}

fn about(uri: &str) -> Fields {
    let mut params = Fields::default();
    params.set("uri", &uri);
    params
}

fn link(sent: &Link, version: Option<String>) -> Link {
    Link { version, traceparent: sent.traceparent.clone(), owner: sent.owner, ..Link::default() }
}

/// An answer of the bridge's own to what a server asks.
pub(super) fn own_answer(question: Message) -> Option<Message> {
    match question {
        Message::Request { id, method, .. } if method == "ping" => {
            Some(Message::result(id, &json!({})))
        }
        Message::Request { id, .. } => {
            Some(Message::refusal(Some(id), -32601, "nobody is there to be asked"))
        }
        _ => None,
    }
}
