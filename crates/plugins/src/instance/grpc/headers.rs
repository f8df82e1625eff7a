//! The headers of a plugin's answer: what must not cross to the client.

use super::super::answer_names;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sidegate_model::console_cookie;
use sidegate_transport::codec::Fields;

/// Most headers of an answer, and most bytes of them: what ordinary clients take.
const MAX_ANSWER_HEADERS: usize = 500;
const MAX_ANSWER_HEADER_BYTES: usize = 64 * 1024;
/// It would let a script of one plugin answer for pages of all others.
const SERVICE_WORKER_ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// How many the gateway adds, so that there is room for them.
const OUR_HEADERS: usize = 5;

/// An answer with more headers than clients take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} headers with {bytes} bytes, where {MAX_ANSWER_HEADERS} with {MAX_ANSWER_HEADER_BYTES} are the most"
)]
pub(crate) struct TooMany {
    count: usize,
    bytes: usize,
}

/// A plugin's headers as the client gets them: reserved and unusable ones left out, control
/// characters made blanks. Values stay in the memory of the plugin's message.
///
/// # Errors
/// [`TooMany`] when clients could not take them.
pub(crate) fn response(fields: &Fields) -> Result<HeaderMap, TooMany> {
    let (count, bytes) = (fields.count(), fields.bytes());
    if count > MAX_ANSWER_HEADERS || bytes > MAX_ANSWER_HEADER_BYTES {
        return Err(TooMany { count, bytes });
    }
    let mut headers = HeaderMap::with_capacity(count + OUR_HEADERS);
    let mut named_by_connection: Vec<String> = Vec::new();
    for (name, value) in fields.pairs() {
        // In a map, an empty value means that the header is not wanted.
        if fields.is_map() && value.is_empty() {
            continue;
        }
        let Some((name, is_reserved)) = answer_names::read(name) else {
            continue;
        };
        if name == header::CONNECTION {
            let named = String::from_utf8_lossy(value).to_ascii_lowercase();
            named_by_connection.extend(named.split(',').map(|n| n.trim().to_owned()));
        }
        if !is_reserved && let Some(value) = clean(fields, value) {
            if name == SERVICE_WORKER_ALLOWED {
                continue;
            }
            // Browsers keep it for the admin port of this host, too.
            if name == header::SET_COOKIE && console_cookie::is_set_by(value.as_bytes()) {
                continue;
            }
            // And they would forget it for that port.
            let value = if name == CLEAR_SITE_DATA {
                let left = console_cookie::left_to_clear(value.as_bytes());
                let Some(left) = left.and_then(|left| HeaderValue::from_bytes(&left).ok()) else {
                    continue;
                };
                left
            } else {
                value
            };
            headers.append(name, value);
        }
    }
    for name in named_by_connection {
        headers.remove(name);
    }
    Ok(headers)
}

fn clean(fields: &Fields, value: &[u8]) -> Option<HeaderValue> {
    // A value that cannot be one as it is has control characters.
    let as_it_is = HeaderValue::from_maybe_shared(fields.share(value.trim_ascii()));
    as_it_is.or_else(|_| HeaderValue::from_bytes(&without_control(value))).ok()
}

fn without_control(value: &[u8]) -> Vec<u8> {
    let cleaned: Vec<u8> = value.iter().map(|b| if is_control(b) { b' ' } else { *b }).collect();
    cleaned.trim_ascii().to_vec()
}

