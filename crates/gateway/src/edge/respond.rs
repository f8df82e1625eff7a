//! Frames a request: its id, its generation, its record; the only place where an error becomes an
//! answer. It cannot fail.

use super::access_log::RequestRecord;
use super::body::EdgeBody;
use super::connection::{ClientConnection, OpenRequest};
use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::handle::handle;
use super::origin::Origin;
use super::request_id::{REQUEST_ID, RequestId};
use super::response::has_no_content;
use super::upload::Upload;
use super::well_known::Place;
use super::{cors, operations, own_hosts, sanity, well_known};
use crate::route::lookup::Miss;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use sidegate_model::path::PluginPath;
use sidegate_plugins::RateLimitedLog;
use sidegate_wire::ErrorCode;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// A fault of the gateway can be one of each request.
static INTERNAL: RateLimitedLog = RateLimitedLog::new();

type Answered = Result<Response<EdgeBody>, EdgeError>;

/// A request and what accompanies it, until its answer begins.
struct Asked {
    context: RequestContext,
    head: Parts,
    body: Upload,
    record: Box<RequestRecord>,
}

/// Answers one request, which has been open on its connection since its head was read. Not an async
/// function, which would hold what it is given twice.
///
/// # Errors
/// Never.
pub(crate) fn respond(
    edge: Arc<Edge>,
    open: OpenRequest,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<EdgeBody>, Infallible>> {
    // In a box, so that the future is empty when it is moved to where it runs.
    let mut asked = Box::new(Asked::new(edge, open, request));
    async move {
        let (connection, place) = asked.record.place();
        let place = (connection.clone(), place);
        let answered = caught(place, pin!(answer(&mut asked))).await;
        Ok(asked.finish(answered))
    }
}

/// Answers what is soundly asked: about the gateway itself, or of a plugin.
async fn answer(asked: &mut Asked) -> Answered {
    let Asked { context, head, body, record } = asked;
    sanity::check(head, &context.edge.limits.head())?;
    if context.connection.saw_fragment() {
        sanity::check_mark(head)?;
    }
    if let Some(answer) = answer_of_ours(context, head)? {
        return Ok(answer);
    }
    handle(context, head, body, record).await
}

/// What the gateway answers itself, by the host and the path that are asked; where that is nothing, the request is one to a
/// plugin from here on. Apart from the rest, so that nothing of it takes room while a request waits.
fn answer_of_ours(
    context: &mut RequestContext,
    head: &mut Parts,
) -> Result<Option<Response<EdgeBody>>, EdgeError> {
    let own = own_hosts::asked(&context.generation, context.origin.host.as_deref(), head).cloned();
    if own_hosts::is_misdirected(context, own.as_ref()) {
        return Err(EdgeError::misdirected());
    }
    let place = match own {
        None => {
            if let Some(answer) = operations::answer(context, &head.method, head.uri.path()) {
                return Ok(Some(answer));
            }
            well_known::look(&context.generation, &head.uri)
        }
        Some(mount) => {
            own_hosts::enter(context, &mount);
            let place = own_hosts::look(&context.generation, &mount, &head.uri);
            Some(place.ok_or(Miss::NotFound)?)
        }
    };
    match place {
        Some(Place::Resource(resource)) => {
            return well_known::answer(context, head, &resource).map(Some);
        }
        Some(Place::Plugin(uri)) => head.uri = uri,
        None => {}
    }
    Ok(None)
}

/// The HTTP library keeps what headers took for as long as a stream is open, which may be hours: here only as much as there are.
fn without_spare_room(headers: &mut HeaderMap) {
    let all = std::mem::take(headers);
    headers.extend(all);
}

/// A panic ends one request, never the process, and so does an operator who wants it to end.
fn caught(
    (connection, place): (Arc<ClientConnection>, usize),
    mut handling: Pin<&mut impl Future<Output = Answered>>,
) -> impl Future<Output = Answered> {
    let panicked = |_| Poll::Ready(Err(EdgeError::panicked()));
    poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
        let polled = polled.unwrap_or_else(panicked);
        if polled.is_pending() && connection.requests.listen(place, cx.waker()) {
            return Poll::Ready(Err(EdgeError::ended_by_operator()));
        }
        polled
    })
}

