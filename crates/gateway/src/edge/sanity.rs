//! Checks on a request that the HTTP library lets through, for every protocol version.

use super::head::{HeadLimits, MAX_METHOD, UNENCODED, check_target, is_host};
use super::rejected_request::RejectedRequest;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use sidegate_transport::http2::request_heads::FRAGMENT_FIELD;

/// What is known of the headers after one look at them.
#[derive(Default)]
struct Seen<'a> {
    /// As they are limited: with what stands between them in a head of lines.
    bytes: usize,
    lengths: usize,
    authorizations: usize,
    cookies: usize,
    hosts: usize,
    host: Option<&'a HeaderValue>,
}

impl<'a> Seen<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut seen = Self::default();
        for (name, value) in headers {
            seen.bytes += name.as_str().len() + value.len() + 4;
            if *name == header::HOST {
                seen.hosts += 1;
                seen.host.get_or_insert(value);
            } else if *name == header::CONTENT_LENGTH {
                seen.lengths += 1;
            } else if *name == header::AUTHORIZATION {
                seen.authorizations += 1;
            } else if *name == header::COOKIE {
                seen.cookies += 1;
            }
        }
        seen
    }

    /// How many fields there are, and how large: the crumbs of cookies that HTTP/2 makes are one
    /// field (RFC 9113, 8.2.3), joined with two characters each.
    fn fields(&self, headers: &HeaderMap, version: Version) -> FieldTotals {
        let joined = match version {
            Version::HTTP_2 => self.cookies.saturating_sub(1),
            _ => 0,
        };
        let saved = header::COOKIE.as_str().len() + 2;
        FieldTotals { count: headers.len() - joined, bytes: self.bytes - joined * saved }
    }
}

/// How many fields a head has, and how large they are together.
struct FieldTotals {
    count: usize,
    bytes: usize,
}

/// Checks the request's target and headers as a whole.
///
/// # Errors
/// [`RejectedRequest`] for what could be read in two ways.
pub(crate) fn check(head: &Parts, limits: &HeadLimits) -> Result<(), RejectedRequest> {
    let uri = &head.uri;
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let seen = Seen::of(&head.headers);
    let FieldTotals { count, bytes } = seen.fields(&head.headers, head.version);
    limits.check_fields(target, count, bytes)?;
    if let Some(path) = uri.path_and_query() {
        check_target(head.method.as_str().as_bytes(), path.as_str().as_bytes())?;
    }
    if head.method.as_str().len() > MAX_METHOD {
        return Err(RejectedRequest::invalid("the method is longer than any there is"));
    }
    if seen.lengths > 1 {
        return Err(RejectedRequest::invalid("there is more than one Content-Length header"));
    }
    if head.method == Method::CONNECT {
        return Err(RejectedRequest::invalid("CONNECT is not served here"));
    }
    if seen.hosts > 1 {
        return Err(RejectedRequest::invalid("there is more than one Host header"));
    }
    if let Some(scheme) = uri.scheme_str()
        && !matches!(scheme, "http" | "https")
    {
        return Err(RejectedRequest::invalid("the request target's scheme is not http or https"));
    }
    match (uri.authority(), seen.host) {
        (Some(authority), host) => {
            if !is_host(authority.as_str().as_bytes()) {
                return Err(RejectedRequest::invalid(
                    "the authority is not of the form host or host:port",
                ));
            }
            if host
                .is_some_and(|h| !h.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()))
            {
                return Err(RejectedRequest::invalid("Host and the request's authority differ"));
            }
        }
        (None, Some(host)) if !is_host(host.as_bytes()) => {
            return Err(RejectedRequest::invalid(
                "the Host header is not of the form host or host:port",
            ));
        }
        (None, None) if head.version != Version::HTTP_10 => {
            return Err(RejectedRequest::invalid("the Host header is missing"));
        }
        _ => {}
    }
    if seen.authorizations > 1 {
        return Err(RejectedRequest::invalid("there is more than one Authorization header"));
    }
    Ok(())
}

/// Checks for the mark that the HTTP/2 guard puts on a head whose target has a fragment: the library
/// cuts it off.
///
/// # Errors
/// The [`RejectedRequest`] that such a target gets over HTTP/1.
pub(crate) fn check_mark(head: &Parts) -> Result<(), RejectedRequest> {
    let is_marked = head.version == Version::HTTP_2 && head.headers.contains_key(FRAGMENT_FIELD);
    if is_marked { Err(UNENCODED) } else { Ok(()) }
}

/// The host a request names, as received; empty for an HTTP/1.0 request without one.
pub(crate) fn host(head: &Parts) -> &[u8] {
    let of_uri = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let of_header = || head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    of_uri.or_else(of_header).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use sidegate_wire::ErrorCode;

    fn request(uri: &str, hosts: &[&str]) -> Parts {
        let mut builder = Request::builder().uri(uri);
        for host in hosts {
            builder = builder.header("host", *host);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn checked(head: &Parts) -> Result<(), RejectedRequest> {
        check(head, &HeadLimits { max_bytes: 200, max_headers: 10 })
    }

    #[test]
    fn a_method_that_no_line_of_http_1_could_have_is_refused_in_frames_too() {
        let mut head = request("/", &["a"]);
        head.method = Method::from_bytes(&[b'M'; MAX_METHOD]).unwrap();
        assert!(checked(&head).is_ok());
        head.method = Method::from_bytes(&[b'M'; MAX_METHOD + 1]).unwrap();
        assert_eq!(checked(&head).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn heads_in_frames_have_limits_too() {
        let long = "a".repeat(300);
        let code = |head: &Parts| checked(head).unwrap_err().code;
        assert_eq!(code(&request(&format!("/{long}"), &["a"])), ErrorCode::UriTooLong);
        assert_eq!(code(&request("/", &[long.as_str()])), ErrorCode::HeadersTooLarge);
        assert_eq!(code(&request("/", &["a"; 11])), ErrorCode::HeadersTooLarge);
    }

    #[test]
    fn crumbs_of_cookies_are_one_field() {
        let crumbs = |version, count| {
            let mut request = Request::builder().uri("http://a/").version(version);
            for _ in 0..count {
                request = request.header("cookie", "a=b");
            }
            checked(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(crumbs(Version::HTTP_2, 30), Ok(()));
        // Joined they may be as large as any other field.
        assert_eq!(crumbs(Version::HTTP_2, 60).unwrap_err().code, ErrorCode::HeadersTooLarge);
        assert_eq!(crumbs(Version::HTTP_11, 11).unwrap_err().code, ErrorCode::HeadersTooLarge);
    }

    #[test]
    fn a_request_names_one_host() {
        assert_eq!(checked(&request("/x", &["a:1"])), Ok(()));
        assert_eq!(checked(&request("http://A:1/x", &["a:1"])), Ok(()));
        assert_eq!(checked(&request("http://a/x", &[])), Ok(()));
        for (uri, hosts) in [
            ("/x", &[][..]),
            ("/x", &["a", "a"]),
            ("/x", &["u@a"]),
            ("http://a/x", &["b"]),
            ("http://u@a/x", &["a"]),
            ("ftp://a/x", &["a"]),
        ] {
            assert!(checked(&request(uri, hosts)).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn two_authorizations_are_one_too_many() {
        let request = Request::builder()
            .uri("http://a/")
            .header("authorization", "Bearer a")
            .header("authorization", "Bearer b")
            .body(())
            .unwrap();
        assert!(checked(&request.into_parts().0).is_err());
    }
}
