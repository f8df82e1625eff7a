//! Events that plugins publish and follow through their host.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sidegate_wire::events::plugin_event_service_client::PluginEventServiceClient as Client;
use sidegate_wire::events::{EventMessage, PublishRequest, SubscribeRequest};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, Streaming};

use super::error::HostError;
use super::line::{Again, Line};

/// Hosts in Go say that a subscription stands only with its first event; after so long without a
/// refusal it is taken for granted.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// The pause before a lost subscription is opened again; it doubles until an event comes.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What plugins of a gateway tell each other, made by [`Host::events`](crate::Host::events).
///
/// ```
/// use sidegate_sdk::{Host, Plugin};
/// use std::sync::Arc;
///
/// Plugin::new("mailer", "1.0.0").on_session(async |host: Host, _: Arc<()>| {
///     let mut orders = host.events().subscribe("order.paid").await?;
///     while let Some(event) = orders.next().await {
///         let order: u64 = event.json()?;
///         host.logger().info("a mail is due", &[("order", &order.to_string())]);
///     }
///     Ok(())
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    line: Arc<Line>,
}

/// Something that a plugin, or the host, has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Made by the host, different for every event.
    pub id: String,
    /// What it is about, such as `order.paid`; at most 512 bytes.
    pub topic: String,
    /// Who told: the name of the node, or `plugin:<id>@<node>`.
    pub origin: String,
    /// JSON by custom, and any bytes by right; at most 1 MiB.
    pub payload: Bytes,
}

impl Event {
    /// The payload, read as JSON.
    ///
    /// # Errors
    /// [`HostError::Json`] says where it is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HostError> {
        serde_json::from_slice(&self.payload).map_err(|error| HostError::json(&error))
    }
}

impl From<EventMessage> for Event {
    fn from(EventMessage { id, topic, origin, payload, .. }: EventMessage) -> Self {
        Self { id, topic, origin, payload }
    }
}

impl Events {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line }
    }

    /// Tells everybody on this node who follows the topic, this plugin included. Gives the id of
    /// the event. Nobody learns whether anybody listened.
    ///
    /// # Errors
    /// See [`HostError`]. After `Unavailable` the event may have been published.
    pub async fn publish(
        &self,
        topic: &str,
        payload: impl Into<Bytes>,
    ) -> Result<String, HostError> {
        let message = PublishRequest {
            topic: topic.to_owned(),
            payload: payload.into(),
            direction: 0,
            plugin_id: self.line.plugin_id().to_string(),
        };
        let call = |channel| {
            let message = message.clone();
            async move { Client::new(channel).publish(message).await }
        };
        let answer = self.line.ask("", Again::No, call).await?;
        if answer.success {
            Ok(answer.event_id)
        } else {
            Err(HostError::Invalid(answer.error_message))
        }
    }

    /// Publishes a value as JSON.
    ///
    /// # Errors
    /// As [`publish`](Self::publish); `Json` where JSON cannot express the value.
    pub async fn publish_json(
        &self,
        topic: &str,
        value: &impl Serialize,
    ) -> Result<String, HostError> {
        let payload = serde_json::to_vec(value).map_err(|error| HostError::json(&error))?;
        self.publish(topic, payload).await
    }

    /// Follows one topic, compared as a whole. Events published after this has returned are
    /// delivered.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn subscribe(&self, topic: &str) -> Result<Subscription, HostError> {
        self.open(topic.to_owned(), false).await
    }

    /// Follows every topic.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn subscribe_all(&self) -> Result<Subscription, HostError> {
        self.open(String::new(), true).await
    }

    async fn open(&self, topic: String, subscribe_all: bool) -> Result<Subscription, HostError> {
        let plugin_id = self.line.plugin_id().to_string();
        let wanted = SubscribeRequest { topic, subscribe_all, plugin_id };
        let opening = begin(&self.line, &wanted)?;
        let ended = self.line.ended().clone().cancelled_owned();
        let mut source = Source {
            line: Arc::clone(&self.line),
            wanted,
            phase: Phase::Opening(opening),
            pause: FIRST_PAUSE,
        };
        if let Phase::Opening(opening) = &mut source.phase
            && let Ok(outcome) = timeout(HEAD_PATIENCE, opening).await
        {
            source.phase = Phase::Open(outcome.map_err(|status| HostError::of(&status, ""))?);
        }
        let events = stream::unfold(source, Source::following).take_until(Box::pin(ended));
        Ok(Subscription { events: Box::pin(events) })
    }
}

/// Events as they come. Dropping it ends it.
///
/// When the connection to the host is lost, it is made again, with growing pauses; events of the
/// time between are not delivered. A host keeps some events for a plugin that is slow to take them
/// (Sidegate 100) and drops further ones.
#[must_use = "events that nobody takes are lost"]
pub struct Subscription {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

impl Subscription {
    /// Waits for the next event; `None` once the session ends (another process of the plugin serves, or
    /// the plugin ends), or when the host has no events any more. Nothing is lost where the wait is
    /// given up.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

type Opened = Result<Box<Streaming<EventMessage>>, Status>;
type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

/// Where the events of a subscription come from.
struct Source {
    line: Arc<Line>,
    wanted: SubscribeRequest,
    phase: Phase,
    pause: Duration,
}

enum Phase {
    Opening(Opening),
    Open(Box<Streaming<EventMessage>>),
    Lost,
}

fn begin(line: &Line, wanted: &SubscribeRequest) -> Result<Opening, HostError> {
    let (channel, wanted) = (line.channel()?, wanted.clone());
    Ok(Box::pin(
        async move { Ok(Box::new(Client::new(channel).subscribe(wanted).await?.into_inner())) },
    ))
}

impl Source {
    async fn following(mut self) -> Option<(Event, Self)> {
        loop {
            let failure = match &mut self.phase {
                Phase::Open(events) => match events.message().await {
                    Ok(Some(message)) => {
                        self.pause = FIRST_PAUSE;
                        return Some((message.into(), self));
                    }
                    Ok(None) => None,
                    Err(status) => Some(status),
                },
                Phase::Opening(opening) => match opening.await {
                    Ok(events) => {
                        self.phase = Phase::Open(events);
                        continue;
                    }
                    Err(status) => Some(status),
                },
                Phase::Lost => {
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    self.phase = Phase::Opening(begin(&self.line, &self.wanted).ok()?);
                    continue;
                }
            };
            // It stays so: the host has no events, or none for this process any more.
            let is_final = |code| matches!(code, Code::Unimplemented | Code::FailedPrecondition);
            if failure.as_ref().is_some_and(|status| is_final(status.code())) {
                return None;
            }
            let error = failure.map(|status| HostError::of(&status, "").to_string());
            tracing::warn!(
                error,
                topic = self.wanted.topic,
                "a subscription was lost; opening it again"
            );
            self.phase = Phase::Lost;
        }
    }
}