impl Asked {
    fn new(edge: Arc<Edge>, open: OpenRequest, request: Request<Incoming>) -> Self {
        let (head, body) = request.into_parts();
        let start = Instant::now();
        let connection = open.connection().clone();
        let context = RequestContext {
            id: RequestId::of(&head.headers),
            origin: Origin::of(&connection, &head.headers, &edge.proxies),
            connection,
            stream: open.stream().cloned(),
            version: head.version,
            start,
            generation: edge.generations.load(),
            own_host: None,
            edge,
        };
        let record = RequestRecord::new(&context, open, &head);
        Self { context, head, body: Upload::new(body), record }
    }

    /// Gives the answer what every one has, and its record.
    fn finish(mut self: Box<Self>, answered: Answered) -> Response<EdgeBody> {
        let unread = !self.body.has_ended();
        let mut response = match answered {
            Ok(mut response) => {
                well_known::complete(&self.context, &self.head, &mut response);
                response
            }
            Err(error) => self.fail(error),
        };
        if let Some(cors) = self.record.cors() {
            cors::tell(cors, &self.head.headers, response.headers_mut());
        }
        own_hosts::keep_cookies_apart(&self.context.generation, response.headers_mut());
        response.headers_mut().insert(REQUEST_ID, self.context.id.to_header());
        if has_no_content(response.status()) {
            response.body_mut().leave_out();
        } else if self.head.method == Method::HEAD
            && let Some(length) = response.body_mut().leave_out()
        {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        // A body that was not read may still be on its way: an HTTP/1 connection serves no other
        // request and takes the rest while it closes, an HTTP/2 stream takes it here.
        let version = self.context.version;
        let is_last =
            unread || self.context.edge.is_handed_over() || response.body().ends_with_connection();
        if is_last && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            // The HTTP library would promise an old client at the same time to keep the connection.
            *response.version_mut() = version;
        } else if unread {
            tokio::spawn(self.body.take_rest());
        }
        if response.body().is_stream() {
            without_spare_room(response.headers_mut());
        }
        self.record.answers(response.status());
        let stall_timeout = self.context.edge.limits.answer_timeout();
        response.body_mut().owning(self.record, version, stall_timeout);
        response
    }

    /// Finds out which plugin was asked where the request did not get as far as that.
    fn find_plugin(&mut self) {
        if self.record.is_plugin_known() {
            return;
        }
        let Ok(slug) = PluginPath::slug_of(self.head.uri.path()) else { return };
        if let Some(mount) = self.context.generation.mount(&slug) {
            self.record.asks(&mount.plugin);
        }
    }

    fn fail(&mut self, mut error: EdgeError) -> Response<EdgeBody> {
        self.find_plugin();
        let id = &self.context.id;
        // Each of them is in the access log as well.
        if error.code == ErrorCode::Internal
            && let Some(times) = INTERNAL.due()
        {
            let slug = PluginPath::slug_of(self.head.uri.path()).ok();
            let mount = slug.and_then(|slug| self.context.generation.mount(&slug));
            let plugin = mount.map(|mount| mount.plugin.name.as_str());
            tracing::error!(request_id = %id, plugin, times, "internal error: {}", error.internal);
        }
        if let Some(limit) = error.limit {
            self.record.refused_by(limit);
        }
        well_known::tell(&self.context, &self.head, &mut error);
        self.record.error = Some((error.code, error.internal.to_string()));
        error.into_response(id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F: Future>(_: fn(Arc<Edge>, OpenRequest, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn headers_without_spare_room_are_the_same() {
        let mut headers = HeaderMap::with_capacity(12);
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("d", "5")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let before = headers.clone();
        without_spare_room(&mut headers);
        assert_eq!(headers, before);
        assert!(headers.capacity() < 12, "{}", headers.capacity());
    }

    #[test]
    fn a_request_takes_little_room_while_it_waits_for_its_plugin() {
        let bytes = size_of_future(respond);
        assert!(bytes <= 2304, "{bytes} bytes for each request that is open");
    }
}