fn is_control(byte: &u8) -> bool {
    (*byte < b' ' && *byte != b'\t') || *byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message as _;
    use sidegate_transport::codec::Answer;
    use sidegate_wire::plugin as wire;

    fn fields(map: &[(&str, &str)], list: &[(&str, &[u8])]) -> Fields {
        let field = |(name, value): &(&str, &[u8])| wire::HeaderField {
            name: (*name).to_owned(),
            value: value.to_vec().into(),
        };
        let message = wire::EndpointResponse {
            headers: map.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            header_list: list.iter().map(field).collect(),
            ..Default::default()
        };
        Answer::decode(&message.encode_to_vec().into()).unwrap().headers
    }

    #[test]
    fn a_plugin_cannot_break_the_answer_with_a_header() {
        let map = fields(
            &[
                ("X-Text", "a\r\nX-Evil: 1"),
                ("Connection", "keep-alive, X-Hop"),
                ("X-Hop", "1"),
                ("Transfer-Encoding", "chunked"),
                ("bad name", "1"),
                ("X-Empty", ""),
                ("X-Request-ID", "mine"),
                ("X-Utf8", " ä"),
            ],
            &[],
        );
        let out = response(&map).unwrap();
        assert_eq!(out["x-text"], "a  X-Evil: 1");
        assert_eq!(out["x-utf8"].as_bytes(), "ä".as_bytes());
        assert_eq!(out.len(), 2, "{out:?}");
    }

    #[test]
    fn repeated_headers_of_a_list_stay_repeated() {
        let list = [("Set-Cookie", &b"a=1"[..]), ("Set-Cookie", b"b=2"), ("X-Empty", b"")];
        let out = response(&fields(&[("Set-Cookie", "a=1")], &list)).unwrap();
        assert_eq!(out.get_all("set-cookie").iter().count(), 2);
        assert_eq!(out["x-empty"], "");
    }

    #[test]
    fn a_plugin_cannot_set_the_cookie_of_the_console() {
        let list = [
            ("Set-Cookie", &b"__Host-sidegate_console=x; Secure; Path=/"[..]),
            ("SET-COOKIE", b" \x01__host-Sidegate_Console =x;secure"),
            ("set-cookie", b"=__Host-sidegate_console=x"),
            ("set-cookie", b"mine=__Host-sidegate_console"),
        ];
        let map = [("Set-Cookie", "\"__Host-sidegate_console\"=x")];
        for fields in [fields(&[], &list), fields(&map, &[])] {
            let out = response(&fields).unwrap();
            let set: Vec<_> = out.get_all("set-cookie").iter().collect();
            assert!(set.iter().all(|value| *value == "mine=__Host-sidegate_console"), "{set:?}");
        }
        assert_eq!(response(&fields(&[], &list)).unwrap().len(), 1);
    }

    #[test]
    fn a_plugin_cannot_let_its_script_answer_for_pages_of_others() {
        for name in ["Service-Worker-Allowed", "service-worker-allowed"] {
            let list = [(name, &b"/"[..]), ("x-kept", b"1")];
            let out = response(&fields(&[], &list)).unwrap();
            assert_eq!(out.keys().collect::<Vec<_>>(), ["x-kept"]);
        }
    }

    #[test]
    fn a_plugin_cannot_make_browsers_forget_the_cookie_of_the_console() {
        let list = [
            ("Clear-Site-Data", &b"\"cookies\""[..]),
            ("clear-site-data", b"\"storage\", \"cookies\""),
            ("CLEAR-SITE-DATA", b"\"\x01*\""),
        ];
        let out = response(&fields(&[], &list)).unwrap();
        let left: Vec<_> = out.get_all("clear-site-data").iter().collect();
        assert_eq!(left, ["\"storage\"", "\"cache\", \"storage\""]);
        assert!(response(&fields(&[("clear-site-data", "cookies")], &[])).unwrap().is_empty());
    }

    #[test]
    fn more_headers_than_clients_take_are_refused() {
        let many = |n: usize| {
            let names: Vec<_> = (0..n).map(|i| format!("x-{i}")).collect();
            let map: Vec<_> = names.iter().map(|name| (name.as_str(), "y")).collect();
            response(&fields(&map, &[]))
        };
        assert!(many(500).is_ok());
        assert!(many(501).is_err());
        assert!(many(30_000).is_err());
        assert!(response(&fields(&[("x", &"y".repeat(70_000))], &[])).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_header_or_none(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let out = response(&fields(&[], &[("x-a", &value)])).unwrap();
            if let Some(value) = out.get("x-a") {
                prop_assert!(!value.as_bytes().iter().any(|b| *b == b'\r' || *b == b'\n'));
            }
        }
    }
}
