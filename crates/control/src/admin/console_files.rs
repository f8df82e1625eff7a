//! What browsers load of the console: files that the program has within itself. They are for everybody, for there is nothing
//! secret in them; what they show comes from the API.

use super::error::ApiError;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use sidegate_api::error::ErrorCode;

const PREFIX: &str = "/console/";

/// Nothing but what comes from this very address, no script and no style within a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'";

/// What a page of a plugin runs in: a document of ours without an origin, which reaches nothing and nobody but whoever shows it.
const FRAME: &str = "frames/page";
const FRAME_FILE: &str = "frames/page.html";
const FRAME_POLICY: &str = "sandbox allow-scripts allow-forms allow-modals; default-src 'none'; \
     script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; \
     connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Shown where the program was built without the console.
const WITHOUT: &str = include_str!("console_missing.html");

/// The page that every address of the console begins with.
const PAGE: &str = "index.html";

/// A file as it was built.
#[derive(Debug, Clone, Copy)]
struct File {
    /// Its path below the console's address.
    name: &'static str,
    /// Another one for every other content.
    tag: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

/// All of them, by name; none where nobody built them.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// The addresses of the console.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(to_console))
        .route("/console", get(to_console))
        .route(PREFIX, get(serve))
        .route("/console/{*path}", get(serve))
        .method_not_allowed_fallback(only_get)
}

async fn to_console() -> Response {
    let location = HeaderValue::from_static(PREFIX);
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
}

async fn only_get(method: Method) -> ApiError {
    let detail = format!("the console does not take {method}; the Allow header says what it takes");
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}

async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    if [FRAME, FRAME_FILE].contains(&name) {
        return frame(FILES, &headers);
    }
    with_policy(answer(FILES, name, &headers))
}

/// The document that pages of plugins run in; it is never kept.
fn frame(files: &'static [File], headers: &HeaderMap) -> Response {
    let file = files.iter().find(|file| file.name == FRAME_FILE);
    let Some(file) = file else {
        let detail = "this console has no frame for pages of plugins: it was built without one";
        return ApiError::not_found(detail).into_response();
    };
    let mut response = file_answer(file, headers);
    let own = response.headers_mut();
    own.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    own.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(FRAME_POLICY));
    own.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let same_origin = HeaderValue::from_static("same-origin");
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(name), same_origin.clone());
    }
    response
}

/// The file of this name, or the page, which knows addresses that are no files.
fn answer(files: &'static [File], name: &str, headers: &HeaderMap) -> Response {
    let of = |name: &str| files.iter().find(|file| file.name == name);
    if files.is_empty() {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        return ([(CONTENT_TYPE, html)], WITHOUT).into_response();
    }
    match of(name) {
        Some(file) => file_answer(file, headers),
        // A page that is open asks for files of a version before this one: a page in their place would not help it.
        None if name.starts_with("assets/") => {
            ApiError::not_found("the console has no such file; load its page anew").into_response()
        }
        None => match of(PAGE) {
            Some(page) => file_answer(page, headers),
            None => ApiError::not_found("the console has no such page").into_response(),
        },
    }
}

fn file_answer(file: &File, headers: &HeaderMap) -> Response {
    let (encoding, bytes) = file.form(headers);
    let tag = match encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", file.tag),
        None => format!("\"{}\"", file.tag),
    };
    let cache = match file.name {
        PAGE => "no-store",
        name if is_hashed(name) => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(bytes)),
    };
    let own = response.headers_mut();
    own.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    own.insert(VARY, HeaderValue::from_static("accept-encoding"));
    own.extend(HeaderValue::from_str(&tag).ok().map(|tag| (Some(ETAG), tag)));
    if !is_known {
        own.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(file.name)));
        own.extend(encoding.map(|name| (Some(CONTENT_ENCODING), HeaderValue::from_static(name))));
    }
    response
}

impl File {
    /// The smallest form that the client takes.
    fn form(&self, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        let forms = [("br", self.br), ("gzip", self.gz)];
        let taken = forms.into_iter().find_map(|(name, bytes)| {
            let bytes = bytes.filter(|_| takes(headers, name))?;
            Some((Some(name), bytes))
        });
        taken.unwrap_or((None, self.plain))
    }
}

/// Whether `Accept-Encoding` names an encoding, and not as one that is refused.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut named = lines.flat_map(|line| line.split(',')).filter_map(|part| {
        let mut parameters = part.split(';').map(str::trim);
        let is_it = parameters.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())?
        });
        is_it.then_some(weight.is_none_or(|weight| weight > 0.0))
    });
    named.next().unwrap_or(false)
}

/// Whether `If-None-Match` names this tag.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    let mut tags = known.split(',').map(|known| known.trim().trim_start_matches("W/"));
    tags.any(|known| known == tag || known == "*")
}

