//! What proxies say of the client they ask for: whatever a client wrote before them, it never chooses
//! its own address.
//!
//! An input are lines of the two fields, as in `X-Forwarded-For: 1.2.3.4`; the trusted proxy then appends
//! the address it saw.

use crate::verdict::{Outcome, Verdict, same};
use http::{HeaderMap, HeaderName, HeaderValue};
use sidegate_gateway::fuzzing::ForwardedInfo;
use sidegate_gateway::{Believed, Network, Proxies};
use std::net::IpAddr;

/// Words that belong into such fields.
pub const WORDS: &[&[u8]] = &[
    b"X-Forwarded-For: ",
    b"Forwarded: ",
    b"X-Real-IP: 6.6.6.6",
    b"\n",
    b", ",
    b"for=",
    b"for=\"[2001:db8::1]:443\"",
    b";proto=https",
    b";host=a",
    b";by=10.0.0.1",
    b"203.0.113.9:51234",
    b"10.0.0.6",
    b"[::1]:80",
    b"::ffff:10.0.0.7",
    b"unknown",
    b"_hidden",
    b"\"",
    b"\\",
    b"\xe4",
    b",,",
];

/// The reader that is tried.
pub type Reader = fn(&HeaderMap, &Proxies) -> Option<IpAddr>;

/// Whom the proxy saw.
const SEEN: [u8; 4] = [198, 51, 100, 7];

/// Tries the gateway's.
///
/// # Errors
/// What it believes that it must not.
pub fn check(input: &[u8]) -> Verdict {
    check_with(|headers, proxies| ForwardedInfo::read(headers, proxies).client, input)
}

/// Tries a reader.
///
/// # Errors
/// What it believes that it must not.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let (seen, mut shapes) = (IpAddr::from(SEEN), Vec::new());
    let trusted = Network::parse("10.0.0.0/8").map_err(|why| format!("no network: {why}"))?;
    for (believed, name, value) in [
        (Believed::XForwardedFor, "x-forwarded-for", "198.51.100.7"),
        (Believed::XForwardedFor, "x-forwarded-for", "198.51.100.7:81, 10.0.0.6:443"),
        (Believed::Forwarded, "forwarded", "for=198.51.100.7"),
        (Believed::Forwarded, "forwarded", "for=198.51.100.7;proto=https, for=\"10.0.0.6:443\""),
    ] {
        let proxies = Proxies { trusted: vec![trusted], believed };
        let name = HeaderName::from_static(name);
        let headers = headers(input);
        // As most proxies do it: behind what is there, in the same line or in a new one.
        let alone = appended(headers.clone(), &name, value.as_bytes(), false);
        let joined = appended(headers.clone(), &name, value.as_bytes(), true);
        for headers in [alone, joined] {
            same("the client", &read(&headers, &proxies), &Some(seen))?;
        }
        // Whatever is told without a word of the proxy is told without a fault.
        shapes.push(read(&headers, &proxies).map(|ip| ip.is_ipv4()));
    }
    Ok(Outcome::of(&shapes))
}

fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(20) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn appended(mut headers: HeaderMap, name: &HeaderName, value: &[u8], join: bool) -> HeaderMap {
    let mut lines: Vec<Vec<u8>> =
        headers.get_all(name).iter().map(|line| line.as_bytes().to_vec()).collect();
    headers.remove(name);
    match lines.last_mut().filter(|_| join) {
        Some(last) => {
            last.extend_from_slice(b", ");
            last.extend_from_slice(value);
        }
        None => lines.push(value.to_vec()),
    }
    for line in lines {
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            headers.append(name, line);
        }
    }
    headers
}
