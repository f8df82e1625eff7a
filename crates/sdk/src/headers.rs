//! Headers as they stand on the wire: an ordered list in which names may repeat.
//!
//! Knows the spelling of names and the rules for joining values, but not who sends them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use bytes::Bytes;
use sidegate_transport::codec::Fields;

/// The one header whose values must never be joined with commas.
const SET_COOKIE: &str = "Set-Cookie";
/// Separates the pairs of cookies; a comma would be part of one.
const COOKIE: &str = "Cookie";

/// An ordered list of headers. Names are compared without regard to letter case and may repeat;
/// a value is bytes, almost always text.
#[derive(Clone, Default)]
pub struct Headers {
    /// Those that arrived, left in their message.
    received: Fields,
    /// Those that were added here.
    fields: Vec<(String, Bytes)>,
}

/// Why a header cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHeader {
    #[error("the name is not a token of letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    #[error("the value has a line break or another control character")]
    Value,
}

impl Headers {
    /// The first value of a header, when it is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of a header.
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        let mut named = self.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    /// Every value of a header, in order.
    pub fn get_all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }

    /// Whether a header is there at all.
    pub fn contains(&self, name: &str) -> bool {
        self.get_bytes(name).is_some()
    }

    /// Every header in the order in which they were sent or added, repeated ones each time.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
        self.received.iter().chain(fields)
    }

    /// How many headers there are; a repeated one counts each time.
    pub fn len(&self) -> usize {
        self.received.count() + self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a header after the others, also one that is there already.
    pub(crate) fn append(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHeader> {
        check(name, value)?;
        self.fields.push((name.to_owned(), Bytes::copy_from_slice(value)));
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) {
        debug_assert_eq!(self.received.count(), 0, "nobody changes what arrived");
        self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// What a host sent. It is taken as it is: the host has checked it. A map is sorted by name, for
    /// it has no order.
    pub(crate) fn received(received: Fields) -> Self {
        if !received.is_map() {
            return Self { received, fields: Vec::new() };
        }
        let shared = |(name, value): (&str, &[u8])| (name.to_owned(), received.share(value));
        let mut fields: Vec<_> = received.iter().map(shared).collect();
        fields.sort();
        Self::of(fields)
    }

    /// Headers that were made somewhere else.
    pub(crate) fn of(fields: Vec<(String, Bytes)>) -> Self {
        Self { received: Fields::default(), fields }
    }

    /// One text for each name, for hosts that know no list: values are joined as RFC 9110 allows;
    /// of several `Set-Cookie`, which cannot be joined, the first stays.
    pub(crate) fn to_map(&self) -> HashMap<String, String> {
        let mut map: HashMap<String, String> = HashMap::with_capacity(self.len());
        for (name, value) in self.iter() {
            let text = String::from_utf8_lossy(value);
            match map.entry(canonical(name)) {
                Entry::Vacant(vacant) => _ = vacant.insert(text.into_owned()),
                Entry::Occupied(first) if first.key() == SET_COOKIE => {}
                Entry::Occupied(mut joined) => {
                    let separator = if joined.key() == COOKIE { "; " } else { ", " };
                    joined.get_mut().push_str(separator);
                    joined.get_mut().push_str(&text);
                }
            }
        }
        map
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Names only: values may be credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

fn check(name: &str, value: &[u8]) -> Result<(), InvalidHeader> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(InvalidHeader::Name);
    }
    if value.iter().any(|b| (b.is_ascii_control() && *b != b'\t') || *b == 0x7f) {
        return Err(InvalidHeader::Value);
    }
    Ok(())
}

/// The spelling under which hosts and plugins look a name up: `x-request-id` → `X-Request-Id`.
pub(crate) fn canonical(name: &str) -> String {
    let mut word_starts = true;
    name.chars()
        .map(|c| {
            let c = if word_starts { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            word_starts = c == '-';
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.append(name, value.as_bytes()).unwrap();
        }
        headers
    }

    #[test]
    fn lookup_ignores_case_and_keeps_every_value_in_order() {
        let headers = headers(&[("X-A", "1"), ("b", "2"), ("x-a", "3")]);
        assert_eq!(headers.get("x-A"), Some("1"));
        assert_eq!(headers.get_all("X-a").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(headers.get("c"), None);
    }

    #[test]
    fn the_map_joins_what_may_be_joined() {
        let headers = headers(&[
            ("vary", "a"),
            ("VARY", "b"),
            ("set-cookie", "x=1"),
            ("set-cookie", "y=2"),
            ("etag", "e"),
        ]);
        let map = headers.to_map();
        assert_eq!(map["Vary"], "a, b");
        assert_eq!(map["Set-Cookie"], "x=1");
        assert_eq!(map["Etag"], "e");
        assert_eq!(headers.iter().count(), 5);
    }

    #[test]
    fn what_would_break_a_message_is_refused() {
        let mut headers = Headers::default();
        assert_eq!(headers.append("", b"x"), Err(InvalidHeader::Name));
        assert_eq!(headers.append("a b", b"x"), Err(InvalidHeader::Name));
        assert_eq!(headers.append("a:", b"x"), Err(InvalidHeader::Name));
        assert_eq!(headers.append("a", b"x\r\nSet-Cookie: y"), Err(InvalidHeader::Value));
        assert_eq!(headers.append("a", b"x\0"), Err(InvalidHeader::Value));
        assert_eq!(headers.append("a", "ä\tö".as_bytes()), Ok(()));
        assert_eq!(headers.append("b", b"\xff"), Ok(()));
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn debug_output_holds_no_values() {
        let text = format!("{:?}", headers(&[("Authorization", "secret")]));
        assert_eq!(text, "[\"Authorization\"]");
    }
}
