//! Where answers may be sent: compared as text, so that no two readers of an address can differ.

use url::Url;

/// The hosts that stand for the machine of whoever asks; their ports are free (RFC 8252, 7.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];
/// Schemes that run something or show what they hold.
const NEVER: [&str; 7] = ["javascript", "data", "file", "blob", "about", "vbscript", "ftp"];

/// Whether an address can be registered; says why not.
pub(crate) fn check(uri: &str) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "is no absolute address")?;
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains('#') {
        return Err("must be printable ASCII without a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must name no user");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")) => Ok(()),
        "http" => Err("must begin with https://, but on the machine of whoever asks"),
        scheme if NEVER.contains(&scheme) => Err("has a scheme that no answer goes to"),
        // Of applications: a name that its owner can prove (RFC 8252, 7.1).
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("must have a scheme of the form com.example.app"),
    }
}

/// Whether an answer may go there: exactly as registered, but for the port of a loopback address.
pub(crate) fn is_registered(registered: &[String], asked: &str) -> bool {
    registered.iter().any(|known| known == asked || differs_in_port(known, asked))
}

fn differs_in_port(known: &str, asked: &str) -> bool {
    let rests = |host: &&str| Some((without_port(known, host)?, without_port(asked, host)?));
    LOOPBACK.iter().find_map(rests).is_some_and(|(known, asked)| known == asked)
}

/// What follows host and port.
fn without_port<'a>(uri: &'a str, host: &str) -> Option<&'a str> {
    let rest = uri.strip_prefix(host)?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let end = port.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(port.len());
            port[..end].parse::<u16>().ok().filter(|port| *port != 0)?;
            &port[end..]
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

/// Whether whoever gets the answer is known by its address: another program cannot answer there.
pub(crate) fn proves_its_owner(uri: &str) -> bool {
    uri.starts_with("https://")
}

/// What people read of it: the host, or the scheme of an application.
pub(crate) fn shown(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

/// How a content security policy names it as a place where a form may lead.
pub(crate) fn policy_source(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return String::new() };
    match url.host_str() {
        // The policy has no words for addresses in brackets, and nothing may be put into it.
        Some(host) if matches!(url.scheme(), "http" | "https") && host.bytes().all(is_plain) => {
            url.origin().ascii_serialization()
        }
        _ => format!("{}:", url.scheme()),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(asked: &str) -> bool {
        let known = ["https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:7/cb"];
        let known = [known[0], known[1], known[2], "http://localhost/cb", "com.example.app:/cb"];
        is_registered(&known.map(str::to_owned), asked)
    }

    #[test]
    fn an_address_is_compared_exactly_but_for_the_port_of_the_loopback() {
        for asked in [
            "https://app.example/cb?x=1",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:49152/cb",
            "http://[::1]:9/cb",
            "http://localhost/cb",
            "com.example.app:/cb",
        ] {
            assert!(registered(asked), "{asked}");
        }
        for asked in [
            "",
            "https://app.example/cb",
            "https://app.example/cb?x=1&y=2",
            "https://app.example/cb?x=1#f",
            "https://app.example:443/cb?x=1",
            "https://APP.example/cb?x=1",
            "https://app.example/CB?x=1",
            "https://app.example/./cb?x=1",
            "https://app.example/%63b?x=1",
            "https://app.example.evil.example/cb?x=1",
            "https://app.example@evil.example/cb?x=1",
            "https://evil.example/https://app.example/cb?x=1",
            "http://app.example/cb?x=1",
            "//app.example/cb?x=1",
            "http://127.0.0.1:1@evil.example/cb",
            "http://127.0.0.1:80.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:8/other",
            "http://127.0.0.1:8\\@evil.example/cb",
            "http://127.1:8/cb",
            "https://127.0.0.1:8/cb",
            "http://localhost:8/cb",
            "com.example.app:/cb/",
            "COM.example.app:/cb",
        ] {
            assert!(!registered(asked), "{asked}");
        }
    }

    #[test]
    fn only_addresses_that_can_be_trusted_are_registered() {
        for uri in ["https://a.example/cb", "http://localhost:1/cb", "http://[::1]/", "com.a:/cb"] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
        for uri in [
            "/cb",
            "http://a.example/cb",
            "https://a.example/#f",
            "https://u:p@a.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/cb",
            "https://a.example/ä",
            "",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_policy_and_a_page_name_the_origin_or_the_scheme() {
        for (uri, source) in [
            ("https://a.example/cb?x", "https://a.example"),
            ("http://127.0.0.1:8/cb", "http://127.0.0.1:8"),
            ("http://[::1]:8/cb", "http:"),
            ("https://a;x/cb", "https:"),
            ("com.example.app:/cb", "com.example.app:"),
        ] {
            assert_eq!(policy_source(uri), source);
        }
        for (uri, text) in [
            ("https://a.example/cb?x", "https://a.example"),
            ("http://[::1]:8/cb", "http://[::1]:8"),
            ("com.example.app:/cb", "com.example.app:"),
        ] {
            assert_eq!(shown(uri), text);
        }
    }
}
