//! One call of a plugin: its bounds, its deadline, and the service that answers it. Knows nothing of
//! what is asked.

use super::events::Events;
use super::limiter::{MAX_CALLS, MAX_MESSAGE_BYTES, ServiceLimiter};
use super::management::Management;
use super::sidegate::Sidegate;
use super::studio::{Studio, UPDATE_CONFIG, not_offered};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use sidegate_model::plugin::PluginId;
use sidegate_wire::events::plugin_event_service_server as events;
use sidegate_wire::host::sidegate_host_service_server as sidegate;
use sidegate_wire::management::microgateway_management_service_server as management;
use sidegate_wire::studio::ai_studio_management_service_server as studio;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tower::Service as _;

/// How long a call may take until its answer begins, the sending of the question included.
const DEADLINE: Duration = Duration::from_secs(10);
/// The same for a configuration, whose answer waits until it serves.
const CONFIG_DEADLINE: Duration = Duration::from_secs(30);
/// The only call that is meant to last.
const SUBSCRIBE: &str = "/plugin_events.PluginEventService/Subscribe";

/// The services as one plugin reaches them over one connection.
#[derive(Clone)]
pub(super) struct Calls {
    plugin: PluginId,
    limiter: Arc<ServiceLimiter>,
    management: management::MicrogatewayManagementServiceServer<Management>,
    /// Beside a console only.
    studio: Option<studio::AiStudioManagementServiceServer<Studio>>,
    sidegate: sidegate::SidegateHostServiceServer<Sidegate>,
    events: events::PluginEventServiceServer<Events>,
}

impl Calls {
    pub(super) fn new(
        management: Management,
        studio: Option<Studio>,
        sidegate: Sidegate,
        events: Events,
    ) -> Self {
        let studio = studio.map(|studio| {
            studio::AiStudioManagementServiceServer::new(studio)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        });
        Self {
            plugin: management.calling_plugin.id,
            limiter: events.limiter.clone(),
            management: management::MicrogatewayManagementServiceServer::new(management)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            studio,
            sidegate: sidegate::SidegateHostServiceServer::new(sidegate)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            events: events::PluginEventServiceServer::new(events)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        }
    }

    /// Answers one call, whatever it is.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let (begun, plugin) = (Instant::now(), self.plugin);
        let method = request.uri().path().to_owned();
        let response = self.bounded(request).await.unwrap_or_else(Status::into_http);
        let status = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
        let status = status.unwrap_or("0");
        tracing::debug!(%plugin, method, status, took = ?begun.elapsed(), "a plugin asked");
        response
    }

    async fn bounded(self, request: Request<Incoming>) -> Result<Response<Body>, Status> {
        let place = self.limiter.calls.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "this plugin has {MAX_CALLS} calls in flight, which are the most; wait for answers"
            ))
        })?;
        let lasting = request.uri().path() == SUBSCRIBE;
        let is_config = request.uri().path() == UPDATE_CONFIG;
        let deadline = if is_config { CONFIG_DEADLINE } else { DEADLINE };
        let response = timeout(deadline, self.dispatched(request)).await.map_err(|_| {
            Status::deadline_exceeded(format!(
                "the call took longer than {} seconds",
                deadline.as_secs()
            ))
        })?;
        // Subscriptions have a bound of their own, and an answer without a body is over.
        if lasting || response.body().is_end_stream() {
            return Ok(response);
        }
        Ok(response.map(|body| Body::new(Held { body, place: Some(place) })))
    }

    async fn dispatched(mut self, request: Request<Incoming>) -> Response<Body> {
        let mut names = request.uri().path().split('/').skip(1);
        let (service, method) =
            (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let answered = match (service, &mut self.studio) {
            (studio::SERVICE_NAME, Some(studio)) => match not_offered(method) {
                Some(status) => Ok(status.into_http()),
                None => studio.call(request).await,
            },
            (management::SERVICE_NAME, _) => self.management.call(request).await,
            (sidegate::SERVICE_NAME, _) => self.sidegate.call(request).await,
            (events::SERVICE_NAME, _) => self.events.call(request).await,
            _ => Ok(Status::unimplemented("this gateway does not offer this service").into_http()),
        };
        answered.unwrap_or_else(|never| match never {})
    }
}

/// An answer that keeps its place among the calls in flight until its last frame goes out. Not
/// longer: whoever has read it may use the place for the next call.
struct Held {
    body: Body,
    place: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = &polled
            && frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers))
        {
            self.place = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
