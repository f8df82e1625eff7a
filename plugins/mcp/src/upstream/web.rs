//! What servers that are reached by HTTP have in common, whichever transport they speak over it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use http_body_util::BodyExt as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, ClientBuilder, Response};
use sidegate_sdk::{Error, Result};

use crate::failure::Failure;
use crate::sse::{RawEvent, Reader};

const CONNECT: Duration = Duration::from_secs(5);
pub(super) const EVENTS: &str = "text/event-stream";

/// A client that sends these headers with each request.
pub(super) fn client(headers: &BTreeMap<String, String>) -> Result<ClientBuilder> {
    let mut own = HeaderMap::new();
    for (name, value) in headers {
        let no_header = |_| Error::new(format!("{name:?} is no header that can be sent"));
        let header = HeaderName::try_from(name).map_err(|_| no_header(()))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| no_header(()))?;
        value.set_sensitive(true);
        own.insert(header, value);
    }
    // Whoever is sent elsewhere takes the headers there.
    let client = Client::builder().redirect(Policy::none()).no_proxy().default_headers(own);
    Ok(client.connect_timeout(CONNECT).tcp_nodelay(true))
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
    if error.is_timeout() { Failure::Slow } else { Failure::Away(causes(error)) }
}

/// A response that did not come to its end.
pub(super) fn broken(error: &reqwest::Error) -> Failure {
    Failure::Broken(causes(error))
}

/// An error with its causes, without the address, in which there may be a secret.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "the connection failed".to_owned() } else { text }
}
