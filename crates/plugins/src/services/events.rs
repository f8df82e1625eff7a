//! The event service: checks what plugins publish and subscribe to. Needs no scope; knows nothing
//! of how events travel.

use super::bus::{Bus, Interest, Subscription};
use super::calling_plugin::CallingPlugin;
use super::event_log::{EventLog, remembered};
use super::limiter::{MAX_SUBSCRIPTIONS, ServiceLimiter};
use sidegate_model::clock::now_millis;
use sidegate_wire::events::plugin_event_service_server::PluginEventService;
use sidegate_wire::events::{
    EventMessage, PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest,
    UnsubscribeResponse,
};
use std::fmt::Write as _;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Longest topic, in bytes.
const MAX_TOPIC_BYTES: usize = 512;
/// Largest payload, in bytes.
const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// What one plugin may ask of the events.
pub(super) struct Events {
    pub(super) calling_plugin: CallingPlugin,
    pub(super) limiter: Arc<ServiceLimiter>,
    pub(super) bus: Arc<Bus>,
    pub(super) log: Arc<EventLog>,
    /// The name of this gateway, which every event carries.
    pub(super) node: Arc<str>,
}

#[tonic::async_trait]
impl PluginEventService for Events {
    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let response = match self.published(request.into_inner()) {
            Ok(event_id) => PublishResponse { success: true, event_id, ..Default::default() },
            Err(error_message) => PublishResponse { error_message, ..Default::default() },
        };
        Ok(Response::new(response))
    }

    type SubscribeStream = Subscription;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let SubscribeRequest { topic, subscribe_all, .. } = request.into_inner();
        let interest = match (subscribe_all, topic.len()) {
            (true, _) => Interest::Everything,
            (false, 0) => {
                return Err(Status::unknown("topic is required unless subscribe_all is set"));
            }
            (false, 1..=MAX_TOPIC_BYTES) => Interest::Topic(topic),
            (false, bytes) => return Err(Status::invalid_argument(long_topic(bytes))),
        };
        let place = self.limiter.subscriptions.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "this plugin has {MAX_SUBSCRIPTIONS} subscriptions, which are the most; cancel one"
            ))
        })?;
        Ok(Response::new(self.bus.subscribe(self.calling_plugin.key(), interest, place)?))
    }

    async fn unsubscribe(
        &self,
        _: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let error_message = "subscriptions have no id here: cancel the Subscribe call instead";
        Ok(Response::new(UnsubscribeResponse {
            success: false,
            error_message: error_message.to_owned(),
        }))
    }
}

impl Events {
    /// Passes an event on and gives its id, or says what is wrong with it.
    fn published(&self, request: PublishRequest) -> Result<String, String> {
        let PublishRequest { topic, payload, direction, .. } = request;
        if topic.is_empty() {
            return Err("topic is required".to_owned());
        }
        if topic.len() > MAX_TOPIC_BYTES {
            return Err(long_topic(topic.len()));
        }
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(format!(
                "the payload has {} bytes, {MAX_PAYLOAD_BYTES} are the most",
                payload.len()
            ));
        }
        let id = unique_id().map_err(|_| "no id could be made for the event".to_owned())?;
        let origin = format!("plugin:{}@{}", self.calling_plugin.id, self.node);
        let direction = if (0..=2).contains(&direction) { direction } else { 0 };
        let event = EventMessage { id: id.clone(), topic, origin, direction, payload };
        let noted = remembered(&event, now_millis());
        let reach = self.bus.publish(event);
        self.log.note(self.calling_plugin.id, noted, reach);
        Ok(id)
    }
}

fn long_topic(bytes: usize) -> String {
    format!("the topic has {bytes} bytes, {MAX_TOPIC_BYTES} are the most")
}

/// A random UUID (version 4) as text.
fn unique_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_random_uuid() {
        let (one, other) = (unique_id().unwrap(), unique_id().unwrap());
        assert_ne!(one, other);
        let parts: Vec<_> = one.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{one}");
        assert!(one.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
    }
}
