//! The rules for one HTTP/1 request head: request line, header lines, and what they say of the
//! body.

use super::rejected_request::RejectedRequest;
use sidegate_wire::ErrorCode;

/// Limits on a request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Most bytes of request line and headers together.
    pub max_bytes: usize,
    /// Most header lines.
    pub max_headers: usize,
}

/// How much of an unfinished head was found fit to grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SoFar {
    /// So many bytes.
    pub bytes: usize,
    /// The request line is among them.
    pub has_line: bool,
}

/// Longest target that the HTTP library can hold, in bytes.
const MAX_URI: usize = 65_534;

/// Longest method, in bytes.
pub(crate) const MAX_METHOD: usize = 32;

const NO_REQUEST_LINE: RejectedRequest =
    RejectedRequest::invalid("the request line is not of the form METHOD TARGET HTTP/1.1");
/// What a target with a fragment gets, among others.
pub(crate) const UNENCODED: RejectedRequest =
    RejectedRequest::invalid("the request target has a character that must be encoded");
const TOO_LARGE: RejectedRequest = RejectedRequest {
    code: ErrorCode::HeadersTooLarge,
    message: "the request headers are larger than this gateway accepts",
};
const URI_TOO_LONG: RejectedRequest = RejectedRequest {
    code: ErrorCode::UriTooLong,
    message: "the request target is longer than this gateway accepts",
};

impl HeadLimits {
    /// Whether an unfinished head may still grow. What was `seen` of it before is not looked at again,
    /// so that a head that comes in many pieces costs no more than one that comes in few.
    ///
    /// # Errors
    /// Refuses a head that is too large already, and bytes that cannot become a request line: who
    /// speaks something else than HTTP learns of it at once.
    pub fn check_unfinished(&self, bytes: &[u8], seen: SoFar) -> Result<SoFar, RejectedRequest> {
        let end = || {
            memchr::memchr(b'\n', bytes.get(seen.bytes..).unwrap_or_default())
                .map(|at| seen.bytes + at)
        };
        let line_end = if seen.has_line { None } else { end() };
        match line_end {
            _ if seen.has_line => {}
            Some(end) if end < self.max_bytes => {
                check_request_line(cut_line(bytes).0)?;
            }
            Some(_) => {}
            None => check_line_start(&bytes[..bytes.len().min(self.max_bytes)], seen.bytes)?,
        }
        if bytes.len() > self.max_bytes {
            return Err(self.too_large(bytes));
        }
        Ok(SoFar { bytes: bytes.len(), has_line: seen.has_line || line_end.is_some() })
    }

    /// Why a head is refused of which these bytes are above the limit: the same whether the rest of
    /// it is there or not.
    fn too_large(&self, head: &[u8]) -> RejectedRequest {
        let request_line = memchr::memchr(b'\n', head).unwrap_or(head.len());
        if request_line > self.max_bytes / 2 { URI_TOO_LONG } else { TOO_LARGE }
    }
}

impl HeadLimits {
    /// Checks a head that came in frames instead of lines: the size of its target, the number of its
    /// headers and their size, blanks and ends of lines included.
    ///
    /// # Errors
    /// Refuses one that is too large.
    pub fn check_fields(
        &self,
        target: usize,
        count: usize,
        headers: usize,
    ) -> Result<(), RejectedRequest> {
        let bytes = target + headers;
        match bytes {
            _ if target > self.max_bytes / 2 && bytes > self.max_bytes => Err(URI_TOO_LONG),
            _ if bytes > self.max_bytes || count > self.max_headers => Err(TOO_LARGE),
            _ => Ok(()),
        }
    }
}

/// How the body after a head is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// There is none.
    None,
    /// So many bytes.
    Sized(u64),
    /// Pieces, each with its own length before it.
    Chunked,
}

#[derive(Default)]
struct Seen<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
}

