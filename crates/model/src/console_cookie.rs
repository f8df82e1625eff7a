//! The cookie of a session of the console, by its name. Browsers send cookies of a host to each of its ports, so the port for
//! clients must neither pass it to plugins nor let them set it. Other cookies stay what they are, byte by byte.

/// What it is called. The prefix makes browsers keep it to this host, to TLS and to all paths.
pub const CONSOLE_COOKIE: &str = "__Host-sidegate_console";

/// Whether the value of a `Set-Cookie` field sets it, or could be read so.
pub fn is_set_by(value: &[u8]) -> bool {
    is_it(value.split(|byte| *byte == b';').next().unwrap_or_default())
}

/// Whether it is among the cookies of a `Cookie` field.
pub fn is_within(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').any(is_it)
}

/// The other cookies of a `Cookie` field.
pub fn removed_from(value: &[u8]) -> Vec<u8> {
    let kept: Vec<_> = value.split(|byte| *byte == b';').filter(|cookie| !is_it(cookie)).collect();
    let joined = kept.join(&b';');
    let is_first_gone = value.split(|byte| *byte == b';').next().is_some_and(is_it);
    if is_first_gone { joined.trim_ascii_start().to_vec() } else { joined }
}

/// What is left of a `Clear-Site-Data` field that may not clear cookies, which are those of the host on every port. What
/// else it can clear belongs to an origin, and so to one port. None where that is nothing.
pub fn left_to_clear(value: &[u8]) -> Option<Vec<u8>> {
    let mut left: Vec<&[u8]> = Vec::new();
    for kind in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        let named = kind.strip_prefix(b"\"").unwrap_or(kind);
        let named = named.strip_suffix(b"\"").unwrap_or(named).trim_ascii();
        match named {
            b"" => {}
            b"*" => left.extend([&b"\"cache\""[..], b"\"storage\""]),
            _ if named.eq_ignore_ascii_case(b"cookies") => {}
            _ => left.push(kind),
        }
    }
    (!left.is_empty()).then(|| left.join(&b", "[..]))
}

/// Whether a cookie, with its value, has this name: in any case of letters, in quotes or not, and also as the value of a
/// cookie without a name, which browsers send without the `=`.
fn is_it(cookie: &[u8]) -> bool {
    let is_around = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"');
    let start = cookie.iter().position(|byte| !is_around(byte)).unwrap_or(cookie.len());
    let Some((name, rest)) = cookie[start..].split_at_checked(CONSOLE_COOKIE.len()) else {
        return false;
    };
    // Nearly all others differ in the first of these.
    name.eq_ignore_ascii_case(CONSOLE_COOKIE.as_bytes()) && rest.first().is_none_or(is_around)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_however_it_is_written_and_no_other_is_taken_for_it() {
        for own in [
            "__Host-sidegate_console=x",
            "  __Host-sidegate_console = x",
            "\t__HOST-SIDEGATE_CONSOLE\t=x",
            "\"__Host-sidegate_console\"=x",
            "=__Host-sidegate_console=x",
            " = \"__host-sidegate_console",
            "__Host-sidegate_console",
            "__Host-sidegate_console=x; path=/; SECURE; SameSite=None",
            "__Host-sidegate_console=; Max-Age=0",
        ] {
            assert!(is_set_by(own.as_bytes()), "{own:?}");
        }
        for other in [
            "",
            "=",
            "__Host-sidegate_console2=x",
            "__Host-sidegate=x",
            "x__Host-sidegate_console=x",
            "a=__Host-sidegate_console=x",
            "a=1; __Host-sidegate_console=x",
            "__Secure-sidegate_console=x",
        ] {
            assert!(!is_set_by(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn cookies_are_never_cleared_and_what_is_of_one_origin_is() {
        let rows = [
            ("\"cookies\"", None),
            ("\"Cookies\" , cookies,\" cookies \",", None),
            ("", None),
            ("\"*\"", Some("\"cache\", \"storage\"")),
            ("*", Some("\"cache\", \"storage\"")),
            ("\"cache\",\"cookies\", \"storage\"", Some("\"cache\", \"storage\"")),
            ("\"executionContexts\"", Some("\"executionContexts\"")),
        ];
        for (sent, left) in rows {
            let expected = left.map(|left| left.as_bytes().to_vec());
            assert_eq!(left_to_clear(sent.as_bytes()), expected, "{sent}");
        }
    }

    #[test]
    fn the_others_stay_byte_by_byte() {
        let rows = [
            ("a=1; __Host-sidegate_console=x; b=\"2\"", "a=1; b=\"2\""),
            ("__Host-sidegate_console=x; b=2 ;c", "b=2 ;c"),
            ("a=1;__Host-sidegate_console=x", "a=1"),
            ("a=1;  b=2;;c=\u{e4}; __Host-sidegate_console", "a=1;  b=2;;c=\u{e4}"),
            ("__Host-sidegate_console=x", ""),
            ("__Host-sidegate_console=x; __Host-sidegate_console=y; a=1", "a=1"),
        ];
        for (sent, left) in rows {
            assert!(is_within(sent.as_bytes()), "{sent}");
            assert_eq!(removed_from(sent.as_bytes()), left.as_bytes(), "{sent}");
        }
        assert!(!is_within(b"a=1; b=__Host-sidegate_console; c"));
    }
}
