//! Frames a request: its id, its generation, its record; the only place where an error becomes an
//! answer. It cannot fail.

use super::access_log::RequestRecord;
use super::body::EdgeBody;
use super::connection::OpenRequest;
use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::handle::handle;
use super::origin::Origin;
use super::request_id::{REQUEST_ID, RequestId};
use super::response::has_no_content;
use super::upload::Upload;
use super::{cors, operations, sanity};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version, header};
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
        let answered = caught(pin!(answer(&mut asked))).await;
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
    if let Some(answer) = operations::answer(context, &head.method, head.uri.path()) {
        return Ok(answer);
    }
    handle(context, head, body, record).await
}

/// A panic ends one request, never the process.
async fn caught(mut handling: Pin<&mut impl Future<Output = Answered>>) -> Answered {
    let panicked = |_| Poll::Ready(Err(EdgeError::panicked()));
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
        polled.unwrap_or_else(panicked)
    })
    .await
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
            edge,
        };
        let record = RequestRecord::new(&context, open, &head);
        Self { context, head, body: Upload::new(body), record }
    }

    /// Gives the answer what every one has, and its record.
    fn finish(mut self: Box<Self>, answered: Answered) -> Response<EdgeBody> {
        let unread = !self.body.has_ended();
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => self.fail(error),
        };
        if let Some(cors) = self.record.cors() {
            cors::tell(cors, &self.head.headers, response.headers_mut());
        }
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
        self.record.status = response.status();
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

    fn fail(&mut self, error: EdgeError) -> Response<EdgeBody> {
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
    fn a_request_takes_little_room_while_it_waits_for_its_plugin() {
        let bytes = size_of_future(respond);
        assert!(bytes <= 2304, "{bytes} bytes for each request that is open");
    }
}
