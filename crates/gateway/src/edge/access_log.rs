//! One event and one set of counts for each request, written when its last byte is gone.

use super::connection::OpenRequest;
use super::context::RequestContext;
use super::head::MAX_METHOD;
use super::request_id::RequestId;
use super::stream::Aborted;
use crate::log::AccessLine;
use crate::metrics::{PolicyLimit, RouteMeter, RouteName};
use http::request::Parts;
use http::{Method, StatusCode};
use sidegate_model::cors::CorsOptions;
use sidegate_model::plugin::PluginSpec;
use sidegate_plugins::EndSignal;
use sidegate_wire::ErrorCode;
use std::sync::Arc;
use tokio::time::Instant;

/// What is known of a request when its answer begins; reports itself when dropped.
pub(crate) struct RequestRecord {
    open: OpenRequest,
    start: Instant,
    /// `None` where it matched no route.
    meter: Option<Arc<RouteMeter>>,
    /// The app that called, if known.
    pub app: Option<u32>,
    /// Status of the answer; 499 until there is one.
    pub status: StatusCode,
    /// Code and internal text of the error, if it was one.
    pub error: Option<(ErrorCode, String)>,
    bytes: u64,
    end: End,
    signal: Option<Arc<EndSignal>>,
    /// The plugin that is asked, where its operator says which pages may read its answers.
    cors: Option<Arc<PluginSpec>>,
    /// That plugin is known, whatever its operator says.
    is_plugin_known: bool,
    /// What only the log tells; nothing where nobody reads it.
    logged: Option<Box<LoggedRequest>>,
}

struct LoggedRequest {
    id: RequestId,
    /// Where it is not the peer.
    client: Option<Arc<str>>,
    method: Method,
    path: Box<str>,
}

/// How much of a path is told, in characters.
const LOGGED_PATH: usize = 512;

enum End {
    Open,
    Complete,
    Aborted(&'static str),
}

impl RequestRecord {
    /// Begins the record of a request, which is open on its connection as long as its record. The
    /// path is kept without its query, which may hold secrets.
    pub(crate) fn new(context: &RequestContext, open: OpenRequest, head: &Parts) -> Box<Self> {
        let metrics = &open.connection().metrics;
        metrics.request_began();
        let logged = open.connection().access.is_on().then(|| {
            let path = beginning(head.uri.path()).into();
            let (id, client) = (context.id.clone(), context.origin.client.clone());
            Box::new(LoggedRequest { id, client, method: logged_method(&head.method), path })
        });
        Box::new(Self {
            start: context.start,
            meter: None,
            app: None,
            status: client_gone(),
            error: None,
            bytes: 0,
            end: End::Open,
            signal: None,
            cors: None,
            is_plugin_known: false,
            logged,
            open,
        })
    }

    /// Ends what carries the answer when that has not left by this moment.
    pub(crate) fn must_end_by(&mut self, at: Instant) {
        self.open.must_end_by(at);
    }

    /// The answer is a stream.
    pub(crate) fn streams(&self) {
        self.open.connection().streams();
    }

    /// Withdraws [`RequestRecord::must_end_by`].
    pub(crate) fn need_not_end(&mut self) {
        self.open.need_not_end();
    }

    /// Whether the answer must have left at some moment.
    pub(crate) fn must_end(&self) -> bool {
        self.open.must_end()
    }

    /// The answer may be told to end; where it is cut before it could heed that, this is why.
    pub(crate) fn may_be_told_to_end(&mut self, signal: Arc<EndSignal>) {
        self.signal = Some(signal);
    }

    fn meter(&self) -> &RouteMeter {
        self.meter.as_deref().unwrap_or_else(|| self.open.connection().metrics.unmatched())
    }

    /// It is known which plugin is asked.
    pub(crate) fn asks(&mut self, plugin: &Arc<PluginSpec>) {
        self.is_plugin_known = true;
        self.cors = plugin.options.cors.is_some().then(|| plugin.clone());
    }

    /// Whether it is known which plugin is asked.
    pub(crate) fn is_plugin_known(&self) -> bool {
        self.is_plugin_known
    }

    /// Which pages may read the answer, where that is known.
    pub(crate) fn cors(&self) -> Option<&CorsOptions> {
        self.cors.as_ref()?.options.cors.as_ref()
    }

