//! Headers and other named values, left where they are in the message.

use super::grammar::{Malformed, Reader, Value, pair};
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
        let (entries, listed) = match self.is_map {
            true => (self.last_of_each(), &[][..]),
            false => (Vec::new(), &self.message[..]),
        };
        let mut reader = Reader::new(listed);
        entries.into_iter().chain(std::iter::from_fn(move || next(&mut reader, self.field)))
    }

    fn last_of_each(&self) -> Vec<(&str, &[u8])> {
        let mut reader = Reader::new(&self.message);
        let all: Vec<_> = std::iter::from_fn(|| next(&mut reader, self.field)).collect();
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
        let mut found = found.filter(|(known, _)| *known == name).map(|(_, value)| value);
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

fn next<'a>(reader: &mut Reader<'a>, wanted: u32) -> Option<(&'a str, &'a [u8])> {
    // All of it was checked when the message was read.
    while let Ok(Some((field, value))) = reader.next() {
        if field == wanted {
            return pair(value.bytes().ok()?).ok();
        }
    }
    None
}

/// Names only: values may be credentials.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Counts what [`Fields`] will show.
#[derive(Default)]
pub(super) struct Counted {
    count: usize,
    bytes: usize,
}

impl Counted {
    /// Takes note of a map's entry, a text.
    pub(super) fn entry(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (name, value) = pair(value.bytes()?)?;
        std::str::from_utf8(value).map_err(|_| Malformed::TEXT)?;
        self.add(name, value);
        Ok(())
    }

    /// Takes note of a header of the list.
    pub(super) fn listed(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        let (name, value) = pair(value.bytes()?)?;
        self.add(name, value);
        Ok(())
    }

    fn add(&mut self, name: &str, value: &[u8]) {
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
