//! The cookie of a session of the console: read, given and taken back; and whether a request comes from a page of this very
//! address. A browser sends the cookie along whoever made it ask, so the cookie counts only then, and with the key that
//! such a page keeps: another program on another port of the host gets the cookie as well.

use http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};
use sidegate_api::session::{BACKGROUND_HEADER, CONSOLE_COOKIE, SESSION_KEY_HEADER};
use sidegate_model::UnixMillis;
use sidegate_model::token::{NewToken, TokenHash};
use subtle::ConstantTimeEq;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request has of the cookie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// Nothing.
    Nothing,
    /// One, with the hash of its secret.
    Secret(TokenHash),
    /// More than one, of which nobody could say which is meant.
    Several,
}

/// The cookie of a session in a request.
pub(super) fn presented(headers: &HeaderMap) -> Presented {
    let cookies =
        headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(is_semicolon));
    let mut own = cookies.filter_map(|cookie| {
        let text = std::str::from_utf8(cookie.trim_ascii()).ok()?;
        let (name, value) = text.split_once('=')?;
        (name.trim_ascii_end() == CONSOLE_COOKIE).then_some(value.trim_ascii())
    });
    match (own.next(), own.next()) {
        (None, _) => Presented::Nothing,
        (Some(secret), None) => Presented::Secret(TokenHash::of(secret)),
        (Some(_), Some(_)) => Presented::Several,
    }
}

/// What a request has of the key of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Nothing.
    Missing,
    /// The one that is kept.
    Right,
    /// Another one, or several.
    Wrong,
}

/// Whether a request shows the key of which this is kept. Hashes are compared, so even the time tells nothing of it.
pub(super) fn key(headers: &HeaderMap, kept: &TokenHash) -> Key {
    let mut given = headers.get_all(SESSION_KEY_HEADER).iter();
    match (given.next(), given.next()) {
        (None, _) => Key::Missing,
        (Some(key), None) => {
            let shown = key.to_str().map(TokenHash::of);
            let is_right = shown.is_ok_and(|shown| bool::from(shown.0.ct_eq(&kept.0)));
            if is_right { Key::Right } else { Key::Wrong }
        }
        (Some(_), Some(_)) => Key::Wrong,
    }
}

/// Whether a page made a request by itself, and nobody's action did.
pub(super) fn is_background(headers: &HeaderMap) -> bool {
    headers.contains_key(BACKGROUND_HEADER)
}

fn is_semicolon(byte: &u8) -> bool {
    *byte == b';'
}

/// Whether a page of this very address made the browser ask. `origin` is another one that counts as this.
///
/// # Errors
/// What is missing, for people.
pub(super) fn require_same_origin(
    headers: &HeaderMap,
    origin: Option<&str>,
) -> Result<(), &'static str> {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let is_same_site = match (sites.next(), sites.next()) {
        (Some(site), None) => site == "same-origin",
        _ => false,
    };
    if !is_same_site {
        return Err(
            "a session counts for requests of the console itself only: they have Sec-Fetch-Site: same-origin; programs use an admin token",
        );
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(given), None) if is_ours(given, headers, origin) => Ok(()),
        _ => Err("the Origin of this request is another address than the one it asks"),
    }
}

/// Whether an origin is the address that is asked, or the other one that counts as it.
fn is_ours(given: &HeaderValue, headers: &HeaderMap, origin: Option<&str>) -> bool {
    let Ok(given) = given.to_str() else { return false };
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(given)) {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let (Some((scheme, place)), Some(host)) = (given.split_once("://"), host) else { return false };
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let without_usual = |text: &str| text.strip_suffix(usual).unwrap_or(text).to_ascii_lowercase();
    without_usual(place) == without_usual(host)
}

/// Whether a body is declared as JSON, which no form and no simple request of another origin can do.
pub(super) fn declares_json(headers: &HeaderMap) -> bool {
    const TAKEN: [&str; 3] =
        ["application/json", "application/vnd.api+json", "application/merge-patch+json"];
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    TAKEN.iter().any(|taken| essence.eq_ignore_ascii_case(taken))
}

