//! Writes the parts of a protobuf message, and the message with its body apart. Knows no message.

use bytes::Bytes;
use http::HeaderName;

/// Bodies up to this many bytes are copied: one frame more costs more than that.
const SMALL_BODY_BYTES: usize = 2048;
/// The gRPC prefix.
const PREFIX_BYTES: usize = 5;

/// A message above 4 GiB, which gRPC's prefix cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message above 4 GiB")]
pub struct TooLarge;

/// A message with its gRPC prefix: what comes first, and the body, which is not copied unless it is
/// small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Prefix and fields, and a small body.
    pub head: Bytes,
    /// The body, or nothing.
    pub body: Bytes,
}

impl Encoded {
    /// A message of a generated type.
    ///
    /// # Errors
    /// [`TooLarge`] above 4 GiB.
    pub fn of(generated: &impl prost::Message) -> Result<Self, TooLarge> {
        let mut message = Message::new(generated.encoded_len());
        message.buffer.extend_from_slice(&generated.encode_to_vec());
        message.finish(1, Bytes::new())
    }

    /// Size of the message without its prefix, in bytes.
    pub fn message_len(&self) -> usize {
        self.head.len() + self.body.len() - PREFIX_BYTES
    }
}

/// A message that is being written; its length is put before it at the end.
pub(super) struct Message {
    buffer: Vec<u8>,
}

impl Message {
    /// A message of about this size, without its body.
    pub(super) fn new(size: usize) -> Self {
        let mut buffer = Vec::with_capacity(PREFIX_BYTES + size);
        buffer.extend_from_slice(&[0; PREFIX_BYTES]);
        Self { buffer }
    }

    pub(super) fn fields(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends the message with its body, which is this field.
    pub(super) fn finish(mut self, field: u32, body: Bytes) -> Result<Encoded, TooLarge> {
        let mut body = body;
        if !body.is_empty() {
            key(&mut self.buffer, field, 2);
            number(&mut self.buffer, body.len() as u64);
        }
        if body.len() <= SMALL_BODY_BYTES {
            self.buffer.extend_from_slice(&body);
            body = Bytes::new();
        }
        let length = self.buffer.len() - PREFIX_BYTES + body.len();
        let length = u32::try_from(length).map_err(|_| TooLarge)?;
        self.buffer[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(Encoded { head: self.buffer.into(), body })
    }
}

/// How much of a body goes into the head.
pub(super) fn copied_len(body: &Bytes) -> usize {
    if body.len() <= SMALL_BODY_BYTES { body.len() } else { 0 }
}

/// How many bytes a number takes.
#[inline]
pub(super) fn number_len(number: u64) -> usize {
    if number < 0x80 {
        return 1;
    }
    let bits = 64 - (number | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[inline]
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

#[inline]
pub(super) fn key(out: &mut Vec<u8>, field: u32, wire_type: u8) {
    number(out, u64::from(field << 3) | u64::from(wire_type));
}

/// A number that may be left out when it is zero.
pub(super) fn int32(out: &mut Vec<u8>, field: u32, value: i32) {
    if value != 0 {
        key(out, field, 0);
        // Negative numbers are told with 64 bits.
        number(out, i64::from(value).cast_unsigned());
    }
}

/// Bytes that may be left out when there are none.
#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        delimited(out, field, value.len());
        out.extend_from_slice(value);
    }
}

/// An element of a list, which counts even when it is empty.
#[inline]
pub(super) fn element(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    delimited(out, field, value.len());
    out.extend_from_slice(value);
}

/// The beginning of a field of this length.
#[inline]
pub(super) fn delimited(out: &mut Vec<u8>, field: u32, length: usize) {
    key(out, field, 2);
    number(out, length as u64);
}

/// How many bytes [`bytes`] writes, for fields below 16.
#[inline]
pub(super) fn bytes_len(length: usize) -> usize {
    if length == 0 { 0 } else { 1 + number_len(length as u64) + length }
}

/// An entry of a map or a header: name and value as fields 1 and 2.
pub(super) fn pair(out: &mut Vec<u8>, field: u32, name: &[u8], value: &[u8]) {
    delimited(out, field, pair_len(name.len(), value.len()));
    bytes(out, 1, name);
    bytes(out, 2, value);
}

/// The same for a header, with the name in its canonical spelling: `x-api-key` → `X-Api-Key`.
pub(super) fn header(out: &mut Vec<u8>, field: u32, name: &HeaderName, value: &[u8]) {
    let name = name.as_str();
    delimited(out, field, pair_len(name.len(), value.len()));
    delimited(out, 1, name.len());
    canonical(out, name.as_bytes());
    bytes(out, 2, value);
}

fn pair_len(name: usize, value: usize) -> usize {
    bytes_len(name) + bytes_len(value)
}

/// Writes a name with capitals at the start of words; all other letters of a header's name are small
/// already. Eight characters at once, for this is done to each field of each request.
fn canonical(out: &mut Vec<u8>, name: &[u8]) {
    // In the highest bit of its byte: a word starts there.
    let mut starts = FIRST;
    let (words, rest) = name.as_chunks::<{ size_of::<u64>() }>();
    for word in words {
        let (spelled, next) = capitals(u64::from_le_bytes(*word), starts);
        out.extend_from_slice(&spelled.to_le_bytes());
        starts = next;
    }
    let mut starts = starts != 0;
    for byte in rest {
        out.push(if starts { byte.to_ascii_uppercase() } else { *byte });
        starts = *byte == b'-';
    }
}

/// One in each byte of eight.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte of eight, which no character of a name has.
const HIGH: u64 = ONES << 7;
/// The same of the first byte alone.
const FIRST: u64 = 1 << 7;

/// Makes capitals of the small letters at which words start, and tells whether one starts after
/// these eight characters. Characters and starts are in the order of their bytes, lowest first.
fn capitals(text: u64, starts: u64) -> (u64, u64) {
    // A sum reaches the highest bit of its byte where the character is at least so large.
    let at_least = |least: u8| text + ONES * u64::from(0x80 - least);
    let small = at_least(b'a') & !at_least(b'z' + 1) & HIGH;
    let hyphens = at_least(b'-') & !at_least(b'-' + 1) & HIGH;
    let starts = starts | hyphens << 8;
    (text ^ (starts & small) >> 2, hyphens >> 56)
}
