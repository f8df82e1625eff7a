//! What proxies say of those they ask for: `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! A list is read from the right, each element by itself, because the proxy that is trusted has
//! written the last one, and a client may have begun the list with anything. Knows nothing of
//! connections.

use super::head::is_host;
use super::proxies::{Believed, Proxies};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sidegate_plugins::Scheme;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The scheme that a proxy names, or the one below which its word runs.
fn read_scheme(text: &[u8]) -> Option<Scheme> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    match () {
        () if is("https") || is("wss") => Some(Scheme::Https),
        () if is("http") || is("ws") => Some(Scheme::Http),
        () => None,
    }
}

/// What a trusted proxy says of a request; `None` where it says nothing that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardedInfo {
    /// For whom it asks: the last one on the way that is no trusted proxy.
    pub client: Option<IpAddr>,
    /// How that one came.
    pub scheme: Option<Scheme>,
    /// The host that one named.
    pub host: Option<Vec<u8>>,
}

impl ForwardedInfo {
    /// Reads the fields of a request that a trusted proxy has sent.
    pub fn read(headers: &HeaderMap, proxies: &Proxies) -> Self {
        match proxies.believed {
            Believed::XForwardedFor => Self::of_x_forwarded(headers, proxies),
            Believed::Forwarded => {
                let elements = elements(headers, &header::FORWARDED);
                let read = |element| Hop::read(element).and_then(Hop::known);
                let (client, hop) = nearest(elements, read, proxies).unzip();
                let Hop { scheme, host, .. } = hop.unwrap_or_default();
                Self { client, scheme, host }
            }
        }
    }

    fn of_x_forwarded(headers: &HeaderMap, proxies: &Proxies) -> Self {
        let client = if headers.contains_key(X_FORWARDED_FOR) {
            let read = |element| Some((address(element)?, ()));
            nearest(elements(headers, &X_FORWARDED_FOR), read, proxies).map(|(client, ())| client)
        } else {
            // For proxies that write nothing else. One that writes the list always writes it.
            elements(headers, &X_REAL_IP).next().and_then(address)
        };
        let scheme = elements(headers, &X_FORWARDED_PROTO).next().and_then(read_scheme);
        let host = elements(headers, &X_FORWARDED_HOST).next();
        let host = host.filter(|host| is_host(host)).map(<[u8]>::to_vec);
        Self { client, scheme, host }
    }
}

/// Follows the way back from proxy to proxy. Where an element cannot be read, the one to the right
/// of it is as far as anybody knows.
fn nearest<'a, T>(
    elements: impl Iterator<Item = &'a [u8]>,
    read: impl Fn(&'a [u8]) -> Option<(IpAddr, T)>,
    proxies: &Proxies,
) -> Option<(IpAddr, T)> {
    let mut nearest = None;
    for element in elements {
        let Some((ip, more)) = read(element) else { break };
        nearest = Some((ip, more));
        if !proxies.trust(ip) {
            break;
        }
    }
    nearest
}

/// The elements of a list, the last one first, over all its lines; none of them is empty.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let lines = headers.get_all(name).iter().rev().map(HeaderValue::as_bytes);
    lines.flat_map(|line| split_from_the_right(line, b',')).filter(|element| !element.is_empty())
}

/// The parts between separators that are not within quotes, the last one first. Quotes that only
/// the first parts leave open do not reach the last ones.
fn split_from_the_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left.take()?;
        let mut within = false;
        let cut = (0..text.len()).rev().find(|at| {
            // A quote that a backslash masks does not begin the text in quotes.
            let is_masked = || within && ends_in_mask(&text[..*at]);
            if text[*at] == b'"' && !is_masked() {
                within = !within;
            }
            text[*at] == separator && !within
        });
        let (before, part) = cut.map_or((None, text), |at| (Some(&text[..at]), &text[at + 1..]));
        left = before;
        Some(part.trim_ascii())
    })
}

fn ends_in_mask(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// A text without its quotes; `None` where they do not fit.
fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let [b'"', inner @ ..] = text else { return Some(Cow::Borrowed(text)) };
    let inner = inner.strip_suffix(b"\"")?;
    if !inner.iter().any(|byte| matches!(byte, b'\\' | b'"')) {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next()?),
            b'"' => return None,
            byte => plain.push(*byte),
        }
    }
    Some(Cow::Owned(plain))
}

/// The address in an element: bare, with a port, in brackets, in quotes. IPv4 comes in its own form.
pub(crate) fn address(element: &[u8]) -> Option<IpAddr> {
    let plain = unquoted(element.trim_ascii())?;
    let text = std::str::from_utf8(&plain).ok()?;
    let address: IpAddr = if let Some(text) = text.strip_prefix('[') {
        let (address, port) = text.split_once(']')?;
        let is_sound = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        address.parse().ok().filter(|_| is_sound)?
    } else if let Ok(address) = text.parse() {
        address
    } else {
        // An IPv6 address without brackets cannot have a port: nobody could tell where it ends.
        let (address, port) = text.split_once(':')?;
        address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port))?.into()
    };
    Some(address.to_canonical())
}

/// A number, or a word that hides it (RFC 7239).
fn is_port(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text.strip_prefix('_') {
        Some(word) => !word.is_empty() && word.bytes().all(is_word),
        None => matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// An element of `Forwarded`.
#[derive(Default)]
struct Hop {
    client: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<Vec<u8>>,
}

impl Hop {
    /// Reads `for=…;proto=…;host=…`; `None` where one of them cannot be read or comes twice.
    fn read(element: &[u8]) -> Option<Self> {
        let (mut client, mut scheme, mut host) = (None, None, None);
        for pair in split_from_the_right(element, b';').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&pair[..equals], &pair[equals + 1..]);
            let before = match name.to_ascii_lowercase().as_slice() {
                b"for" => client.replace(value),
                b"proto" => scheme.replace(value),
                b"host" => host.replace(value),
                _ => None,
            };
            if before.is_some() {
                return None;
            }
        }
        let host = host.and_then(unquoted).filter(|host| is_host(host));
        Some(Self {
            client: client.and_then(address),
            scheme: scheme.and_then(unquoted).and_then(|scheme| read_scheme(&scheme)),
            host: host.map(Cow::into_owned),
        })
    }

    /// The same with its address, if it has one.
    fn known(self) -> Option<(IpAddr, Self)> {
        Some((self.client?, self))
    }
}

#[cfg(test)]
mod tests;