/// The cookie that begins a session which lasts so long.
pub(super) fn given(secret: &NewToken, lifetime: UnixMillis) -> HeaderValue {
    let seconds = lifetime / 1000;
    let mut value = HeaderValue::from_str(&format!(
        "{CONSOLE_COOKIE}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict",
        secret.reveal()
    ))
    .expect("letters and digits form a header value");
    value.set_sensitive(true);
    value
}

/// The cookie that takes the place of one whose session is over.
pub(super) fn taken_back() -> HeaderValue {
    let text = format!("{CONSOLE_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).expect("letters and digits form a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_cookie_is_found_among_others_and_two_of_it_are_none() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            presented(&headers(&lines))
        };
        let one = Presented::Secret(TokenHash::of("sgc_x"));
        assert_eq!(of(&["a=1; __Host-sidegate_console=sgc_x; b=2"]), one);
        assert_eq!(of(&["a=1", "__Host-sidegate_console = sgc_x"]), one);
        for none in
            [&[][..], &["a=1"], &["__host-sidegate_console=x"], &["x__Host-sidegate_console=x"]]
        {
            assert_eq!(of(none), Presented::Nothing, "{none:?}");
        }
        let two = "__Host-sidegate_console=a; __Host-sidegate_console=b";
        assert_eq!(of(&[two]), Presented::Several);
    }

    #[test]
    fn a_key_is_right_only_where_it_is_one_and_the_one() {
        let kept = TokenHash::of("key-1");
        let of = |keys: &[&str]| {
            let lines: Vec<_> = keys.iter().map(|key| ("x-sidegate-session", *key)).collect();
            key(&headers(&lines), &kept)
        };
        assert_eq!(of(&["key-1"]), Key::Right);
        assert_eq!(of(&[]), Key::Missing);
        for wrong in [&["key-2"][..], &[""], &["key-1 x"], &["key-1", "key-1"], &["key-1", "x"]] {
            assert_eq!(of(wrong), Key::Wrong, "{wrong:?}");
        }
    }

    #[test]
    fn only_a_page_of_the_same_address_counts() {
        let own = ("sec-fetch-site", "same-origin");
        let host = ("host", "localhost:8080");
        let counts = |lines: &[(&'static str, &str)], origin: Option<&str>| {
            require_same_origin(&headers(lines), origin).is_ok()
        };
        assert!(counts(&[own, host], None));
        assert!(counts(&[own, host, ("origin", "http://LOCALHOST:8080")], None));
        assert!(counts(&[own, ("host", "a.example"), ("origin", "https://a.example:443")], None));
        let other = ("origin", "https://a.example");
        assert!(counts(&[own, host, other], Some("https://a.example")));
        for site in ["same-site", "cross-site", "none", "Same-Origin", ""] {
            assert!(!counts(&[("sec-fetch-site", site), host], None), "{site}");
        }
        assert!(!counts(&[host], None));
        assert!(!counts(&[own, ("sec-fetch-site", "cross-site"), host], None));
        for origin in
            ["http://localhost:8081", "http://localhost", "null", "ws://localhost:8080", ""]
        {
            assert!(!counts(&[own, host, ("origin", origin)], None), "{origin}");
        }
        assert!(!counts(&[own, host, ("origin", "http://localhost:8080"), other], None));
    }

    #[test]
    fn what_a_form_can_send_is_no_json() {
        let is_json = |value: &str| declares_json(&headers(&[("content-type", value)]));
        assert!(
            is_json("application/json; charset=utf-8") && is_json("Application/Merge-Patch+JSON")
        );
        for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
        {
            assert!(!is_json(other), "{other}");
        }
        assert!(!declares_json(&HeaderMap::new()));
    }

    #[test]
    fn the_cookie_is_kept_to_this_host_and_away_from_scripts() {
        let secret = NewToken::generate_console().unwrap();
        let text = given(&secret, 60_000);
        let text = text.to_str().unwrap();
        assert!(text.starts_with("__Host-sidegate_console=sgc_"), "{text}");
        for part in ["Path=/", "Max-Age=60", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(text.split("; ").any(|given| given == part), "{text}");
        }
        assert!(!text.contains("Domain"));
    }
}
