//! A whole answer, or the head of a streamed one. Knows the messages it becomes.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;
use sidegate_transport::codec::{AnswerParts, ChunkParts, Encoded, TooLarge};
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;

use crate::error::Public;
use crate::headers::Headers;

/// An HTTP response: a status, headers that may repeat, and a body.
///
/// ```
/// use sidegate_sdk::Response;
///
/// let res = Response::text("made")
///     .with_status(201)
///     .header("Set-Cookie", "a=1")
///     .header("Set-Cookie", "b=2");
/// assert_eq!(res.status(), 201);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a response does nothing until a handler returns it"]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Bytes,
    error: Option<String>,
}

impl Response {
    /// An answer with this status, without headers or body. A status outside 100..=999 is logged
    /// and becomes 500.
    pub fn new(status: u16) -> Self {
        Self::default().with_status(status)
    }

    /// Text with status 200, as `text/plain` in UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Self::with_type("text/plain; charset=utf-8", Bytes::from(text.into()))
    }

    /// A page with status 200, as `text/html` in UTF-8. What stands in it is not escaped.
    pub fn html(html: impl Into<String>) -> Self {
        Self::with_type("text/html; charset=utf-8", Bytes::from(html.into()))
    }

    /// JSON. A value that JSON cannot express (a map with keys that are no text) is logged and
    /// becomes an error with status 500.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Self::with_type("application/json", json.into()),
            Err(error) => {
                tracing::error!(%error, "a response cannot be written as JSON");
                Self::error(500, "the response could not be written")
            }
        }
    }

    /// Bytes of no particular kind; name the kind with `header("Content-Type", …)`.
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self::default().with_body(body)
    }

    /// Status 204, which has no body.
    pub fn empty() -> Self {
        Self::new(204)
    }

    /// Sends the client elsewhere (302); `with_status` makes it another kind of redirect.
    pub fn redirect(location: &str) -> Self {
        Self::new(302).header("Location", location)
    }

    /// The head of a stream of server-sent events.
    pub fn event_stream() -> Self {
        Self::new(200)
            .header("Content-Type", "text/event-stream")
            .header("Cache-Control", "no-cache")
    }

    /// An error in the gateway's own shape: a JSON body with this public text. Headers and body
    /// set on it are not sent.
    pub fn error(status: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        let text = if text.is_empty() { "the plugin reported an error".to_owned() } else { text };
        Self { error: Some(text), ..Self::new(status) }
    }

    /// The same with another status; one outside 100..=999 is logged and becomes 500.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = if (100..=999).contains(&status) {
            status
        } else {
            tracing::warn!(status, "a response has no valid status; 500 is sent");
            500
        };
        self
    }

    /// The same with another body; headers stay as they are, the content type among them.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header; the same name may come again. A header that would break the message (a line
    /// break in its value, say) is logged and left out.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Err(error) = self.headers.append(name, value.as_ref()) {
            tracing::warn!(header = name, %error, "a response header is left out");
        }
        self
    }

    /// Sets a header in place of all others of that name.
    pub fn replace_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.remove(name);
        self.header(name, value)
    }

    /// The HTTP status, from 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers in the order in which they were added.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The whole body, without that of [`Response::error`], which the gateway writes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The public text of an answer made by [`Response::error`].
    pub fn error_text(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn with_type(content_type: &str, body: Bytes) -> Self {
        Self::bytes(body).header("Content-Type", content_type)
    }

    /// The message for a host that reads headers as a list, or for one that knows only the map.
    pub(crate) fn encode(self, header_list: bool) -> Result<Encoded, TooLarge> {
        let map = if header_list { HashMap::new() } else { self.headers.to_map() };
        let list = header_list.then(|| self.headers.iter()).into_iter().flatten();
        let parts = AnswerParts {
            status_code: i32::from(self.status),
            header_list: list,
            headers: map.iter().map(pair),
            body: self.body.clone(),
            error_message: self.error.as_deref().unwrap_or_default(),
        };
        parts.encode()
    }

    /// The first chunk of a stream, without the body.
    pub(crate) fn encode_head(&self, header_list: bool) -> Result<Encoded, TooLarge> {
        let map = if header_list { HashMap::new() } else { self.headers.to_map() };
        let list = header_list.then(|| self.headers.iter()).into_iter().flatten();
        let parts = ChunkParts {
            kind: ChunkType::Headers,
            status_code: i32::from(self.status),
            header_list: list,
            headers: map.iter().map(pair),
            data: Bytes::new(),
            error_message: "",
        };
        parts.encode()
    }
}

fn pair<'a>((name, value): (&'a String, &'a String)) -> (&'a str, &'a str) {
    (name, value)
}

/// 200, without headers or body.
impl Default for Response {
    fn default() -> Self {
        Self { status: 200, headers: Headers::default(), body: Bytes::new(), error: None }
    }
}

impl From<Public> for Response {
    fn from(public: Public) -> Self {
        Self::error(public.status, public.text)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use sidegate_wire::plugin::EndpointResponse;

    use super::*;

    fn wire(response: Response, header_list: bool) -> EndpointResponse {
        let Encoded { head, body } = response.encode(header_list).unwrap();
        EndpointResponse::decode([&head[5..], &body].concat().as_slice()).unwrap()
    }

    #[test]
    fn a_host_that_knows_the_list_gets_nothing_else() {
        let res = Response::empty().header("Set-Cookie", "a").header("Set-Cookie", "b");
        let message = wire(res.clone(), true);
        assert!(message.headers.is_empty());
        assert_eq!(message.header_list.len(), 2);
        let message = wire(res, false);
        assert_eq!(message.headers["Set-Cookie"], "a");
        assert!(message.header_list.is_empty());
    }

    #[test]
    fn what_cannot_be_sent_is_left_out_and_nothing_panics() {
        let res =
            Response::new(0).header("X-Bad", "a\nb").header("bad name", "x").header("ok", "1");
        assert_eq!(res.status(), 500);
        assert_eq!(res.headers().len(), 1);
        let keys = HashMap::from([((1, 2), 3)]);
        assert_eq!(Response::json(&keys).status(), 500);
    }

    #[test]
    fn an_error_always_has_a_text_for_without_one_it_would_be_a_success() {
        assert!(!wire(Response::error(400, ""), true).error_message.is_empty());
    }
}
