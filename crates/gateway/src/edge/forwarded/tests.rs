//! What proxies in the field write, and what clients write to look like them.

use super::*;
use crate::edge::proxies::Network;
use proptest::prelude::*;

fn proxies(believed: Believed) -> Proxies {
    Proxies { trusted: vec![Network::parse("10.0.0.0/8").unwrap()], believed }
}

fn info(believed: Believed, fields: &[(&'static str, &[u8])]) -> ForwardedInfo {
    let fields = fields.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    fields.for_each(|(name, value)| _ = headers.append(name, value));
    ForwardedInfo::read(&headers, &proxies(believed))
}

fn client(believed: Believed, fields: &[(&'static str, &[u8])]) -> Option<String> {
    info(believed, fields).client.map(|ip| ip.to_string())
}

#[test]
fn an_address_is_read_in_every_form_that_proxies_write() {
    for (element, read) in [
        ("203.0.113.9", Some("203.0.113.9")),
        ("203.0.113.9:51234", Some("203.0.113.9")),
        (" 203.0.113.9\t", Some("203.0.113.9")),
        ("\"203.0.113.9:51234\"", Some("203.0.113.9")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[2001:DB8::1]:443", Some("2001:db8::1")),
        ("\"[2001:db8::1]:_hidden\"", Some("2001:db8::1")),
        ("::ffff:203.0.113.9", Some("203.0.113.9")),
        ("\"203.0.113.\\9\"", Some("203.0.113.9")),
        ("", None),
        ("unknown", None),
        ("_gazonk", None),
        ("203.0.113.9:", None),
        ("203.0.113.9:port", None),
        ("203.0.113.9:123456", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]443", None),
        ("2001:db8::1]:443", None),
        ("\"203.0.113.9", None),
        ("203.0.113.9\"", None),
        ("203.0.113.09", None),
    ] {
        let found = address(element.as_bytes()).map(|ip| ip.to_string());
        assert_eq!(found.as_deref(), read, "{element}");
    }
    assert_eq!(address(b"203.0.113.9\xe4"), None);
}

#[test]
fn the_list_is_read_from_the_right_until_nobody_is_trusted() {
    for (lines, found) in [
        (&[&b"203.0.113.9:51234, 10.0.0.6"[..]][..], Some("203.0.113.9")),
        (&[b"6.6.6.6, 203.0.113.9, 10.0.0.6:80"], Some("203.0.113.9")),
        (&[b"6.6.6.6", b"203.0.113.9", b"10.0.0.6"], Some("203.0.113.9")),
        (&[b"203.0.113.9, , 10.0.0.6,"], Some("203.0.113.9")),
        (&[b"10.0.0.5, 10.0.0.6"], Some("10.0.0.5")),
        (&[b"\xe4, 203.0.113.9"], Some("203.0.113.9")),
        (&[b"6.6.6.6, unknown, 10.0.0.6"], Some("10.0.0.6")),
        (&[b"6.6.6.6, \xe4"], None),
        (&[b"6.6.6.6, 203.0.113.9 10.0.0.6"], None),
        (&[b""], None),
    ] {
        let fields: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        assert_eq!(client(Believed::XForwardedFor, &fields).as_deref(), found, "{lines:?}");
    }
}

#[test]
fn forwarded_is_read_where_it_is_the_one_that_is_believed() {
    let read = |lines: &[&[u8]]| {
        let fields: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        let ForwardedInfo { client, scheme, host } = info(Believed::Forwarded, &fields);
        let host = host.map(|host| String::from_utf8(host).unwrap());
        (client.map(|ip| ip.to_string()), scheme, host)
    };
    let found = |ip: &str, scheme, host: Option<&str>| {
        (Some(ip.to_owned()), scheme, host.map(str::to_owned))
    };
    let https = Some(Scheme::Https);
    assert_eq!(read(&[b"for=203.0.113.9"]), found("203.0.113.9", None, None));
    assert_eq!(
        read(&[b"For=\"[2001:db8::1]:4711\";Proto=HTTPS;by=203.0.113.43; host=\"a.example:8443\""]),
        found("2001:db8::1", https, Some("a.example:8443"))
    );
    assert_eq!(
        read(&[b"for=6.6.6.6", b"for=203.0.113.9;proto=https, for=\"10.0.0.6\";proto=http"]),
        found("203.0.113.9", https, None)
    );
    assert_eq!(
        read(&[b"for=203.0.113.9;host=\"a,b;c\";ext=\"q\\\",;\""]),
        found("203.0.113.9", None, None)
    );
    let nobody = (None, None, None);
    for line in ["proto=https", "for=unknown", "for=1.2.3.4;for=1.2.3.5", "203.0.113.9", "for"] {
        assert_eq!(read(&[line.as_bytes()]), nobody, "{line}");
    }
}

#[test]
fn only_the_field_that_is_believed_says_anything() {
    let both: [(&str, &[u8]); 4] = [
        ("x-forwarded-for", b"192.0.2.1"),
        ("x-forwarded-proto", b"https"),
        ("x-real-ip", b"192.0.2.2"),
        ("forwarded", b"for=192.0.2.3"),
    ];
    assert_eq!(client(Believed::XForwardedFor, &both).as_deref(), Some("192.0.2.1"));
    assert_eq!(info(Believed::XForwardedFor, &both).scheme, Some(Scheme::Https));
    assert_eq!(client(Believed::Forwarded, &both).as_deref(), Some("192.0.2.3"));
    assert_eq!(info(Believed::Forwarded, &both).scheme, None);
    assert_eq!(client(Believed::Forwarded, &both[..3]), None);
}

#[test]
fn x_real_ip_counts_only_where_there_is_no_list_at_all() {
    let real: (&str, &[u8]) = ("x-real-ip", b"6.6.6.6");
    let believed = Believed::XForwardedFor;
    assert_eq!(client(believed, &[real]).as_deref(), Some("6.6.6.6"));
    for list in [&b"\xe4"[..], b"", b"unknown", b"nonsense, "] {
        assert_eq!(client(believed, &[("x-forwarded-for", list), real]), None, "{list:?}");
    }
}

#[test]
fn of_the_scheme_and_the_host_the_last_word_counts() {
    let read = |proto: &[u8], host: &[u8]| {
        let fields = [("x-forwarded-proto", proto), ("x-forwarded-host", host)];
        let ForwardedInfo { scheme, host, .. } = info(Believed::XForwardedFor, &fields);
        (scheme, host)
    };
    assert_eq!(read(b"https", b"a.example"), (Some(Scheme::Https), Some(b"a.example".to_vec())));
    assert_eq!(read(b"https, HTTP", b"x, b:1"), (Some(Scheme::Http), Some(b"b:1".to_vec())));
    assert_eq!(read(b"wss", b"a/b"), (Some(Scheme::Https), None));
    assert_eq!(read(b"gopher", b""), (None, None));
}

proptest! {
    #[test]
    fn whatever_a_client_writes_the_hop_that_the_proxy_appended_is_the_client(
        lines in proptest::collection::vec("[ -~\\t]{0,30}|[\",;\\\\= for]{0,20}", 1..4),
        bytes in proptest::collection::vec(0x80_u8.., 0..3),
        appended in any::<bool>(),
    ) {
        for (believed, name, hop) in [
            (Believed::XForwardedFor, "x-forwarded-for", "203.0.113.9:1"),
            (Believed::Forwarded, "forwarded", "proto=https;for=\"203.0.113.9\""),
        ] {
            let mut lines: Vec<_> = lines.iter().map(|line| line.clone().into_bytes()).collect();
            let last = lines.last_mut().unwrap();
            last.extend(&bytes);
            if appended {
                last.extend(b", ");
                last.extend(hop.as_bytes());
            } else {
                lines.push(hop.into());
            }
            let mut fields: Vec<_> = lines.iter().map(|line| (name, &line[..])).collect();
            fields.push(("x-real-ip", b"6.6.6.6"));
            prop_assert_eq!(client(believed, &fields), Some("203.0.113.9".to_owned()));
        }
    }
}