    /// It is known where the request goes.
    pub(crate) fn routed(&mut self, name: RouteName<'_>) {
        self.meter = Some(self.open.connection().metrics.route(name));
    }

    /// Counts the request's body, which was read.
    pub(crate) fn received(&self, n: usize) {
        self.meter().received(n);
    }

    /// Counts that it exceeded a limit that an operator has set.
    pub(crate) fn refused_by(&self, limit: PolicyLimit) {
        self.meter().refused_by(limit);
    }

    /// Counts bytes of the answer's body.
    pub(crate) fn add_bytes(&mut self, n: usize) {
        self.bytes += n as u64;
    }

    /// The answer ended as it should.
    pub(crate) fn complete(&mut self) {
        self.end = End::Complete;
    }

    /// The answer was cut, perhaps with a row of the error table for it.
    pub(crate) fn aborted(&mut self, Aborted { reason, code, limit }: Aborted) {
        self.end = End::Aborted(reason);
        self.error = code.map(|code| (code, String::new())).or(self.error.take());
        if let Some(limit) = limit {
            self.refused_by(limit);
        }
    }

    fn log(&self, logged: &LoggedRequest, now: Instant, aborted: Option<&'static str>) {
        let (code, cause) = match &self.error {
            Some((code, cause)) => {
                (Some(code.as_str()), Some(cause.as_str()).filter(|c| !c.is_empty()))
            }
            None => (None, None),
        };
        let connection = self.open.connection();
        // Behind a proxy: the client, and beside it who asked for it.
        let peer = connection.peer_text.as_str();
        let (client, peer) = match logged.client.as_deref() {
            Some(client) => (client, Some(peer)),
            None => (peer, None),
        };
        let line = AccessLine {
            request_id: logged.id.as_str(),
            client,
            peer,
            method: logged.method.as_str(),
            path: &logged.path,
            status: self.status.as_u16(),
            duration_us: u64::try_from((now - self.start).as_micros()).unwrap_or(u64::MAX),
            bytes: self.bytes,
            plugin: self.meter().name().plugin,
            app: self.app,
            code,
            cause,
            aborted,
        };
        connection.access.tell(connection.shard, &line, now.into_std());
    }
}

/// As much of a path as is told: written out it is no longer than this, however it is escaped.
fn beginning(path: &str) -> &str {
    if path.len() <= LOGGED_PATH && path.is_ascii() {
        return path;
    }
    let mut room = LOGGED_PATH;
    let fits = |c: char| {
        let left = room.checked_sub(c.escape_debug().map(char::len_utf8).sum());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut fits = fits;
    let end = path.char_indices().find(|(_, c)| !fits(*c)).map_or(path.len(), |(end, _)| end);
    &path[..end]
}

/// A method as it is told; one that no request may have is told as none.
fn logged_method(method: &Method) -> Method {
    if method.as_str().len() <= MAX_METHOD {
        return method.clone();
    }
    Method::from_bytes(b"-").unwrap_or_default()
}

/// The status on record while there is no answer; nobody receives it.
fn client_gone() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now - self.start;
        if let (End::Open, Some(ending)) = (&self.end, self.signal.take().and_then(|s| s.get())) {
            self.aborted(ending.into());
        }
        let aborted = match self.end {
            End::Aborted(reason) => Some(reason),
            End::Open if self.open.is_late(now) => Some("the client did not take it in time"),
            End::Open => Some("the client went away"),
            End::Complete => None,
        };
        self.open.connection().metrics.request_ended();
        let meter = self.meter();
        meter.answered(self.status, took, self.bytes);
        if let Some((code, _)) = &self.error {
            meter.failed(*code);
        }
        if aborted.is_some() {
            meter.cut();
        }
        if let Some(logged) = &self.logged {
            self.log(logged, now, aborted);
        }
        self.open.ended_at(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_client_names_makes_a_line_long() {
        for path in ["/a".repeat(20_000), "/\u{e000}".repeat(400), format!("/{}é", "a".repeat(510))]
        {
            let logged = beginning(&path).escape_debug().to_string();
            assert!((LOGGED_PATH - 8..=LOGGED_PATH).contains(&logged.len()), "{}", logged.len());
        }
        assert_eq!(beginning("/plugins/é"), "/plugins/é");
        assert_eq!(logged_method(&Method::from_bytes(&[b'M'; 4000]).unwrap()), "-");
        assert_eq!(logged_method(&Method::PATCH), Method::PATCH);
    }
}
