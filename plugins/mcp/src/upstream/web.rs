//! What servers that are reached by HTTP have in common, whichever transport they speak over it.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder, Response};
use sidegate_sdk::{Error, Result};

use super::quiet::Quiet;
use super::reaching::{CONNECT, causes};
use crate::failure::Failure;
use crate::sse::{RawEvent, Reader};

pub(super) const EVENTS: &str = "text/event-stream";

/// Who asks a server.
#[derive(Clone)]
pub(super) struct Web {
    /// For all that has an end.
    pub(super) client: Client,
    /// For streams that may be silent for long.
    quiet: Arc<Quiet>,
}

impl Web {
    /// Sends these headers with each request. After so long without a byte it asks whether the other end is there.
    pub(super) fn new(headers: &BTreeMap<String, String>, keep_alive: Duration) -> Result<Self> {
        let headers = sent(headers)?;
        // Whoever is sent elsewhere takes the headers there.
        let client = Client::builder().redirect(Policy::none()).no_proxy();
        let client = client.connect_timeout(CONNECT).tcp_nodelay(true).tcp_keepalive(keep_alive);
        let client = client.default_headers(headers.clone()).build()?;
        Ok(Self { client, quiet: Arc::new(Quiet::new(headers, keep_alive)) })
    }

    /// Asks for a stream.
    pub(super) async fn open(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = request.build().map_err(|error| away(&error))?;
        match Quiet::takes(&request) {
            // What is needed up to then is not kept for as long as the stream is open.
            true => Box::pin(self.quiet.open(request)).await,
            false => self.client.execute(request).await.map_err(|error| away(&error)),
        }
    }
}

fn sent(headers: &BTreeMap<String, String>) -> Result<HeaderMap> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let no_header = |_| Error::new(format!("{name:?} is no header that can be sent"));
        let header = HeaderName::try_from(name).map_err(|_| no_header(()))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| no_header(()))?;
        value.set_sensitive(true);
        all.insert(header, value);
    }
    Ok(all)
}

/// What a response is said to be, without its parameters.
pub(super) fn kind_of(response: &Response) -> String {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// Events of a response, one by one.
pub(super) struct RawEvents {
    /// Without the head of the response, which holds all that was read with it.
    body: Body,
    reader: Reader,
    read: VecDeque<RawEvent>,
    most: usize,
}

impl RawEvents {
    /// Events of at most so many bytes.
    pub(super) fn new(response: Response, most: usize) -> Self {
        let body = http::Response::<Body>::from(response).into_body();
        Self { body, reader: Reader::new(most), read: VecDeque::new(), most }
    }

    pub(super) async fn next(&mut self) -> Result<Option<RawEvent>, Failure> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| broken(&error))?;
            // Trailers say nothing that an event could be made of.
            let Ok(piece) = frame.into_data() else { continue };
            let events = self.reader.read(&piece);
            self.read.extend(events.map_err(|_| Failure::TooLarge(self.most))?);
        }
    }
}

/// A request that got no response.
pub(super) fn away(error: &reqwest::Error) -> Failure {
    if error.is_timeout() { Failure::Slow } else { Failure::Away(causes(error.source())) }
}

/// A response that did not come to its end.
pub(super) fn broken(error: &reqwest::Error) -> Failure {
    Failure::Broken(causes(error.source()))
}
