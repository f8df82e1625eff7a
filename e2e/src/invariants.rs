//! What holds for every answer of the gateway, whatever the story is about.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Checks the head of an answer.
///
/// # Panics
/// When a promise about every answer is broken.
pub(crate) fn check_head(status: StatusCode, headers: &HeaderMap) {
    let ids: Vec<_> = headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1, "one X-Request-ID on every answer: {status} {headers:?}");
    assert!(!ids[0].is_empty(), "X-Request-ID is empty: {status} {headers:?}");
    assert!(headers.contains_key("date"), "no Date: {status} {headers:?}");
    if let Some(source) = headers.get("x-sidegate-error") {
        let known = ["client", "gateway", "plugin"];
        assert!(known.iter().any(|word| source == word), "X-Sidegate-Error: {source:?}");
        assert!(!status.is_success(), "a success with X-Sidegate-Error: {status}");
        if source != "plugin" {
            check_companions(status, headers);
        }
    }
}

/// What an error of the gateway must tell beside its status.
fn check_companions(status: StatusCode, headers: &HeaderMap) {
    let needed: &[&str] = match status.as_u16() {
        401 => &["www-authenticate"],
        405 => &["allow"],
        429 => &["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
        503 => &["retry-after"],
        _ => &[],
    };
    for name in needed {
        assert!(headers.contains_key(*name), "{status} without {name}: {headers:?}");
    }
}

/// Checks the body of an answer that has one.
///
/// # Panics
/// When an error has another shape than every error.
pub(crate) fn check_body(status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let id = headers["x-request-id"].to_str().expect("a request id is text");
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let shape = json.as_ref().and_then(Value::as_object).map(|object| {
        let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    });
    let is_error_shape = shape.as_deref() == Some(&["code", "error", "request_id"]);
    if !headers.contains_key("x-sidegate-error") {
        assert!(!is_error_shape, "an error of the gateway without X-Sidegate-Error: {status}");
        return;
    }
    let shown = String::from_utf8_lossy(body);
    assert!(is_error_shape, "{status}: not the shape of an error: {shown}");
    let json = json.unwrap_or_default();
    assert_eq!(json["request_id"], id, "the body names another request: {shown}");
    assert_eq!(headers["content-type"], "application/json", "{shown}");
    for key in ["error", "code"] {
        assert!(json[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {shown}");
    }
    // A plugin's own words come with the plugin's own status.
    if json["code"] != "plugin_reported" {
        check_companions(status, headers);
    }
}