/// Checks a whole head, from the request line to the empty line.
///
/// # Errors
/// [`RejectedRequest`] with words for the client.
pub(crate) fn check_head(head: &[u8], limits: &HeadLimits) -> Result<BodyKind, RejectedRequest> {
    let (request_line, mut rest) = cut_line(head);
    if head.len() > limits.max_bytes {
        // In the order in which the bytes came.
        limits.check_unfinished(head, SoFar::default())?;
    }
    let is_http_10 = check_request_line(request_line)?;
    let mut seen = Seen::default();
    let mut count = 0;
    loop {
        let line;
        (line, rest) = cut_line(rest);
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > limits.max_headers {
            return Err(TOO_LARGE);
        }
        let (name, value) = split_header(line)?;
        note(&mut seen, name, value)?;
    }
    if is_http_10 && seen.chunked {
        return Err(RejectedRequest::invalid("HTTP/1.0 has no Transfer-Encoding"));
    }
    if !is_http_10 && seen.host.is_none() {
        return Err(RejectedRequest::invalid("the Host header is missing"));
    }
    match (seen.chunked, seen.length) {
        (true, Some(_)) => {
            Err(RejectedRequest::invalid("Content-Length and Transfer-Encoding exclude each other"))
        }
        (true, None) => Ok(BodyKind::Chunked),
        (false, Some(length)) => Ok(BodyKind::Sized(length)),
        (false, None) => Ok(BodyKind::None),
    }
}

