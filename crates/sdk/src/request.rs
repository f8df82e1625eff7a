//! A request as a handler sees it. Knows the message it came in, not how it is answered.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use sidegate_transport::codec::{Context, ReceivedRequest, Text};
use sidegate_wire::plugin::App;

use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::host::Host;
use crate::query;

/// An HTTP request for this plugin. The whole body is there already.
///
/// In tests, [`Request::builder`] makes one.
#[derive(Clone)]
pub struct Request {
    // Handlers keep it in their futures, which are moved around: small in them, whatever it holds.
    arrived: Box<Arrived>,
}

#[derive(Clone)]
struct Arrived {
    message: ReceivedRequest,
    headers: Headers,
    plugin_host: Host,
}

impl Request {
    /// A request that came from this host.
    pub(crate) fn new(mut message: ReceivedRequest, plugin_host: Host) -> Self {
        let headers = Headers::received(std::mem::take(&mut message.headers));
        Self { arrived: Box::new(Arrived { message, headers, plugin_host }) }
    }

    /// The method in upper case. A `HEAD` that a `GET` endpoint serves arrives as `GET`.
    pub fn method(&self) -> &str {
        &self.arrived.message.method
    }

    /// The decoded path with the mount: `/plugins/{slug}/users/5`.
    pub fn path(&self) -> &str {
        &self.arrived.message.path
    }

    /// The path as the client sent it, still percent-encoded. From a host that does not send it,
    /// the decoded path.
    pub fn raw_path(&self) -> &[u8] {
        match self.arrived.message.raw_path.as_ref() {
            b"" => self.arrived.message.path.as_bytes(),
            raw => raw,
        }
    }

    /// The decoded path below the mount: `/users/5`, and `/` at the mount itself.
    pub fn relative_path(&self) -> &str {
        &self.arrived.message.relative_path
    }

    /// The segments below the mount: `["users", "5"]`, and none at the mount itself. A `%2F` in
    /// the path is part of a segment.
    ///
    /// ```
    /// # use sidegate_sdk::Request;
    /// # let req = Request::builder().path("/users/5").build();
    /// match req.segments() {
    ///     [] => println!("the mount itself"),
    ///     [users, id] if users == "users" => println!("user {id}"),
    ///     _ => println!("something else"),
    /// }
    /// ```
    pub fn segments(&self) -> &[String] {
        &self.arrived.message.path_segments
    }

    /// The first value of a header, in any letter case; `None` where it is missing or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.arrived.headers.get(name)
    }

    /// Every header, in order, repeated ones included. A host without this ability sends the
    /// first value of each only, in no order; then they are sorted by name.
    pub fn headers(&self) -> &Headers {
        &self.arrived.headers
    }

    /// The whole body; the gateway bounds its size before the plugin sees it.
    pub fn body(&self) -> &Bytes {
        &self.arrived.message.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// A public 400 when the body is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(self.body())
            .map_err(|_| Error::public(400, "the body is not UTF-8 text"))
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// A public 400 that says where the JSON is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.body()).map_err(|error| {
            Error::public(400, format!("the body is not the expected JSON: {error}"))
        })
    }

    /// The query as the client sent it, without the question mark.
    pub fn query_string(&self) -> &str {
        &self.arrived.message.query_string
    }

    /// The first value of a query parameter, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Every query parameter, decoded, in order.
    pub fn query_pairs(&self) -> impl Iterator<Item = (String, String)> {
        query::pairs(&self.arrived.message.query_string)
    }

    /// The client's address, without a port.
    pub fn remote_addr(&self) -> &str {
        &self.arrived.message.remote_addr
    }

    /// The host that runs this plugin, to be asked: `req.plugin_host().kv()`. No host answers
    /// where the request was made by [`Request::builder`] and not sent through one.
    pub fn plugin_host(&self) -> &Host {
        &self.arrived.plugin_host
    }

    /// The name of the host that the client asked, with its port if it named one.
    pub fn host(&self) -> &str {
        &self.arrived.message.host
    }

    /// How the client came to the gateway, or to the trusted proxy in front of it: `https` or
    /// `http`. With [`Request::host`] it makes the addresses under which the client knows this plugin.
    pub fn scheme(&self) -> &str {
        self.metadata("scheme").unwrap_or("http")
    }

    /// The protocol; always `http`, see [`Request::scheme`].
    pub fn protocol(&self) -> &str {
        &self.arrived.message.protocol
    }

    /// The id under which host and client know this request.
    pub fn request_id(&self) -> &str {
        self.context().map_or("", |context| &context.request_id)
    }

    /// A fact the host added to the request.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        std::str::from_utf8(self.context()?.metadata.get(key)?).ok()
    }

    /// The edge that took the request.
    pub fn edge_id(&self) -> Option<&str> {
        self.metadata("edge_id")
    }

    /// The namespace of the edge that took the request.
    pub fn edge_namespace(&self) -> Option<&str> {
        self.metadata("edge_namespace")
    }

    /// The W3C trace context of the request.
    pub fn traceparent(&self) -> Option<&str> {
        let traced = self.context().and_then(|context| context.trace_context.get("traceparent"));
        let traced = traced.and_then(|value| std::str::from_utf8(value).ok());
        traced.or_else(|| self.header("traceparent"))
    }

    /// Whether the gateway checked a token and found it valid.
    pub fn authenticated(&self) -> bool {
        self.arrived.message.authenticated
    }

    /// The app the token belongs to; `None` for anonymous callers.
    pub fn app(&self) -> Option<&App> {
        self.arrived.message.app.as_ref()
    }

    /// The scopes of the token; empty for anonymous callers.
    pub fn scopes(&self) -> &[String] {
        &self.arrived.message.scopes
    }

    /// Whether the token has a scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.arrived.message.scopes.iter().any(|known| known == scope)
    }

    /// The id, in the memory of the message.
    pub(crate) fn shared_id(&self) -> Text {
        self.context().map(|context| context.request_id.clone()).unwrap_or_default()
    }

    fn context(&self) -> Option<&Context> {
        self.arrived.message.context.as_ref()
    }
}

/// What a log may hold: no body, no query, no header values.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("request_id", &self.request_id())
            .field("headers", &self.arrived.headers)
            .field("body_len", &self.body().len())
            .finish_non_exhaustive()
    }
}
