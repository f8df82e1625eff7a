//! From a failure to what the client sees of it: one body shape, one header that tells who failed.

mod causes;

pub(crate) use causes::allow_value;

use super::body::EdgeBody;
use super::rejected_request::RejectedRequest;
use crate::identity::unidentified::Awaited;
use crate::metrics::PolicyLimit;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use sidegate_wire::ErrorCode;
use std::borrow::Cow;

/// Tells who failed: `client`, `gateway` or `plugin`.
pub(crate) const ERROR_SOURCE: HeaderName = HeaderName::from_static("x-sidegate-error");

/// A request that gets an error for an answer.
#[derive(Debug)]
pub(crate) struct EdgeError {
    /// Which row of the error table.
    pub code: ErrorCode,
    /// Text for the client.
    pub public: Cow<'static, str>,
    /// Text for the log.
    pub internal: Cow<'static, str>,
    /// A status that replaces the table's.
    pub status: Option<StatusCode>,
    /// The limit that was exceeded, where an operator has set it.
    pub limit: Option<PolicyLimit>,
    /// What has to be there before it can be decided on who asks.
    pub awaits: Option<Awaited>,
    /// Further headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    code: &'static str,
    request_id: &'a str,
}

impl EdgeError {
    /// An error with the table's own text.
    fn new(code: ErrorCode) -> Self {
        Self::public(code, code.public_message())
    }

    /// An error with a better public text.
    fn public(code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            public: text.into(),
            internal: Cow::Borrowed(""),
            status: None,
            limit: None,
            awaits: None,
            headers: Vec::new(),
        }
    }

    /// Adds what only the log may say.
    #[must_use]
    fn because(mut self, internal: impl Into<Cow<'static, str>>) -> Self {
        self.internal = internal.into();
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// It is this limit that was exceeded.
    #[must_use]
    pub(crate) fn by_limit(mut self, limit: PolicyLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The plugin's own public error.
    fn reported(status: Option<StatusCode>, text: String) -> Self {
        let mut error = Self::new(ErrorCode::PluginReported);
        if !text.is_empty() {
            error.public = Cow::Owned(text);
        }
        error.status = status;
        error
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        let of_table = StatusCode::from_u16(self.code.http_status());
        self.status.unwrap_or(of_table.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// The answer.
    pub(crate) fn into_response(self, request_id: &str) -> Response<EdgeBody> {
        let status = self.status();
        let body = body(self.code, &self.public, request_id);
        let mut response = Response::new(EdgeBody::full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_SOURCE, HeaderValue::from_static(self.code.source().as_str()));
        if let Some(seconds) = self.code.retry_after_seconds() {
            headers.entry(header::RETRY_AFTER).or_insert_with(|| seconds.into());
        }
        response
    }
}

fn body(code: ErrorCode, text: &str, request_id: &str) -> Bytes {
    let body = Body { error: text, code: code.as_str(), request_id };
    serde_json::to_vec(&body).unwrap_or_default().into()
}

/// A whole HTTP/1.1 answer to a message that never became a request.
pub(crate) fn raw_response(rejected: RejectedRequest, request_id: &str) -> Vec<u8> {
    let body = body(rejected.code, rejected.message, request_id);
    let status =
        StatusCode::from_u16(rejected.code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = status.canonical_reason().unwrap_or("Refused");
    let mut answer = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\nDate: {}\r\nX-Request-ID: {request_id}\r\nX-Sidegate-Error: {}\r\n\r\n",
        status.as_u16(),
        body.len(),
        http_date(jiff::Timestamp::now()),
        rejected.code.source(),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}

/// A moment as HTTP writes it.
fn http_date(moment: jiff::Timestamp) -> String {
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&moment);
    // It fails for years that no clock shows.
    text.unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    #[test]
    fn internal_text_never_reaches_the_client() {
        for code in ErrorCode::ALL {
            let error = EdgeError::new(*code).because("dial unix /run/secret.sock");
            let (head, body) = error.into_response("r").into_parts();
            let body = body.collect().now_or_never().unwrap().unwrap().to_bytes();
            let shown = format!("{head:?} {}", String::from_utf8_lossy(&body));
            assert!(shown.contains(code.as_str()));
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn dates_are_written_as_http_writes_them() {
        let moment = jiff::Timestamp::from_second(784_111_777).unwrap();
        assert_eq!(http_date(moment), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_raw_response_is_a_whole_answer() {
        let text =
            String::from_utf8(raw_response(RejectedRequest::invalid("no \"x\""), "req_1")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let date = head.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
        assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
        assert_eq!(json["error"], "no \"x\"");
        assert_eq!(json["code"], "invalid_request");
        assert_eq!(json["request_id"], "req_1");
    }
}
