//! Makes requests for tests, filled as a gateway fills them.
//!
//! Knows both spellings of headers and of paths that a gateway sends; knows no transport.

use bytes::Bytes;
use prost::Message as _;
use serde::Serialize;
use sidegate_transport::codec::ReceivedRequest;
use sidegate_wire::plugin::{App, EndpointRequest, HeaderField, PluginContext};

use crate::headers::Headers;
use crate::host::Host;
use crate::query;
use crate::request::Request;

/// The slug of a request that was built without a host.
pub(crate) const DEFAULT_SLUG: &str = "test";

/// A request in the making; see [`Request::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built or sent"]
pub struct RequestBuilder {
    method: String,
    target: String,
    headers: Headers,
    body: Bytes,
    message: EndpointRequest,
}

impl std::fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.target.split('?').next();
        f.debug_struct("RequestBuilder")
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Starts a request for a test: `GET /`, without headers, body or caller.
    ///
    /// ```
    /// use sidegate_sdk::Request;
    ///
    /// let req = Request::builder().method("POST").path("/a%2Fb/c?x=1").body("hi").build();
    /// assert_eq!(req.path(), "/plugins/test/a/b/c");
    /// assert_eq!(req.segments(), ["a/b", "c"]);
    /// assert_eq!(req.query("x").as_deref(), Some("1"));
    /// ```
    pub fn builder() -> RequestBuilder {
        RequestBuilder {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            headers: Headers::default(),
            body: Bytes::new(),
            message: EndpointRequest {
                remote_addr: "127.0.0.1".to_owned(),
                host: "localhost".to_owned(),
                protocol: "http".to_owned(),
                context: Some(PluginContext {
                    request_id: "req_test".to_owned(),
                    ..PluginContext::default()
                }),
                ..EndpointRequest::default()
            },
        }
    }
}

impl RequestBuilder {
    /// The method, in any letter case; `GET` unless it is named.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_ascii_uppercase();
        self
    }

    /// The path below the mount, percent-encoded as a client sends it, with the query if any.
    pub fn path(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// Adds a header; the same name may come again.
    ///
    /// # Panics
    /// On a header that no client can send.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, value.as_ref()).expect("a header that can be sent");
        self
    }

    /// The whole body; no content type comes with it.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body, with its content type.
    ///
    /// # Panics
    /// On a value that JSON cannot express.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("a value that JSON can express");
        self.header("Content-Type", "application/json").body(body)
    }

    /// The caller: the request counts as authenticated.
    pub fn app(mut self, app: App) -> Self {
        self.message.authenticated = true;
        self.message.app = Some(app);
        self
    }

    /// The scopes of the caller's token.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.message.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The client's IP address, without a port.
    pub fn remote_addr(mut self, address: &str) -> Self {
        address.clone_into(&mut self.message.remote_addr);
        self
    }

    /// The id of the request; `req_test` unless it is named.
    pub fn request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.context().request_id);
        self
    }

    /// Adds a fact of the host, such as `edge_id`.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.context().metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The finished request, as if the plugin were mounted at `test`.
    pub fn build(self) -> Request {
        received(&self.into_wire(DEFAULT_SLUG, true))
    }

    /// The message of a host; one without extensions sends neither the raw path nor the list.
    pub(crate) fn into_wire(self, slug: &str, extensions: bool) -> EndpointRequest {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let raw = format!("/plugins/{slug}{path}");
        let inner = path.trim_matches('/');
        let relative = query::decode(path);
        let mut message = EndpointRequest {
            method: self.method,
            path: query::decode(&raw),
            relative_path: if relative.is_empty() { "/".to_owned() } else { relative },
            path_segments: match inner {
                "" => Vec::new(),
                _ => inner.split('/').map(query::decode).collect(),
            },
            headers: self.headers.to_map(),
            query_string: query.to_owned(),
            body: self.body,
            ..self.message
        };
        if extensions {
            message.headers.clear();
            message.header_list = list(&self.headers);
            message.raw_path = raw.into();
        }
        message
    }

    fn context(&mut self) -> &mut PluginContext {
        self.message.context.get_or_insert_with(PluginContext::default)
    }
}

/// The request that comes out at the plugin's end, with no host behind it.
fn received(message: &EndpointRequest) -> Request {
    let message = Bytes::from(message.encode_to_vec());
    let message = ReceivedRequest::decode(&message).expect("what was just written can be read");
    Request::new(message, Host::default())
}

/// Names in the list as HTTP/2 spells them, so that plugins learn not to rely on letter case.
fn list(headers: &Headers) -> Vec<HeaderField> {
    let field = |(name, value): (&str, &[u8])| HeaderField {
        name: name.to_ascii_lowercase(),
        value: Bytes::copy_from_slice(value),
    };
    headers.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_extensions_sends_canonical_names_and_no_raw_path() {
        let builder = Request::builder().path("/x%20y?q=1").header("x-a", "1").header("X-A", "2");
        let message = builder.into_wire("s", false);
        assert_eq!(message.headers["X-A"], "1, 2");
        assert!(message.header_list.is_empty() && message.raw_path.is_empty());
        let req = received(&message);
        assert_eq!(req.raw_path(), b"/plugins/s/x y");
        assert_eq!(req.header("x-a"), Some("1, 2"));
    }

    #[test]
    fn the_caller_and_the_context_reach_the_request() {
        let app = App { name: "a".to_owned(), ..App::default() };
        let req = Request::builder()
            .app(app)
            .scopes(["read"])
            .request_id("r1")
            .metadata("edge_id", "e1")
            .header("Traceparent", "00-1")
            .build();
        assert!(req.authenticated() && req.has_scope("read") && !req.has_scope("write"));
        assert_eq!(req.app().map(|app| app.name.as_str()), Some("a"));
        assert_eq!((req.request_id(), req.edge_id()), ("r1", Some("e1")));
        assert_eq!(req.traceparent(), Some("00-1"));
    }

    #[test]
    fn debug_output_holds_neither_body_nor_query_nor_values() {
        let builder = Request::builder().path("/?token=s3cret").header("Authorization", "s3cret");
        let text = format!("{:?}", builder.body("s3cret").build());
        assert!(!text.contains("s3cret"), "{text}");
    }
}
