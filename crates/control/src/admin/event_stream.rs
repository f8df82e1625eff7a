//! An answer that goes on: server-sent events whose data is JSON. What they are about is the business of who brings
//! them; here are a heart-beat, a bound on how many are open, and an end for readers that do not keep up, for tokens that
//! open nothing any more, and for a server that stops. Each end but the reader's own is told as an event `end`.

use super::auth::Caller;
use super::error::ApiError;
use super::state::{AdminState, MOST_EVENT_STREAMS};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use sidegate_api::error::ErrorCode;
use sidegate_api::event_stream::{END_EVENT, EVENT_STREAM_TYPE, StreamEnd};
use sidegate_model::role::Role;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two signs of life; the token is looked at again with each.
const HEART_BEAT: Duration = Duration::from_secs(15);
/// Events that wait for a reader, and how long it may take to make room for one more.
const MOST_WAITING: usize = 64;
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// How long a reader may take for what is still there at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The connection that a request came on, in its extensions.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// Whether the server stops.
    pub(super) ending: watch::Receiver<bool>,
    /// Cuts it.
    pub(super) cut: Arc<Notify>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event(Bytes);

impl Event {
    /// One of the usual kind.
    ///
    /// # Errors
    /// When this is nothing that JSON can say.
    pub(crate) fn new<T: Serialize>(data: &T) -> Result<Self, serde_json::Error> {
        Ok(Self(format!("data: {}\n\n", serde_json::to_string(data)?).into()))
    }

    /// One of another kind, which has a name.
    ///
    /// # Errors
    /// When this is nothing that JSON can say.
    pub(crate) fn named<T: Serialize>(
        name: &'static str,
        data: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self(format!("event: {name}\ndata: {}\n\n", serde_json::to_string(data)?).into()))
    }

    /// The last one.
    fn end(reason: &str) -> Self {
        // A text can always be said.
        Self::named(END_EVENT, &StreamEnd { reason: reason.to_owned() }).unwrap_or(Self::comment())
    }

    /// A sign of life, which clients pass over.
    fn comment() -> Self {
        Self(Bytes::from_static(b": \n\n"))
    }
}

/// Of all places so many are never taken by viewers, so that they keep nobody from the log of what is broken.
const KEPT_FROM_VIEWERS: usize = MOST_EVENT_STREAMS / 4;

/// A place for one more stream, for whoever asked for it. Handlers take it as they take a body.
pub(crate) struct EventReader {
    /// Tells why its token opens nothing any more, if so.
    barred: Box<dyn Fn() -> BoxFuture<'static, Option<&'static str>> + Send + Sync>,
    connection: Option<Connection>,
    place: OwnedSemaphorePermit,
}

impl FromRequestParts<AdminState> for EventReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let connection = parts.extensions.get::<Connection>().cloned();
        let is_for_others = caller.role() == Role::Viewer
            && state.event_streams.available_permits() <= KEPT_FROM_VIEWERS;
        let place = state.event_streams.clone().try_acquire_owned();
        let place = place.ok().filter(|_| !is_for_others).ok_or_else(|| {
            let detail = format!(
                "{MOST_EVENT_STREAMS} event streams are open here, which are the most: end one, or try again later"
            );
            ApiError::new(ErrorCode::Unavailable, detail)
        })?;
        let state = state.clone();
        let barred = move || {
            let (caller, state) = (caller.clone(), state.clone());
            Box::pin(async move { caller.barred(&state).await }) as BoxFuture<'static, _>
        };
        Ok(Self { barred: Box::new(barred), connection, place })
    }
}

impl EventReader {
    /// Answers with events for as long as there are some and somebody reads them. They are asked for no faster than
    /// they are read, and dropped with the reader.
    pub(crate) fn answer(self, events: impl Stream<Item = Event> + Send + 'static) -> Response {
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let (last, end) = oneshot::channel();
        let (is_read, read) = oneshot::channel::<()>();
        let pump = Pump { reader: self, sender, last, read };
        // It ends with the body: by itself, within LAST_WORDS, and the source is dropped at once.
        tokio::spawn(pump.run(events));
        let body = Reading { waiting, end: Some(end), _is_read: is_read };
        let body = Body::from_stream(stream::unfold(body, |mut body| async move {
            let piece = body.next().await?;
            Some((piece, body))
        }));
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM_TYPE));
        // Proxies are to pass on each event as it comes.
        headers.insert(BUFFERING, HeaderValue::from_static("no"));
        response
    }

    /// Resolves once the server stops.
    async fn stops(&self) {
        let Some(connection) = &self.connection else { return std::future::pending().await };
        let _ = connection.ending.clone().wait_for(|ending| *ending).await;
    }
}

