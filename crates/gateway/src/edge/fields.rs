//! The header fields of a request as its plugin gets them: without what belongs to one connection
//! (RFC 9110 7.6.1), without the gateway's own tokens and the console's cookie, and without words about the client that
//! nobody vouches for.
//!
//! Nearly always all that goes are fields that are known by name; only then is nothing copied.

use super::own_tokens;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sidegate_model::console_cookie;
use std::borrow::Cow;

/// The fields for a plugin.
pub(crate) struct Fields<'a> {
    /// All of them, and some that the plugin does not get.
    pub all: Cow<'a, HeaderMap>,
    /// Whether it does not get a field of this name.
    pub withheld: fn(&HeaderName) -> bool,
    /// The client has sent `X-Real-IP`.
    pub real_ip: bool,
    /// The client has sent `Forwarded`.
    pub forwarded: bool,
}

impl Fields<'_> {
    /// The plugin does not get the credentials, whatever they are.
    pub(crate) fn withhold_credentials(&mut self) {
        self.withheld = is_withheld_with_token;
    }
}

/// What a plugin never gets as it was sent: framing, what has a field of its own in the message, what
/// belongs to the connection, credentials for a proxy, where the request comes from, and the key of a session of the console.
fn is_withheld(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host"
            | "transfer-encoding"
            | "trailer"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "upgrade"
            | "proxy-authorization"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-proto"
            | "x-real-ip"
            | "forwarded"
            | "x-sidegate-session"
    )
}

/// The same and the credentials, where they hold a token of the gateway.
fn is_withheld_with_token(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION || is_withheld(name)
}

/// What is known of the fields after one look at them.
#[derive(Default)]
struct Seen {
    /// The credentials hold a token of the gateway.
    token: bool,
    /// Something must go that its name alone does not say.
    edit: bool,
    real_ip: bool,
    forwarded: bool,
}

/// What decides which fields go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passing {
    /// The peer is a trusted proxy, whose other words about the client count.
    pub is_proxy: bool,
    /// The plugin may see tokens of the gateway.
    pub tokens: bool,
}

impl Passing {
    /// The fields that pass.
    pub(crate) fn of(self, sent: &HeaderMap) -> Fields<'_> {
        let seen = self.look(sent);
        let all = if seen.edit { Cow::Owned(self.edited(sent)) } else { Cow::Borrowed(sent) };
        let withheld = if seen.token { is_withheld_with_token } else { is_withheld };
        Fields { all, withheld, real_ip: seen.real_ip, forwarded: seen.forwarded }
    }

    fn look(self, sent: &HeaderMap) -> Seen {
        let mut seen = Seen::default();
        for (name, value) in sent {
            let bytes = value.as_bytes();
            match name.as_str() {
                "connection" => seen.edit |= nominated(bytes).next().is_some(),
                "te" => seen.edit |= bytes != TRAILERS,
                "authorization" => {
                    seen.token |= !self.tokens && own_tokens::within_credentials(bytes);
                }
                "cookie" => {
                    seen.edit |= console_cookie::is_within(bytes) || self.holds_token(bytes);
                }
                "x-real-ip" => seen.real_ip = true,
                "forwarded" => seen.forwarded = true,
                name if !self.vouched(name) => seen.edit = true,
                _ => seen.edit |= self.holds_token(bytes),
            }
        }
        seen
    }

    /// Whether a value holds a token that the plugin may not see.
    fn holds_token(self, value: &[u8]) -> bool {
        !self.tokens && own_tokens::within(value)
    }

    /// Whether somebody vouches for what a field of this name says.
    fn vouched(self, name: &str) -> bool {
        if !name.starts_with('x') {
            return true;
        }
        let is_forwarded = name.starts_with(X_FORWARDED);
        (self.is_proxy || !is_forwarded || is_told(name)) && !is_disguised(name)
    }

    /// A copy without what must go.
    fn edited(self, sent: &HeaderMap) -> HeaderMap {
        let connection = || sent.get_all(header::CONNECTION).iter().map(HeaderValue::as_bytes);
        let nominates = |name: &HeaderName| {
            let is_name = |named: &[u8]| named.eq_ignore_ascii_case(name.as_str().as_bytes());
            connection().flat_map(nominated).any(is_name)
        };
        let mut kept = HeaderMap::with_capacity(sent.keys_len());
        for (name, value) in sent.iter().filter(|(name, _)| self.vouched(name.as_str())) {
            if !nominates(name)
                && let Some(value) = self.edited_value(name, value)
            {
                kept.append(name, value);
            }
        }
        kept
    }

    fn edited_value(self, name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
        let bytes = value.as_bytes();
        if *name == header::TE {
            let mut codings = bytes.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            let trailers = codings.any(|coding| coding.eq_ignore_ascii_case(TRAILERS));
            return trailers.then_some(HeaderValue::from_static("trailers"));
        }
        if *name == header::COOKIE && console_cookie::is_within(bytes) {
            let left = console_cookie::removed_from(bytes);
            let left = if self.holds_token(&left) {
                own_tokens::removed_from_cookies(&left)
            } else {
                left
            };
            return HeaderValue::from_bytes(&left).ok().filter(|left| !left.is_empty());
        }
        // Credentials that hold one are withheld by their name.
        if *name == header::AUTHORIZATION || !self.holds_token(bytes) {
            return Some(value.clone());
        }
        let left = (*name == header::COOKIE).then(|| own_tokens::removed_from_cookies(bytes));
        let left = left.filter(|left| !left.is_empty())?;
        HeaderValue::from_bytes(&left).ok()
    }
}

