//! Headers and other named values, left where they are in the message.

use super::grammar::{Malformed, Reader, Value, checked_text, pair};
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt;

/// Where a message says its headers in order; the same in all of them.
pub(super) const HEADER_LIST: u32 = 1000;

/// Named values of a message, checked but left where they are: a list in which names may repeat, or
/// a map.
#[derive(Clone, Default)]
pub struct Fields {
    message: Bytes,
    /// The field of the message whose occurrences these are.
    field: u32,
    is_map: bool,
    count: usize,
    bytes: usize,
}

impl Fields {
    /// How many there are. In a map, a name that comes again counts again.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many bytes all names and values have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether they are a map's: a text for each name, in no order.
    pub fn is_map(&self) -> bool {
        self.is_map
    }

    /// Each name and value. Of a map's entries with the same name the last counts. Reads the message
    /// once, however long it is besides; takes memory for [`count`](Self::count) entries of a map.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs().map(|(name, value)| (text(name), value))
    }

    /// What [`iter`](Self::iter) gives, for those to whom it is the same whether a name is a text.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (entries, listed) = match self.is_map {
            true => (self.last_of_each(), &[][..]),
            false => (Vec::new(), &self.message[..]),
        };
        let mut reader = Reader::new(listed);
        let listed = std::iter::from_fn(move || next(&mut reader, self.field));
        entries.into_iter().chain(listed.take(self.count))
    }

    fn last_of_each(&self) -> Vec<Pair<'_>> {
        let mut reader = Reader::new(&self.message);
        let mut all = Vec::with_capacity(self.count);
        all.extend(std::iter::from_fn(|| next(&mut reader, self.field)).take(self.count));
        if all.len() <= FEW {
            let mut at = 0;
            while at < all.len() {
                let (name, _) = all[at];
                if all[at + 1..].iter().any(|(later, _)| *later == name) {
                    all.remove(at);
                } else {
                    at += 1;
                }
            }
            return all;
        }
        let mut last = HashMap::with_capacity(all.len());
        for (at, (name, _)) in all.iter().enumerate() {
            last.insert(*name, at);
        }
        let kept = all.iter().enumerate().filter(|(at, (name, _))| last.get(name) == Some(at));
        kept.map(|(_, entry)| *entry).collect()
    }

    /// The first value of this very name; in a map the last one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut reader = Reader::new(&self.message);
        let found = std::iter::from_fn(|| next(&mut reader, self.field));
        let mut found =
            found.filter(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value);
        if self.is_map { found.last() } else { found.next() }
    }

    /// A part that [`iter`](Self::iter) gave, sharing the message's memory.
    ///
    /// # Panics
    /// When it is not a part of this message.
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.message.slice_ref(part)
    }
}

/// A name and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// So few entries are compared with each other faster than they are hashed.
const FEW: usize = 16;

fn next<'a>(reader: &mut Reader<'a>, wanted: u32) -> Option<Pair<'a>> {
    // All of it was checked when the message was read.
    while let Ok(Some((field, value))) = reader.next() {
        if field == wanted {
            return pair(value.bytes().ok()?, 0, Ok).ok();
        }
    }
    None
}

/// A name as the text that it was found to be when the message was read.
fn text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}

/// Names only: values may be credentials.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Counts what [`Fields`] will show.
pub(super) struct Counted {
    count: usize,
    bytes: usize,
    /// Within how many messages each of them lies.
    levels: u32,
}

impl Default for Counted {
    fn default() -> Self {
        Self::within(0)
    }
}

impl Counted {
    /// Of a message that lies within so many others.
    pub(super) fn within(levels: u32) -> Self {
        Self { count: 0, bytes: 0, levels: levels + 1 }
    }

    /// Takes note of a map's entry, a text.
    #[inline]
    pub(super) fn entry(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (name, value) = pair(value.bytes()?, self.levels, checked_text)?;
        self.add(name, value);
        Ok(())
    }

    /// Takes note of a header of the list.
    #[inline]
    pub(super) fn listed(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (name, value) = pair(value.bytes()?, self.levels, Ok)?;
        self.add(name, value);
        Ok(())
    }

    fn add(&mut self, name: &[u8], value: &[u8]) {
        self.count += 1;
        self.bytes += name.len() + value.len();
    }

    pub(super) fn map(self, message: &Bytes, field: u32) -> Fields {
        self.fields(message, field, true)
    }

    fn fields(self, message: &Bytes, field: u32, is_map: bool) -> Fields {
        if self.count == 0 {
            return Fields::default();
        }
        Fields { message: message.clone(), field, is_map, count: self.count, bytes: self.bytes }
    }
}

/// The list where there is one, else the map.
pub(super) fn either(list: Counted, map: (Counted, u32), message: &Bytes) -> Fields {
    if list.count > 0 {
        list.fields(message, HEADER_LIST, false)
    } else {
        map.0.map(message, map.1)
    }
}
