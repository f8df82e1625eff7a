//! A whole answer, checked, and questions a story asks of it.

use crate::invariants;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A whole HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An error as the gateway words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayError {
    /// The HTTP status.
    pub status: u16,
    /// The stable name.
    pub code: String,
    /// Who failed: `client`, `gateway` or `plugin`.
    pub source: String,
    /// The public text.
    pub text: String,
}

impl Answer {
    /// Takes an answer of the gateway port and checks what holds for all of them. `has_body` is
    /// false for answers that may not have one.
    pub(crate) fn checked(self, has_body: bool) -> Self {
        invariants::check_head(self.status, &self.headers);
        if has_body {
            invariants::check_body(self.status, &self.headers, &self.body);
        } else {
            assert!(self.body.is_empty(), "a body where none may be: {self:?}");
        }
        self
    }

    /// The same answer, which must have this status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.describe());
        self
    }

    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every value of a header, as text.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(json) => json,
            Err(error) => panic!("the body is not JSON ({error}): {}", self.describe()),
        }
    }

    /// The gateway's error that this answer is.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn error(&self) -> GatewayError {
        let source = self.header("x-sidegate-error").map(str::to_owned);
        let source = source.unwrap_or_else(|| panic!("not an error: {}", self.describe()));
        let json = self.json();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        GatewayError {
            status: self.status.as_u16(),
            code: text("code"),
            source,
            text: text("error"),
        }
    }

    /// Asserts that this is a certain error of the gateway: status, code and who failed.
    ///
    /// # Panics
    /// When it is another answer.
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str, source: &str) {
        let error = self.error();
        let found = (error.status, error.code.as_str(), error.source.as_str());
        assert_eq!(found, (status, code, source), "{}", self.describe());
    }

    /// The answer in words, for messages.
    pub fn describe(&self) -> String {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(2000)]);
        format!("{} {:?}\n{body}", self.status, self.headers)
    }
}
