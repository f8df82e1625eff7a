//! The fields of a head as far as `:path` goes: HPACK (RFC 7541) with the other side's table, of
//! which only sizes, and what concerns a `:path`, are kept.

use super::super::hpack::KNOWN;
use super::super::huffman;
use std::collections::VecDeque;

/// What an entry of the table counts beside its texts.
const ENTRY: usize = 32;
/// The size of the table before the other side says otherwise; it may not say more.
const TABLE: usize = 4096;
const PATH: &[u8] = b":path";
/// Longer than `:path` is in any form.
const LONGEST_CODED_PATH: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Name {
    length: usize,
    is_path: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Name,
    size: usize,
    /// A `:path` with a fragment.
    has_fragment: bool,
}

/// The other side's table.
pub(super) struct Block {
    table: VecDeque<Entry>,
    size: usize,
    most: usize,
}

impl Default for Block {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, most: TABLE }
    }
}

impl Block {
    /// Reads a whole block: whether a `:path` in it has a fragment. `None` for a broken block, after
    /// which nothing more can be read.
    pub(super) fn read(&mut self, block: &[u8]) -> Option<bool> {
        let mut rest = Rest(block);
        let mut found = false;
        while let Some(first) = rest.0.first().copied() {
            found |= match first {
                0x80.. => self.known(rest.number(7)?)?.has_fragment,
                0x40.. => {
                    let name = self.name(&mut rest, 6)?;
                    let (length, has_hash) = rest.text(true)?;
                    let has_fragment = name.is_path && has_hash;
                    self.remember(Entry { name, size: name.length + length + ENTRY, has_fragment });
                    has_fragment
                }
                0x20.. => {
                    self.most = rest.number(5).filter(|most| *most <= TABLE)?;
                    self.make_room(0);
                    false
                }
                _ => {
                    let name = self.name(&mut rest, 4)?;
                    rest.text(name.is_path)?.1 && name.is_path
                }
            };
        }
        Some(found)
    }

    fn known(&self, index: usize) -> Option<Entry> {
        if let Some((name, _)) = KNOWN.get(index.checked_sub(1)?) {
            let name = Name { length: name.len(), is_path: name.as_bytes() == PATH };
            return Some(Entry { name, size: 0, has_fragment: false });
        }
        self.table.get(index - 1 - KNOWN.len()).copied()
    }

    fn name(&self, rest: &mut Rest<'_>, bits: u32) -> Option<Name> {
        match rest.number(bits)? {
            0 => rest.name(),
            index => Some(self.known(index)?.name),
        }
    }

    fn remember(&mut self, entry: Entry) {
        self.make_room(entry.size);
        if entry.size <= self.most {
            self.size += entry.size;
            self.table.push_front(entry);
        }
    }

    /// Forgets the oldest entries until so much more fits, or all of them.
    fn make_room(&mut self, size: usize) {
        while self.size + size > self.most
            && let Some(oldest) = self.table.pop_back()
        {
            self.size -= oldest.size;
        }
    }
}

/// What is left of a block.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number which begins in the lowest bits of the next byte.
    fn number(&mut self, bits: u32) -> Option<usize> {
        let most = (1_usize << bits) - 1;
        let mut number = usize::from(self.byte()?) & most;
        if number < most {
            return Some(number);
        }
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The bytes of a text, and whether they are coded.
    fn coded(&mut self) -> Option<(&'a [u8], bool)> {
        let is_coded = self.0.first()? & 0x80 != 0;
        let length = self.number(7)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((text, is_coded))
    }

    /// How long a text is and whether it has the character that begins a fragment; not looked at
    /// where nobody wants to know.
    fn text(&mut self, wanted: bool) -> Option<(usize, bool)> {
        match self.coded()? {
            _ if !wanted => Some((0, false)),
            (text, true) => huffman::scan(text, b'#'),
            (text, false) => Some((text.len(), text.contains(&b'#'))),
        }
    }

    fn name(&mut self) -> Option<Name> {
        let (text, is_coded) = self.coded()?;
        if !is_coded {
            return Some(Name { length: text.len(), is_path: text == PATH });
        }
        let (length, _) = huffman::scan(text, b'#')?;
        let is_path = text.len() <= LONGEST_CODED_PATH
            && huffman::decode(text, PATH.len()).is_ok_and(|name| name == PATH);
        Some(Name { length, is_path })
    }
}
