//! Header names and values between HTTP and plugins: canonical spelling, joined values, and what
//! must not cross.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;

/// Spells a header name the way existing plugins index their maps: `x-api-key` → `X-Api-Key`.
///
/// ```
/// use sidegate_gateway::edge::headers::canonical;
/// assert_eq!(canonical("mcp-session-id"), "Mcp-Session-Id");
/// assert_eq!(canonical("x_under"), "X_under");
/// ```
pub fn canonical(name: &str) -> String {
    let mut start = true;
    let spell = |c: char| {
        let spelled = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        start = c == '-';
        spelled
    };
    name.chars().map(spell).collect()
}

/// Request headers that plugins do not see as headers: framing, and what has a field of its own.
fn is_withheld(name: &HeaderName) -> bool {
    matches!(*name, header::HOST | header::TRANSFER_ENCODING | header::TRAILER)
}

/// The request's headers for the map of existing plugins: every value kept, joined.
pub fn request_map(headers: &HeaderMap) -> HashMap<String, String> {
    let names = headers.keys().filter(|name| !is_withheld(name));
    names.map(|name| (canonical(name.as_str()), joined(headers, name))).collect()
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let separator = if *name == header::COOKIE { "; " } else { ", " };
    let mut all = String::new();
    for (i, value) in headers.get_all(name).iter().enumerate() {
        if i > 0 {
            all.push_str(separator);
        }
        all.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    all
}

/// The request's headers in order, each value by itself; cookies joined into one.
pub fn request_list(headers: &HeaderMap) -> Vec<wire::HeaderField> {
    let mut list = Vec::with_capacity(headers.len());
    for name in headers.keys().filter(|name| !is_withheld(name)) {
        let spelled = canonical(name.as_str());
        if *name == header::COOKIE {
            let pieces: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            list.push(wire::HeaderField { name: spelled, value: pieces.join(&b"; "[..]).into() });
            continue;
        }
        for value in headers.get_all(name) {
            let value = bytes::Bytes::copy_from_slice(value.as_bytes());
            list.push(wire::HeaderField { name: spelled.clone(), value });
        }
    }
    list
}

/// Headers of a plugin's answer that belong to one connection, or to the gateway.
fn is_reserved(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "x-request-id"
            | "x-sidegate-error"
    )
}

/// Most headers of an answer, and most bytes of them: what ordinary clients take.
const MAX_ANSWER_HEADERS: usize = 500;
const MAX_ANSWER_HEADER_BYTES: usize = 64 * 1024;

/// An answer with more headers than clients take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} headers with {bytes} bytes, where {MAX_ANSWER_HEADERS} with {MAX_ANSWER_HEADER_BYTES} are the most"
)]
pub struct TooMany {
    count: usize,
    bytes: usize,
}

/// A plugin's headers as the client gets them: reserved and unusable ones left out, control
/// characters made blanks. The list counts where there is one, else the map.
///
/// # Errors
/// [`TooMany`] when clients could not take them.
pub fn response(
    map: HashMap<String, String>,
    list: Vec<wire::HeaderField>,
) -> Result<HeaderMap, TooMany> {
    let of_map = map.iter().map(|(name, value)| name.len() + value.len());
    let of_list = list.iter().map(|field| field.name.len() + field.value.len());
    let (count, bytes) = if list.is_empty() {
        (map.len(), of_map.sum::<usize>())
    } else {
        (list.len(), of_list.sum())
    };
    if count > MAX_ANSWER_HEADERS || bytes > MAX_ANSWER_HEADER_BYTES {
        return Err(TooMany { count, bytes });
    }
    let mut headers = HeaderMap::with_capacity(count);
    let mut named_by_connection: Vec<String> = Vec::new();
    let mut add = |name: &str, value: &[u8]| {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return;
        };
        if name == header::CONNECTION {
            let named = String::from_utf8_lossy(value).to_ascii_lowercase();
            named_by_connection.extend(named.split(',').map(|n| n.trim().to_owned()));
        }
        if is_reserved(&name) {
            return;
        }
        if let Some(value) = clean(value) {
            headers.append(name, value);
        }
    };
    if list.is_empty() {
        for (name, value) in map {
            // An empty value means that the header is not wanted.
            if !value.is_empty() {
                add(&name, value.as_bytes());
            }
        }
    } else {
        for field in list {
            add(&field.name, &field.value);
        }
    }
    for name in named_by_connection {
        headers.remove(name);
    }
    Ok(headers)
}

fn clean(value: &[u8]) -> Option<HeaderValue> {
    let control = |b: &u8| (*b < b' ' && *b != b'\t') || *b == 0x7f;
    if value.iter().any(control) {
        let cleaned: Vec<u8> = value.iter().map(|b| if control(b) { b' ' } else { *b }).collect();
        return HeaderValue::from_bytes(cleaned.trim_ascii()).ok();
    }
    HeaderValue::from_bytes(value.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(entries: &[(&str, &str)]) -> HashMap<String, String> {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn all_values_of_a_request_header_are_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-a", "1"), ("cookie", "a=1"), ("x-a", "2"), ("cookie", "b=2"), ("host", "h")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        let joined = request_map(&headers);
        assert_eq!(joined["X-A"], "1, 2");
        assert_eq!(joined["Cookie"], "a=1; b=2");
        assert!(!joined.contains_key("Host"));
        let list: Vec<_> = request_list(&headers)
            .into_iter()
            .map(|f| (f.name, String::from_utf8(f.value.to_vec()).unwrap()))
            .collect();
        let expect = [("X-A", "1"), ("X-A", "2"), ("Cookie", "a=1; b=2")];
        assert_eq!(list, expect.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn values_that_are_not_utf8_never_break_a_call() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(request_map(&headers)["X-A"], "caf\u{fffd}");
        assert_eq!(&request_list(&headers)[0].value[..], b"caf\xe9");
    }

    #[test]
    fn a_plugin_cannot_break_the_answer_with_a_header() {
        let out = response(
            map(&[
                ("X-Text", "a\r\nX-Evil: 1"),
                ("Connection", "keep-alive, X-Hop"),
                ("X-Hop", "1"),
                ("Transfer-Encoding", "chunked"),
                ("bad name", "1"),
                ("X-Empty", ""),
                ("X-Request-ID", "mine"),
                ("X-Utf8", "ä"),
            ]),
            vec![],
        )
        .unwrap();
        assert_eq!(out["x-text"], "a  X-Evil: 1");
        assert_eq!(out["x-utf8"].as_bytes(), "ä".as_bytes());
        assert_eq!(out.len(), 2, "{out:?}");
    }

    #[test]
    fn repeated_headers_of_a_list_stay_repeated() {
        let field = |value: &'static str| wire::HeaderField {
            name: "Set-Cookie".into(),
            value: value.into(),
        };
        let out =
            response(map(&[("Set-Cookie", "a=1")]), vec![field("a=1"), field("b=2")]).unwrap();
        assert_eq!(out.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn more_headers_than_clients_take_are_refused() {
        let many = |n: usize| (0..n).map(|i| (format!("x-{i}"), "y".to_owned())).collect();
        assert!(response(many(500), vec![]).is_ok());
        assert!(response(many(501), vec![]).is_err());
        assert!(response(many(30_000), vec![]).is_err());
        assert!(response(map(&[("x", &"y".repeat(70_000))]), vec![]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_header_or_none(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(value) = clean(&value) {
                prop_assert!(!value.as_bytes().iter().any(|b| *b == b'\r' || *b == b'\n'));
            }
        }
    }
}