/// The first line without its end, and what follows it.
fn cut_line(head: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr::memchr(b'\n', head) {
        Some(end) => (&head[..end], &head[end + 1..]),
        None => (head, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// Checks a line after the last chunk.
///
/// # Errors
/// Refuses broken lines and names that would change where the message ends.
pub(crate) fn check_trailer(line: &[u8]) -> Result<(), RejectedRequest> {
    let (name, _) = split_header(line)?;
    let reserved = ["content-length", "transfer-encoding", "host", "authorization"];
    if reserved.iter().any(|r| name.eq_ignore_ascii_case(r.as_bytes())) {
        return Err(RejectedRequest::invalid(
            "a trailer names a header that belongs into the head",
        ));
    }
    Ok(())
}

/// What the first record of a TLS connection begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// Whether bytes can be the beginning of a request line, of which so many could be it before.
fn check_line_start(line: &[u8], seen: usize) -> Result<(), RejectedRequest> {
    let (method, rest) = line.split_at(TOKEN.prefix_of(line));
    if line.first() == Some(&TLS_HANDSHAKE) {
        return Err(RejectedRequest::invalid("this port speaks HTTP without TLS: use http://"));
    }
    let is_sound = match rest {
        // Of an empty line before the request, or of a line that is refused when its end is there.
        [] | [b'\r'] => method.len() <= MAX_METHOD,
        [b' ', rest @ ..] => {
            let is_control = |b: &u8| *b < b' ' && *b != b'\r';
            let fresh = rest.get(seen.saturating_sub(method.len() + 1)..).unwrap_or_default();
            (1..=MAX_METHOD).contains(&method.len()) && !fresh.iter().any(is_control)
        }
        _ => false,
    };
    if is_sound { Ok(()) } else { Err(NO_REQUEST_LINE) }
}

/// Answers whether it is HTTP/1.0.
fn check_request_line(line: &[u8]) -> Result<bool, RejectedRequest> {
    let bad = NO_REQUEST_LINE;
    let (method, [b' ', rest @ ..]) = line.split_at(TOKEN.prefix_of(line)) else {
        return Err(bad);
    };
    let target_end = memchr::memchr(b' ', rest).ok_or(bad)?;
    let (target, version) = (&rest[..target_end], &rest[target_end + 1..]);
    if !(1..=MAX_METHOD).contains(&method.len()) || version.contains(&b' ') {
        return Err(bad);
    }
    if method == b"CONNECT" {
        return Err(RejectedRequest::invalid("CONNECT is not served here"));
    }
    check_target(method, target)?;
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(bad),
    }
}

/// Checks that a target is a path, an absolute address, or `*` for OPTIONS.
///
/// # Errors
/// Refuses all else, and characters that must be encoded.
pub(crate) fn check_target(method: &[u8], target: &[u8]) -> Result<(), RejectedRequest> {
    if target.len() <= MAX_URI && target.first() == Some(&b'/') && PLAIN.has_all(target) {
        return Ok(());
    }
    let form_ok = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => [&b"http://"[..], b"https://"].iter().any(|scheme| {
            target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        }),
    };
    // Without a way out of the loop it takes many bytes at once.
    let has_blank = target.iter().fold(false, |found, b| found | (*b <= b' ') | (*b == 0x7f));
    if !form_ok || has_blank {
        return Err(RejectedRequest::invalid(
            "the request target is not a path or an absolute address",
        ));
    }
    if target.len() > MAX_URI {
        return Err(URI_TOO_LONG);
    }
    // Browsers send a backslash of the query as it is; in a path they make a slash of it.
    let path = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
    let must_be_encoded = target.iter().any(|b| b"#\"<>".contains(b)) || path.contains(&b'\\');
    if must_be_encoded || http::Uri::try_from(target).is_err() {
        return Err(UNENCODED);
    }
    Ok(())
}

fn split_header(line: &[u8]) -> Result<(&[u8], &[u8]), RejectedRequest> {
    let bad = RejectedRequest::invalid("a header line is not of the form Name: value");
    let (name, [b':', value @ ..]) = line.split_at(TOKEN.prefix_of(line)) else {
        return Err(bad);
    };
    if name.is_empty() {
        return Err(bad);
    }
    let is_control = |b: u8| (b < b' ') & (b != b'\t') | (b == 0x7f);
    if value.iter().fold(false, |found, b| found | is_control(*b)) {
        return Err(RejectedRequest::invalid("a header value has a control character"));
    }
    Ok((name, value.trim_ascii()))
}

fn note<'a>(seen: &mut Seen<'a>, name: &[u8], value: &'a [u8]) -> Result<(), RejectedRequest> {
    if name.eq_ignore_ascii_case(b"host") {
        if seen.host.replace(value).is_some() {
            return Err(RejectedRequest::invalid("there is more than one Host header"));
        }
        if !is_host(value) {
            return Err(RejectedRequest::invalid(
                "the Host header is not of the form host or host:port",
            ));
        }
    } else if name.eq_ignore_ascii_case(b"content-length") {
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        let (true, Some(length)) = (digits, length) else {
            return Err(RejectedRequest::invalid("Content-Length is not a number"));
        };
        if seen.length.replace(length).is_some() {
            return Err(RejectedRequest::invalid("there is more than one Content-Length header"));
        }
    } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
        if seen.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(RejectedRequest::invalid(
                "the only Transfer-Encoding served is chunked, once",
            ));
        }
        seen.chunked = true;
    }
    Ok(())
}