const TRAILERS: &[u8] = b"trailers";

const X_FORWARDED: &str = "x-forwarded-";

/// Whether programs that get fields as variables of an environment (CGI, WSGI and their like) would
/// take the field of this name for one about the client: to them both `-` and `_` are `_`. Proxies
/// do not write such names; what has one may be the client's own invention.
fn is_disguised(name: &str) -> bool {
    name.contains('_') && {
        let plain = name.replace('_', "-");
        plain.starts_with(X_FORWARDED) || plain == "x-real-ip"
    }
}

/// Whether the gateway itself tells what the field of this name says.
fn is_told(name: &str) -> bool {
    matches!(name, "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto")
}

/// The fields that a `Connection` field makes the connection's own, beyond those that are so anyway.
/// `TE` must be named there, and is looked at by itself.
fn nominated(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    const ANYWAY: [&str; 5] = ["close", "keep-alive", "upgrade", "te", "proxy-connection"];
    let names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    names.filter(|name| {
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        !name.is_empty() && !ANYWAY.iter().any(is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "sgt_0123456789abcdefghijABCDEFGHIJ-_-_-_-_-_xyz";
    const STRICT: Passing = Passing { is_proxy: false, tokens: false };

    fn passed(passing: Passing, sent: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let fields = passing.of(&headers);
        let kept = fields.all.iter().filter(|(name, _)| !(fields.withheld)(name));
        kept.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let sent = [
            ("connection", "close, X-Hop, te"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-hop", "2"),
            ("x-other", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "websocket"),
            ("te", "gzip, Trailers;q=1, trailers"),
            ("proxy-authorization", "Basic eDp5"),
            ("x-kept", "4"),
        ];
        assert_eq!(passed(STRICT, &sent), ["te: trailers", "x-kept: 4"]);
        let none: [&str; 0] = [];
        assert_eq!(passed(STRICT, &[("te", "gzip"), ("connection", "te")]), none);
        assert_eq!(passed(STRICT, &[("te", "trailers"), ("connection", "te")]), ["te: trailers"]);
    }

    #[test]
    fn nothing_is_copied_for_what_every_client_sends() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("te", "trailers"),
            ("authorization", &format!("Bearer {TOKEN}")),
            ("x-forwarded-for", "1.2.3.4"),
            ("user-agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1"),
        ] {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert!(matches!(STRICT.of(&headers).all, Cow::Borrowed(_)));
    }

    #[test]
    fn a_token_goes_wherever_it_stands_and_its_neighbours_stay() {
        let bearer = format!("Bearer {TOKEN}");
        let (cookies, referer) = (format!("a=1; t={TOKEN}; b=2"), format!("http://a/?t={TOKEN}"));
        let sent = [
            ("authorization", bearer.as_str()),
            ("x-api-key", TOKEN),
            ("x-api-key", "mine"),
            ("cookie", &cookies),
            ("referer", &referer),
        ];
        assert_eq!(passed(STRICT, &sent), ["x-api-key: mine", "cookie: a=1; b=2"]);
        assert_eq!(passed(Passing { tokens: true, ..STRICT }, &sent).len(), 5);
        assert_eq!(passed(STRICT, &[("authorization", "Bearer of.others")]).len(), 1);
    }

    #[test]
    fn the_cookie_of_the_console_reaches_nobody_and_its_neighbours_stay_as_they_are() {
        let sent = [
            ("cookie", "a=1;  b=\"2\" ; __Host-sidegate_console=sgc_x;c"),
            ("cookie", "__Host-sidegate_console=sgc_x"),
            ("x-other", "__Host-sidegate_console=sgc_x"),
        ];
        let kept = ["cookie: a=1;  b=\"2\" ;c", "x-other: __Host-sidegate_console=sgc_x"];
        for tokens in [false, true] {
            assert_eq!(passed(Passing { is_proxy: true, tokens }, &sent), kept);
        }
        let both = format!("t={TOKEN}; __Host-sidegate_console=x; a=1");
        assert_eq!(passed(STRICT, &[("cookie", &both)]), ["cookie: a=1"]);
    }

    #[test]
    fn words_about_the_client_pass_from_trusted_proxies_only() {
        let sent = [("x-forwarded-for", "1"), ("x-forwarded-user", "root"), ("x-forward", "2")];
        assert_eq!(passed(STRICT, &sent), ["x-forward: 2"]);
        let trusted = passed(Passing { is_proxy: true, ..STRICT }, &sent);
        assert_eq!(trusted, ["x-forwarded-user: root", "x-forward: 2"]);
    }

    #[test]
    fn names_that_some_programs_read_as_words_about_the_client_pass_from_nobody() {
        let sent = [
            ("x_forwarded_for", "1"),
            ("x-forwarded_proto", "https"),
            ("x_forwarded-host", "a"),
            ("x_forwarded_user", "root"),
            ("x_real_ip", "2"),
            ("x_forward", "3"),
            ("my_x_real_ip", "4"),
        ];
        for is_proxy in [false, true] {
            let passing = Passing { is_proxy, tokens: false };
            assert_eq!(passed(passing, &sent), ["x_forward: 3", "my_x_real_ip: 4"]);
        }
    }
}