/// Whether a name has the hash of its content in it, as in `assets/index-BzQ1x9aF.js`: then it never becomes another file.
fn is_hashed(name: &str) -> bool {
    let Some(name) = name.strip_prefix("assets/") else { return false };
    let stem = name.split('.').next().unwrap_or_default();
    let is_hash = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    // A hash may itself have a `-` in it.
    stem.len() > 8
        && stem.bytes().rev().take(8).all(is_hash)
        && stem[..stem.len() - 8].ends_with('-')
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &[File] = &[
        File {
            name: "index.html",
            tag: "a",
            plain: b"<page>",
            br: Some(b"<br>"),
            gz: Some(b"<gz>"),
        },
        File { name: "assets/index-BzQ1x9aF.js", tag: "b", plain: b"js", br: None, gz: Some(b"z") },
        File { name: "favicon.svg", tag: "c", plain: b"<svg>", br: None, gz: None },
    ];

    fn asked(name: &str, lines: &[(HeaderName, &str)]) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        answer(BUILT, name, &headers)
    }

    fn header(response: &Response, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_address_is_the_page_but_those_of_files() {
        for name in ["", "plugins", "plugins/7/config", "sign-in", "a.b/c.d"] {
            let response = asked(name, &[]);
            assert_eq!(header(&response, CACHE_CONTROL), "no-store", "{name}");
            assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
            assert_eq!(body(response).await, "<page>", "{name}");
        }
        let script = asked("assets/index-BzQ1x9aF.js", &[]);
        assert_eq!(header(&script, CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(header(&script, CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert_eq!(header(&asked("favicon.svg", &[]), CACHE_CONTROL), "no-cache");
        assert_eq!(asked("assets/index-gone1234.js", &[]).status(), 404);
    }

    #[tokio::test]
    async fn the_frame_of_pages_has_a_policy_of_its_own_and_is_never_kept() {
        const WITH: &[File] =
            &[File { name: "frames/page.html", tag: "f", plain: b"<frame>", br: None, gz: None }];
        let response = frame(WITH, &HeaderMap::new());
        assert_eq!(header(&response, CACHE_CONTROL), "no-store");
        let policy = header(&response, CONTENT_SECURITY_POLICY).to_owned();
        assert!(policy.starts_with("sandbox allow-scripts") && !policy.contains("same-origin"));
        assert!(policy.contains("connect-src 'none'") && !policy.contains("  "), "{policy}");
        assert_eq!(body(response).await, "<frame>");
        assert_eq!(frame(BUILT, &HeaderMap::new()).status(), 404);
    }

    #[tokio::test]
    async fn the_smallest_form_that_is_taken_is_sent() {
        let rows = [
            ("gzip, deflate, br, zstd", "br", "<br>"),
            ("gzip", "gzip", "<gz>"),
            ("br;q=0, gzip;q=0.5", "gzip", "<gz>"),
            ("br; q=0.000", "", "<page>"),
            ("identity", "", "<page>"),
            ("brx", "", "<page>"),
        ];
        for (accept, encoding, expected) in rows {
            let response = asked("", &[(ACCEPT_ENCODING, accept)]);
            assert_eq!(header(&response, CONTENT_ENCODING), encoding, "{accept}");
            assert_eq!(header(&response, VARY), "accept-encoding");
            assert_eq!(body(response).await, expected, "{accept}");
        }
        let only_gzip = asked("assets/index-BzQ1x9aF.js", &[(ACCEPT_ENCODING, "br, gzip")]);
        assert_eq!(header(&only_gzip, CONTENT_ENCODING), "gzip");
    }

    #[tokio::test]
    async fn what_is_known_is_not_sent_again() {
        let first = asked("favicon.svg", &[]);
        let tag = header(&first, ETAG).to_owned();
        for known in [&tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
            let again = asked("favicon.svg", &[(IF_NONE_MATCH, known)]);
            assert_eq!((again.status(), header(&again, ETAG)), (StatusCode::NOT_MODIFIED, &*tag));
            assert_eq!(body(again).await, "");
        }
        assert_eq!(asked("favicon.svg", &[(IF_NONE_MATCH, "\"x\"")]).status(), 200);
        let compressed = asked("", &[(ACCEPT_ENCODING, "br")]);
        assert_ne!(header(&compressed, ETAG), header(&asked("", &[]), ETAG));
    }

    #[tokio::test]
    async fn without_built_files_a_page_says_how_to_get_them() {
        let response = answer(&[], "anything", &HeaderMap::new());
        assert_eq!(response.status(), 200);
        let page = body(response).await;
        assert!(page.contains("make run") && page.contains("Node"), "{page}");
        assert!(!page.contains("<style") && !page.contains("<script"), "its policy allows neither");
    }

    #[test]
    fn only_names_with_a_hash_in_them_never_change() {
        for hashed in
            ["assets/index-BzQ1x9aF.js", "assets/a-b-_x-1y2z3.css", "assets/x-12345678.js.map"]
        {
            assert!(is_hashed(hashed), "{hashed}");
        }
        for other in
            ["index-BzQ1x9aF.js", "assets/index.js", "assets/logo-1.svg", "assets/x-short.js"]
        {
            assert!(!is_hashed(other), "{other}");
        }
    }
}
