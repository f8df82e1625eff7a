//! A server that is reached by Streamable HTTP: the protocol since 2025-03-26.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sidegate_sdk::Result;
use url::Url;

use super::Link;
use super::web::{EVENTS, RawEvents, Web, away, broken, kind_of};
use crate::era::headers;
use crate::failure::Failure;
use crate::message::Message;
use crate::reply::{Content, Event, Events, Reply};
use crate::sse::RawEvent;

/// Both kinds of answers that the protocol has.
pub(crate) const BOTH: &str = "application/json, text/event-stream";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const TRACE: HeaderName = HeaderName::from_static("traceparent");
/// After so long without a byte, a server is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a refusal says is for people.
const REFUSAL_BYTES: usize = 64 * 1024;

/// A server at an address.
pub(crate) struct HttpServer {
    web: Web,
    url: Url,
    most: usize,
}

impl HttpServer {
    /// A server that gets these headers with each message and is believed messages of at most so many bytes.
    pub(crate) fn new(url: Url, headers: &BTreeMap<String, String>, most: usize) -> Result<Self> {
        Ok(Self { web: Web::new(headers, KEEP_ALIVE)?, url, most })
    }

    /// Gives a message to the server.
    pub(crate) async fn post(&self, link: &Link, message: &Message) -> Result<Reply, Failure> {
        let accept = link.accept.as_deref().unwrap_or(BOTH);
        let request = self.request(Method::POST, link, accept);
        let request = repeat(request, link, message);
        let request = request.header(CONTENT_TYPE, "application/json").body(message.to_json());
        self.reply(send(request).await?).await
    }

    /// Listens for what the server has to say by itself.
    pub(crate) async fn listen(&self, link: &Link) -> Result<Reply, Failure> {
        let accept = link.accept.as_deref().unwrap_or(EVENTS);
        self.reply(self.web.open(self.request(Method::GET, link, accept)).await?).await
    }

    /// Ends the session.
    pub(crate) async fn end(&self, link: &Link) -> Result<Reply, Failure> {
        self.reply(send(self.request(Method::DELETE, link, BOTH)).await?).await
    }

    fn request(&self, method: Method, link: &Link, accept: &str) -> RequestBuilder {
        let mut request = self.web.client.request(method, self.url.clone()).header(ACCEPT, accept);
        for (name, value) in [
            (SESSION, &link.session),
            (VERSION, &link.version),
            (LAST_EVENT, &link.last_event_id),
            (TRACE, &link.traceparent),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    async fn reply(&self, response: Response) -> Result<Reply, Failure> {
        let header = |name: HeaderName| response.headers().get(name)?.to_str().ok();
        let session = header(SESSION).map(str::to_owned);
        let kind = kind_of(&response);
        let content = match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Content::Accepted,
            StatusCode::OK if kind == EVENTS => Content::Events(self.events(response)),
            StatusCode::OK => {
                let body = body(response, self.most).await?;
                match body.iter().all(u8::is_ascii_whitespace) {
                    true => Content::Accepted,
                    false => Content::One(message(&body)?),
                }
            }
            status => refused(status, response).await?,
        };
        Ok(Reply { session, presented: None, content })
    }

    fn events(&self, response: Response) -> Events {
        let raw = RawEvents::new(response, self.most);
        Box::pin(stream::try_unfold(raw, |mut raw| async move {
            let Some(event) = raw.next().await? else { return Ok(None) };
            Ok(Some((from_raw(event)?, raw)))
        }))
    }
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| away(&error))
}

/// Repeats in headers what the body says, where the era wants it.
fn repeat(mut request: RequestBuilder, link: &Link, message: &Message) -> RequestBuilder {
    let (Message::Request { method, params, .. } | Message::Notification { method, params }) =
        message
    else {
        return request;
    };
    if !link.stateless {
        return request;
    }
    request = request.header(METHOD, method);
    if let Some(name) = headers::name_of(method, params.as_ref()) {
        request = request.header(NAME, headers::encode(&name));
    }
    for (name, value) in &link.repeated {
        request = request.header(name, value);
    }
    request
}

fn from_raw(raw: RawEvent) -> Result<Event, Failure> {
    let message = match raw.data.trim() {
        "" => None,
        data => Some(message(data.as_bytes())?),
    };
    Ok(Event { id: raw.id, retry: raw.retry, message })
}

fn message(bytes: &[u8]) -> Result<Message, Failure> {
    Message::parse(bytes).map_err(|why| Failure::Broken(format!("no message: {}", why.text)))
}

/// What the client can do something about is told as it is; all else is between the server and this plugin.
async fn refused(status: StatusCode, response: Response) -> Result<Content, Failure> {
    match status.as_u16() {
        status @ (400 | 404 | 405 | 406 | 409 | 413 | 415 | 422 | 429) => {
            let body = body(response, REFUSAL_BYTES).await.unwrap_or_default();
            Ok(Content::Refused(status, Message::parse(&body).ok()))
        }
        status @ (401 | 403 | 407) => Err(Failure::Unauthorized(status)),
        status => Err(Failure::Broken(format!("HTTP status {status}"))),
    }
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    loop {
        let piece = response.chunk().await;
        match piece.map_err(|error| broken(&error))? {
            Some(piece) if all.len() + piece.len() > most => return Err(Failure::TooLarge(most)),
            Some(piece) => all.extend_from_slice(&piece),
            None => return Ok(all),
        }
    }
}
