//! One event and one set of counts for each request, written when its last byte is gone.

use super::connection::{ClientConnection, OpenRequest};
use super::connection_requests::{Left, RequestHead};
use super::context::RequestContext;
use super::head::MAX_METHOD;
use super::listed_requests::found_route;
use super::stream::Aborted;
use crate::log::AccessLine;
use crate::metrics::{PolicyLimit, RouteMeter, RouteName};
use http::request::Parts;
use http::{Method, StatusCode};
use sidegate_model::clock::now_millis;
use sidegate_model::cors::CorsOptions;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::traffic::{EndedFacts, EndedRequest};
use sidegate_plugins::{EndSignal, Ending};
use sidegate_wire::ErrorCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is known of a request when its answer begins; reports itself when dropped.
pub(crate) struct RequestRecord {
    open: OpenRequest,
    start: Instant,
    /// `None` where it matched no route.
    meter: Option<Arc<RouteMeter>>,
    /// The app that called, if known.
    app: Option<u32>,
    /// Status of the answer; 499 until there is one.
    status: StatusCode,
    /// Code and internal text of the error, if it was one.
    pub error: Option<(ErrorCode, String)>,
    bytes: u64,
    end: End,
    signal: Option<Arc<EndSignal>>,
    /// The plugin that is asked, where its operator says which pages may read its answers.
    cors: Option<Arc<PluginSpec>>,
    /// That plugin is known, whatever its operator says.
    is_plugin_known: bool,
    /// Whether the log tells it.
    is_logged: bool,
    /// Its place among those that are open on its connection.
    place: usize,
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
        let is_logged = open.connection().access.is_on();
        let head = RequestHead {
            id: context.id.clone(),
            client: context.origin.client.clone(),
            method: logged_method(&head.method),
            path: beginning(head.uri.path()).into(),
            start: context.start,
        };
        let connection = open.connection();
        let number = context.edge.listed_requests(connection.shard).number();
        let place = connection.requests.enter(number, head, open.stream().cloned());
        Box::new(Self {
            start: context.start,
            is_logged,
            place,
            meter: None,
            app: None,
            status: client_gone(),
            error: None,
            bytes: 0,
            end: End::Open,
            signal: None,
            cors: None,
            is_plugin_known: false,
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

    /// The connection it came on, and its place there.
    pub(crate) fn place(&self) -> (&Arc<ClientConnection>, usize) {
        (self.open.connection(), self.place)
    }

    /// Its answer has this status.
    pub(crate) fn answers(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Its answer begins; heeds that an operator has ended it just before.
    pub(crate) fn begin_answer(&mut self) {
        let requests = &self.open.connection().requests;
        if !requests.answered(self.place, self.status, self.signal.as_ref()) {
            return;
        }
        match &self.signal {
            Some(signal) => _ = signal.send(Ending::ByOperator),
            None => self.must_end_by(Instant::now()),
        }
    }

    /// All is known of it that can be before it is asked: operators see it.
    pub(crate) fn settled(&self) {
        self.open.connection().requests.settled(self.place, self.meter.as_ref(), self.app);
    }

    /// It is known which app calls.
    pub(crate) fn called_by(&mut self, app: u32) {
        self.app = Some(app);
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

    /// Tells whoever watches requests end.
    fn tell_watchers(&self, head: &RequestHead, took: Duration, aborted: Option<&'static str>) {
        let (meter, connection) = (self.meter(), self.open.connection());
        let facts = EndedFacts {
            plugin: meter.name().plugin,
            app: self.app,
            status: self.status.as_u16(),
            path: head.path.as_str(),
            duration: took,
        };
        connection.access.tell_watchers(&facts, || EndedRequest {
            at: now_millis(),
            request_id: head.id.to_string(),
            client: head.client.as_deref().unwrap_or(&connection.peer_text).to_owned(),
            method: head.method.to_string(),
            path: head.path.as_str().to_owned(),
            route: found_route(meter),
            app: self.app,
            status: self.status.as_u16(),
            error_code: self.error.as_ref().map(|(code, _)| code.as_str().into()),
            aborted: aborted.map(Into::into),
            duration: took,
            bytes_out: self.bytes,
        });
    }

    fn log(&self, logged: &RequestHead, now: Instant, aborted: Option<&'static str>) {
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
            path: logged.path.as_str(),
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
        let connection = self.open.connection();
        let left = connection.requests.leave(self.place, &connection.deadlines);
        let is_told_to_end = left.as_ref().is_some_and(|left| left.is_told_to_end);
        if let (End::Open, Some(ending)) = (&self.end, self.signal.take().and_then(|s| s.get())) {
            self.aborted(ending.into());
        }
        let aborted = match self.end {
            End::Aborted(reason) => Some(reason),
            End::Open if is_told_to_end => Some(Ending::ByOperator.reason()),
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
        if let Some(Left { head, .. }) = &left {
            if self.is_logged {
                self.log(head, now, aborted);
            }
            if self.open.connection().access.is_watched() {
                self.tell_watchers(head, took, aborted);
            }
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
