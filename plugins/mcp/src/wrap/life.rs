//! The life of a session that is held: what its server says by itself is heard, and it ends when nobody needs it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use sidegate_sdk::tracing;
use tokio::time::{sleep, timeout};

use super::held::{Held, own_answer};
use super::{Key, Sessions, lock, words};
use crate::message::Message;
use crate::reply::{Content, Events};

/// A session that nobody used for so long ends.
const IDLE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What a server is told at the end waits no longer.
const GOODBYE: Duration = Duration::from_secs(5);

/// Begins it; the task ends with the session, and takes it out of those that are held.
pub(super) fn begin(held: &Arc<Held>, key: Key, sessions: Weak<Sessions>) {
    let held = Arc::clone(held);
    tokio::spawn(async move {
        tokio::select! {
            () = hear(&held) => {}
            () = unused(&held) => {}
            () = held.over.notified() => {}
        }
        if let Some(sessions) = sessions.upgrade() {
            let is_it = |cell: &super::Cell| cell.get().is_some_and(|it| Arc::ptr_eq(it, &held));
            lock(&sessions).retain(|known, cell| *known != key || !is_it(cell));
        }
        let _ = held.said.send(None);
        if timeout(GOODBYE, held.door.end(held.session.as_ref())).await.is_err() {
            tracing::debug!("a session did not end in time");
        }
    });
}

async fn unused(held: &Held) {
    loop {
        let rest = IDLE.saturating_sub(held.idle_for());
        if rest.is_zero() && !held.is_busy() {
            return;
        }
        sleep(rest.max(PAUSE)).await;
    }
}

/// Listens as long as the session is there. A server that says nothing by itself is not asked again.
async fn hear(held: &Held) {
    let (mut last_id, mut pause) = (None, PAUSE);
    loop {
        let mut door = held.door.clone();
        door.link.last_event_id = last_id.take();
        match door.listen(held.session.as_ref()).await.map(|reply| reply.content) {
            Ok(Content::Events(events)) => {
                last_id = hear_stream(held, events).await;
                pause = PAUSE;
            }
            Ok(Content::Refused(404, _)) => return,
            Ok(_) => std::future::pending().await,
            Err(refusal) if refusal.status == 404 => return,
            Err(refusal) if refusal.status == 405 => std::future::pending().await,
            Err(_) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn hear_stream(held: &Held, mut events: Events) -> Option<String> {
    let mut last_id = None;
    while let Some(Ok(event)) = events.next().await {
        last_id = event.id.or(last_id);
        if let Some(message) = event.message {
            heard(held, message).await;
        }
    }
    last_id
}

async fn heard(held: &Held, message: Message) {
    if words::is_change(&message) {
        // Nobody may be listening.
        let _ = held.said.send(Some(message));
        return;
    }
    if let Err(message) = held.tell_last(message)
        && let Some(answer) = own_answer(message)
        && held.tell(&held.door, answer).await.is_err()
    {
        tracing::debug!("a server did not take an answer");
    }
}
