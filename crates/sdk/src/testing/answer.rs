//! What a plugin answered, as a client of a gateway would see it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde_json::json;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use sidegate_wire::plugin::{EndpointResponse, EndpointResponseChunk, HeaderField};
use tonic::{Code, Status, Streaming};

use crate::headers::Headers;

/// How long a test waits for anything before it fails.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

type HeaderMap = std::collections::HashMap<String, String>;

/// A whole answer. Where the plugin failed, the status is the one a gateway sends (502, or 504 for
/// a handler that took too long).
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Headers,
    body: Bytes,
    failure: Option<String>,
}

impl Answer {
    pub(super) fn new(outcome: Result<EndpointResponse, Status>) -> Self {
        match outcome {
            Ok(message) if message.error_message.is_empty() => Self {
                status: status(message.status_code, 200),
                headers: headers(message.header_list, message.headers),
                body: message.body,
                failure: None,
            },
            Ok(message) => Self::error(status(message.status_code, 500), &message.error_message),
            Err(failure) => Self::failed(&failure),
        }
    }

    fn failed(failure: &Status) -> Self {
        let status = if failure.code() == Code::DeadlineExceeded { 504 } else { 502 };
        let failure = Some(format!("{:?}: {}", failure.code(), failure.message()));
        Self { failure, ..Self::error(status, "the plugin failed") }
    }

    fn error(status: u16, text: &str) -> Self {
        let body = json!({ "error": text }).to_string().into();
        Self { status, headers: Headers::default(), body, failure: None }
    }

    /// The HTTP status that the client gets.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers of the plugin, in the order in which it sent them.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The whole body that the client gets.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is no text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body that is text")
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it is not the expected JSON.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in the body {:?}", self.body),
        }
    }

    /// What the host was told when the plugin failed; no client sees it.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

/// How a stream ended, which decides whether the client takes it for whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The plugin said that it is complete.
    Done,
    /// The plugin said that it is not; the text is not for clients.
    Error(String),
    /// It broke off without a word of the plugin; the text says how.
    Broken(String),
}

/// A streamed answer, of which the head is there. Dropping it is what a client does that goes away.
#[derive(Debug)]
pub struct AnswerStream {
    head: Answer,
    chunks: Option<Streaming<EndpointResponseChunk>>,
    end: Option<End>,
}

impl AnswerStream {
    /// Waits for the head.
    pub(super) async fn open(opened: Result<Streaming<EndpointResponseChunk>, Status>) -> Self {
        let mut chunks = match opened {
            Ok(chunks) => chunks,
            Err(failure) => return Self::failed(&failure),
        };
        match receive(&mut chunks).await {
            Ok(Some(chunk)) if chunk.r#type() == ChunkType::Headers => {
                let head = EndpointResponse {
                    status_code: chunk.status_code,
                    headers: chunk.headers,
                    header_list: chunk.header_list,
                    ..Default::default()
                };
                Self { head: Answer::new(Ok(head)), chunks: Some(chunks), end: None }
            }
            Ok(Some(chunk)) if chunk.r#type() == ChunkType::Error => Self {
                head: Answer::error(status(chunk.status_code, 500), &chunk.error_message),
                chunks: None,
                end: Some(End::Error(chunk.error_message)),
            },
            Ok(chunk) => Self::failed(&Status::internal(format!("no head but {chunk:?}"))),
            Err(failure) => Self::failed(&failure),
        }
    }

    fn failed(failure: &Status) -> Self {
        let end = End::Broken(failure.message().to_owned());
        Self { head: Answer::failed(failure), chunks: None, end: Some(end) }
    }

    /// The HTTP status, which is known before the first piece.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Status and headers; the body of it is that of an error, or empty.
    pub fn head(&self) -> &Answer {
        &self.head
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The next piece, as the plugin sent it; `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        let chunks = self.chunks.as_mut()?;
        let end = match receive(chunks).await {
            Ok(Some(chunk)) => match chunk.r#type() {
                ChunkType::Body => return Some(chunk.data),
                ChunkType::Done => End::Done,
                ChunkType::Error => End::Error(chunk.error_message),
                ChunkType::Headers => End::Broken("a second head".to_owned()),
            },
            Ok(None) => End::Broken("neither DONE nor ERROR".to_owned()),
            Err(failure) => End::Broken(failure.message().to_owned()),
        };
        self.chunks = None;
        self.end = Some(end);
        None
    }

    /// All pieces that are still to come, as one; [`Self::end`] says whether they are whole.
    pub async fn rest(&mut self) -> Bytes {
        let mut rest = BytesMut::new();
        while let Some(piece) = self.next().await {
            rest.extend_from_slice(&piece);
        }
        rest.freeze()
    }

    /// How the stream ended, once [`next`](Self::next) gave `None`.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}

async fn receive(
    chunks: &mut Streaming<EndpointResponseChunk>,
) -> Result<Option<EndpointResponseChunk>, Status> {
    let next = tokio::time::timeout(DEADLINE, chunks.message()).await;
    next.unwrap_or_else(|_| Err(Status::deadline_exceeded("no piece came in time")))
}

fn headers(list: Vec<HeaderField>, map: HeaderMap) -> Headers {
    if !list.is_empty() {
        return Headers::of(list.into_iter().map(|field| (field.name, field.value)).collect());
    }
    let mut fields: Vec<_> = map.into_iter().map(|(name, text)| (name, text.into())).collect();
    fields.sort();
    Headers::of(fields)
}

fn status(code: i32, default: u16) -> u16 {
    match u16::try_from(code) {
        Ok(0) => default,
        Ok(code) => code,
        Err(_) => 502,
    }
}
