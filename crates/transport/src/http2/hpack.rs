//! Header blocks (RFC 7541): fields out of the other side's bytes, and ours into bytes.
//!
//! What we read never refers to earlier blocks: we announce that we remember no field. What the
//! other side remembers of ours is for the caller to count. Knows no frame and no field's meaning.

use super::huffman::{self, HuffmanError};
use std::borrow::Cow;

/// Why a header block cannot be read. Nothing after it on the same connection can be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HpackError {
    /// Zero, or an entry of the table we announced to be empty.
    #[error("header block refers to entry {0}, and there are 61")]
    Index(u32),
    /// A number that takes more than 32 bits or five further bytes.
    #[error("header block has a number above 32 bits")]
    Integer,
    /// The block ends within a field.
    #[error("header block ends within a field")]
    Cut,
    /// A text whose code is broken.
    #[error("header block has a text with a broken Huffman code")]
    Huffman,
    /// The table we announced to be empty is given a size, or is resized after a field.
    #[error("header block resizes the table, which has 0 bytes")]
    TableSize,
    /// Names and values have more bytes than are taken.
    #[error("header block has fields above {0} bytes")]
    TooLarge(usize),
}

/// Gives the fields of one block to `each`, in order, as name and value. Together these have at most
/// `max_bytes`; what would exceed them is not made. Fields before an error have been given.
///
/// Holds for a connection to which we announced a table of 0 bytes: a field that asks to be
/// remembered is given like any other.
pub(super) fn decode<'a>(
    block: &'a [u8],
    max_bytes: usize,
    mut each: impl FnMut(Cow<'a, [u8]>, Cow<'a, [u8]>),
) -> Result<(), HpackError> {
    let mut block = Block { rest: block, room: max_bytes, max_bytes };
    while let Some(0x20..0x40) = block.rest.first() {
        if block.integer(5)? > 0 {
            return Err(HpackError::TableSize);
        }
    }
    while let Some(&first) = block.rest.first() {
        let (name, value) = match first {
            0x80.. => {
                let entry = block.integer(7)?;
                let (name, value) = known(entry)?;
                (block.charge(name)?, block.charge(value)?)
            }
            0x40.. => block.literal(6)?,
            0x20.. => return Err(HpackError::TableSize),
            // Some fields must not be remembered by anyone on the way; we remember none.
            _ => block.literal(4)?,
        };
        each(name, value);
    }
    Ok(())
}

/// Name and value.
type Field<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// What is left of a block.
struct Block<'a> {
    rest: &'a [u8],
    /// How many bytes of names and values may still come.
    room: usize,
    max_bytes: usize,
}

impl<'a> Block<'a> {
    fn byte(&mut self) -> Result<u8, HpackError> {
        let (first, rest) = self.rest.split_first().ok_or(HpackError::Cut)?;
        self.rest = rest;
        Ok(*first)
    }

    /// A number which begins in the lowest bits of the next byte.
    fn integer(&mut self, bits: u32) -> Result<u32, HpackError> {
        let most = (1_u64 << bits) - 1;
        let mut number = u64::from(self.byte()?) & most;
        if number == most {
            let mut shift = 0;
            loop {
                let byte = self.byte()?;
                number += u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
                if shift >= 35 {
                    return Err(HpackError::Integer);
                }
            }
        }
        u32::try_from(number).map_err(|_| HpackError::Integer)
    }

    /// A field whose value, and maybe name, is spelled out.
    fn literal(&mut self, bits: u32) -> Result<Field<'a>, HpackError> {
        let name = match self.integer(bits)? {
            0 => self.text()?,
            entry => self.charge(known(entry)?.0)?,
        };
        Ok((name, self.text()?))
    }

    fn text(&mut self) -> Result<Cow<'a, [u8]>, HpackError> {
        let coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = usize::try_from(self.integer(7)?).unwrap_or(usize::MAX);
        let (text, rest) = self.rest.split_at_checked(length).ok_or(HpackError::Cut)?;
        self.rest = rest;
        let text = if coded {
            Cow::Owned(huffman::decode(text, self.room).map_err(|error| match error {
                HuffmanError::Malformed => HpackError::Huffman,
                HuffmanError::TooLong => HpackError::TooLarge(self.max_bytes),
            })?)
        } else {
            Cow::Borrowed(text)
        };
        self.take_room(text.len())?;
        Ok(text)
    }

    /// A text of the fixed table; it counts like one that was sent.
    fn charge(&mut self, text: &'static str) -> Result<Cow<'a, [u8]>, HpackError> {
        self.take_room(text.len())?;
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), HpackError> {
        self.room = self.room.checked_sub(bytes).ok_or(HpackError::TooLarge(self.max_bytes))?;
        Ok(())
    }
}

/// An entry of the fixed table, counted from 1.
fn known(entry: u32) -> Result<(&'static str, &'static str), HpackError> {
    let place = usize::try_from(entry).ok().and_then(|entry| entry.checked_sub(1));
    place.and_then(|place| KNOWN.get(place)).copied().ok_or(HpackError::Index(entry))
}

/// Whether the other side shall remember a field, as its newest entry: 62, and one more for each
/// that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexing {
    Incremental,
    Without,
}

/// Writes a field that the other side knows: one of the fixed table, or one it remembers.
pub(super) fn put_indexed(out: &mut Vec<u8>, index: u32) {
    put_integer(out, 0x80, 7, index.into());
}

/// Writes a field with its value spelled out. Its name is that of an entry; entry 0 stands for
/// `name`, which is ignored otherwise and is in lower case.
pub(super) fn put_literal(
    out: &mut Vec<u8>,
    indexing: Indexing,
    name_index: u32,
    name: &str,
    value: &[u8],
) {
    match indexing {
        Indexing::Incremental => put_integer(out, 0x40, 6, name_index.into()),
        Indexing::Without => put_integer(out, 0x00, 4, name_index.into()),
    }
    if name_index == 0 {
        put_text(out, name.as_bytes());
    }
    put_text(out, value);
}

/// Writes how many bytes of fields the other side shall remember from now on. Stands before the
/// fields of a block.
pub(super) fn put_size_update(out: &mut Vec<u8>, size: u32) {
    put_integer(out, 0x20, 5, size.into());
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_integer(out, 0x00, 7, text.len() as u64);
    out.extend_from_slice(text);
}

/// Writes a number into the lowest bits of a byte whose others are `pattern`, and what follows.
fn put_integer(out: &mut Vec<u8>, pattern: u8, bits: u32, number: u64) {
    let most = (1_u8 << bits) - 1;
    let Some(mut rest) = number.checked_sub(most.into()) else {
        out.push(pattern | number as u8);
        return;
    };
    out.push(pattern | most);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The fixed table (RFC 7541, appendix A).
#[rustfmt::skip]
pub(super) const KNOWN: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
    (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
    (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""),
    ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""),
    ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
    ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
    ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""),
    ("vary", ""), ("via", ""), ("www-authenticate", ""),
];

#[cfg(test)]
mod tests;