/// Whether bytes are `host` or `host:port`, with nothing that some read as more.
pub(crate) fn is_host(value: &[u8]) -> bool {
    if value.len() > 300 {
        return false;
    }
    let after_host = match value {
        [b'[', ..] => match value.split_at(ADDRESS.prefix_of(value)) {
            (_, [b']', rest @ ..]) => rest,
            _ => return false,
        },
        _ => match value.split_at(NAME.prefix_of(value)) {
            ([], _) => return false,
            (_, rest) => rest,
        },
    };
    match after_host {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// A set of characters: letters, digits and some more.
struct Alphabet([bool; 256]);

static TOKEN: Alphabet = Alphabet::with(b"!#$%&'*+-.^_`|~");
static PLAIN: Alphabet = Alphabet::with(b"/-._~%?&=+:@!$'()*,;");
/// Of a host by name.
static NAME: Alphabet = Alphabet::with(b".-_~%");
/// Of a host by address, up to its closing bracket.
static ADDRESS: Alphabet = Alphabet::with(b".-_~:[%");

impl Alphabet {
    const fn with(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            set[byte as usize] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            set[others[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    #[inline]
    fn has_all(&self, text: &[u8]) -> bool {
        self.prefix_of(text) == text.len()
    }

    /// How many bytes at the start of a text belong to it.
    #[inline]
    fn prefix_of(&self, text: &[u8]) -> usize {
        text.iter().position(|byte| !self.0[usize::from(*byte)]).unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 400, max_headers: 4 };

    fn check(head: &str) -> Result<BodyKind, RejectedRequest> {
        check_head(head.as_bytes(), &LIMITS)
    }

    #[test]
    fn bodies_are_delimited_in_one_way_only() {
        let with = |lines: &str| check(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
        assert_eq!(with(""), Ok(BodyKind::None));
        assert_eq!(with("Content-Length: 12\r\n"), Ok(BodyKind::Sized(12)));
        assert_eq!(with("transfer-encoding: CHUNKED\r\n"), Ok(BodyKind::Chunked));
        for bad in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "X: a\r\n folded\r\n",
            "X y: a\r\n",
            ": a\r\n",
            "X\r\n",
            "X: a\0b\r\n",
        ] {
            assert!(with(bad).is_err(), "{bad:?}");
        }
        assert!(check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn host_is_one_plain_host() {
        for good in ["a", "a.example:8081", "127.0.0.1:80", "[::1]:80", "[::1]", "a:"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "a b", "a,b", "u@a", "a/b", "a:b", "a:1:2", ":80", "[::1", "a]", "[::1]x",
            "a:123456",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
        assert!(check("GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(check("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").is_err());
        assert!(check("GET / HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn request_lines_have_three_parts_and_one_blank_between() {
        for bad in [
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET /",
            "GET / HTTP/2.0",
            "G T / HTTP/1.1",
            "GET /#x HTTP/1.1",
            "CONNECT a:1 HTTP/1.1",
        ] {
            assert!(check(&format!("{bad}\r\nHost: a\r\n\r\n")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_may_have_what_browsers_leave_in_it() {
        let target = |target: &str| check(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        for good in ["/a?b\\c", "/?\\", "/?a=[1]&b={}|^`'", "/?a?b\\", "http://a/?\\"] {
            assert!(target(good).is_ok(), "{good}");
        }
        for bad in ["/a\\b", "/a\\?b", "/?a#b", "/?\"", "/?<>"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_name_what_was_too_large() {
        let long = "a".repeat(500);
        let code = |head: String| check(&head).unwrap_err().code;
        assert_eq!(code(format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")), ErrorCode::UriTooLong);
        assert_eq!(
            code(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
            ErrorCode::HeadersTooLarge
        );
        let unfinished = format!("GET /{long}");
        let many = "X: y\r\n".repeat(4);
        assert_eq!(
            code(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
            ErrorCode::HeadersTooLarge
        );
        assert_eq!(
            LIMITS.check_unfinished(unfinished.as_bytes(), SoFar::default()).unwrap_err().code,
            ErrorCode::UriTooLong
        );
    }

    #[test]
    fn what_was_seen_of_an_unfinished_head_is_not_looked_at_again() {
        // Nobody calls it so: what would be refused shows what is looked at.
        let check = |bytes: &[u8], seen: usize, has_line: bool| {
            LIMITS.check_unfinished(bytes, SoFar { bytes: seen, has_line })
        };
        assert!(check(b"GET /\x01", 0, false).is_err());
        assert!(check(b"GET /\x01", 5, false).is_err());
        assert_eq!(check(b"GET /\x01", 6, false), Ok(SoFar { bytes: 6, has_line: false }));
        assert!(check(b"none\r\n", 0, false).is_err());
        assert_eq!(check(b"none\r\nHo", 6, true), Ok(SoFar { bytes: 8, has_line: true }));
        let line = b"GET / HTTP/1.1\r\n";
        assert_eq!(check(line, 15, false), Ok(SoFar { bytes: 16, has_line: true }));
    }
}