/// What the connection reads.
struct Reading {
    waiting: mpsc::Receiver<Event>,
    end: Option<oneshot::Receiver<Event>>,
    /// Dropped with the body.
    _is_read: oneshot::Sender<()>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        if let Some(Event(bytes)) = self.waiting.recv().await {
            return Some(Ok(bytes));
        }
        let end = self.end.take()?.await;
        // Without an end it broke off, and must not look as if all was said.
        Some(end.map(|Event(bytes)| bytes).map_err(io::Error::other))
    }
}

/// Carries events from where they are made to where they are read.
struct Pump {
    reader: EventReader,
    sender: mpsc::Sender<Event>,
    last: oneshot::Sender<Event>,
    /// Ends with the body.
    read: oneshot::Receiver<()>,
}

impl Pump {
    async fn run(self, events: impl Stream<Item = Event> + Send) {
        let Self { reader, sender, last, read } = self;
        let Some(reason) = carry(&reader, &sender, events).await else { return };
        drop(sender);
        let _ = last.send(Event::end(reason));
        if timeout(LAST_WORDS, read).await.is_err()
            && let Some(connection) = &reader.connection
        {
            connection.cut.notify_one();
        }
        drop(reader.place);
    }
}

/// Carries events until there is a reason to end, or nobody reads any more.
async fn carry(
    reader: &EventReader,
    sender: &mpsc::Sender<Event>,
    events: impl Stream<Item = Event> + Send,
) -> Option<&'static str> {
    let mut events = pin!(events);
    let mut stops = pin!(reader.stops());
    // The first one comes at once, so that the reader knows that it is heard.
    let mut beats = interval(HEART_BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            biased;
            () = sender.closed() => return None,
            () = &mut stops => return Some("this process stops: connect again"),
            _ = beats.tick() => {
                if let Some(barred) = (reader.barred)().await {
                    return Some(barred);
                }
                Event::comment()
            }
            event = events.next() => match event {
                Some(event) => event,
                None => return Some("there is no more"),
            },
        };
        match timeout(STALLED_AFTER, sender.send(event)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some("read too slowly: connect again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    #[test]
    fn an_event_is_one_line_of_json_whatever_is_in_it() {
        let text = "a\nb\r\u{2028}\"c";
        let event = Event::new(&serde_json::json!({ "text": text })).unwrap();
        let told = String::from_utf8(event.0.to_vec()).unwrap();
        let data = told.strip_prefix("data: ").and_then(|told| told.strip_suffix("\n\n")).unwrap();
        assert!(!data.contains(['\n', '\r']));
        let read: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(read["text"], text);
        let named = Event::named("end", &1).unwrap();
        assert_eq!(named.0, "event: end\ndata: 1\n\n");
    }

    fn reader(barred: Option<&'static str>) -> (EventReader, Arc<Semaphore>) {
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().try_acquire_owned().unwrap();
        let barred = move || Box::pin(std::future::ready(barred)) as BoxFuture<'static, _>;
        (EventReader { barred: Box::new(barred), connection: None, place }, places)
    }

    fn endless() -> impl Stream<Item = Event> + Send + 'static {
        stream::repeat_with(|| Event::new(&"x".repeat(1000)).unwrap())
    }

    async fn rest(mut body: axum::body::BodyDataStream) -> String {
        let mut text = String::new();
        while let Some(piece) = body.next().await {
            text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_does_not_keep_up_is_cut_and_told_so_and_its_place_is_free_again() {
        let (reader, places) = reader(None);
        let mut body = reader.answer(endless()).into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), ": \n\n");
        tokio::time::advance(STALLED_AFTER / 2).await;
        // Whoever reads a little goes on.
        assert!(body.next().await.unwrap().unwrap().starts_with(b"data: "));
        assert_eq!(places.available_permits(), 0);
        tokio::time::advance(Duration::ZERO).await;
        let freed = tokio::time::timeout(Duration::from_secs(60), places.acquire()).await;
        assert!(freed.is_ok(), "nobody waits for it for long");
        let told = rest(body).await;
        let end = told.split_terminator("\n\n").last().unwrap();
        assert!(end.starts_with("event: end\n") && end.contains("too slowly"), "{end}");
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_sign_of_life_and_the_source_goes_with_the_reader() {
        let (reader, places) = reader(None);
        let mut body = reader.answer(stream::pending()).into_body().into_data_stream();
        let begun = tokio::time::Instant::now();
        for _ in 0..4 {
            assert_eq!(body.next().await.unwrap().unwrap(), ": \n\n");
        }
        let took = begun.elapsed();
        assert!(took >= HEART_BEAT * 3 && took < HEART_BEAT * 4, "{took:?}");
        drop(body);
        let freed = tokio::time::timeout(Duration::from_secs(1), places.acquire()).await;
        assert!(freed.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_opens_nothing_any_more_ends_its_streams() {
        let (reader, _) = reader(Some("the admin token was revoked"));
        let told = rest(reader.answer(stream::pending()).into_body().into_data_stream()).await;
        assert!(told.starts_with("event: end\n") && told.contains("revoked"), "{told}");
    }
}
