//! The answers: a whole one, and the chunks of a streamed one.

use super::fields::{Counted, Fields, HEADER_LIST, either};
use super::grammar::{Malformed, Reader};
use super::put::{self, Encoded, Message, TooLarge};
use super::text::Text;
use bytes::Bytes;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;

/// What a message without headers and body takes at most, but for its error message.
const BASE_BYTES: usize = 32;
/// What headers take, as a guess.
const HEADERS_BYTES: usize = 512;

/// A plugin's `EndpointResponse`, as the gateway reads it.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// As sent: whether it is a status of HTTP has not been looked at.
    pub status_code: i32,
    /// The headers: the list where there is one, else the map.
    pub headers: Fields,
    /// As it reaches the client.
    pub body: Bytes,
    /// When not empty, it replaces headers and body.
    pub error_message: Text,
}

impl Answer {
    /// Reads a message. What it holds stays in the message's memory.
    ///
    /// # Errors
    /// [`Malformed`] where the generated type could not be read either.
    pub fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let mut answer = Self::default();
        let (mut map, mut list) = (Counted::default(), Counted::default());
        let mut reader = Reader::new(message);
        while let Some((field, value)) = reader.next()? {
            match field {
                1 => answer.status_code = value.int32()?,
                2 => map.entry(value)?,
                3 => answer.body = message.slice_ref(value.bytes()?),
                4 => answer.error_message = Text::of(message, value)?,
                HEADER_LIST => list.listed(value)?,
                _ => {}
            }
        }
        answer.headers = either(list, (map, 2), message);
        Ok(answer)
    }
}

/// A plugin's `EndpointResponseChunk`, as the gateway reads it.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// What it holds. A kind that is not known reads as HEADERS, as generated types have it.
    pub kind: ChunkType,
    /// With HEADERS and ERROR; as sent, not looked at.
    pub status_code: i32,
    /// The headers: the list where there is one, else the map.
    pub headers: Fields,
    /// With BODY: a piece of the body, as large as the plugin likes.
    pub data: Bytes,
    /// Why the stream failed, where the chunk says so.
    pub error_message: Text,
}

impl Chunk {
    /// Reads a message. What it holds stays in the message's memory.
    ///
    /// # Errors
    /// [`Malformed`] where the generated type could not be read either.
    pub fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let (mut kind, mut status_code) = (0, 0);
        let (mut data, mut error_message) = (Bytes::new(), Text::default());
        let (mut map, mut list) = (Counted::default(), Counted::default());
        let mut reader = Reader::new(message);
        while let Some((field, value)) = reader.next()? {
            match field {
                1 => kind = value.int32()?,
                2 => status_code = value.int32()?,
                3 => map.entry(value)?,
                4 => data = message.slice_ref(value.bytes()?),
                5 => error_message = Text::of(message, value)?,
                HEADER_LIST => list.listed(value)?,
                _ => {}
            }
        }
        let headers = either(list, (map, 3), message);
        let kind = ChunkType::try_from(kind).unwrap_or_default();
        Ok(Self { kind, status_code, headers, data, error_message })
    }
}

/// What an `EndpointResponse` is written from. One of the two forms of headers is enough.
#[derive(Debug, Clone)]
pub struct AnswerParts<'a, L, M> {
    /// The HTTP status, from 100 to 999.
    pub status_code: i32,
    /// Headers in order, for hosts that know the list.
    pub header_list: L,
    /// A text for each name, for hosts that do not.
    pub headers: M,
    /// The whole body; a large one is sent beside the message, without a copy.
    pub body: Bytes,
    /// When not empty, it replaces headers and body.
    pub error_message: &'a str,
}

impl<'a, L, M> AnswerParts<'a, L, M>
where
    L: IntoIterator<Item = (&'a str, &'a [u8])>,
    M: IntoIterator<Item = (&'a str, &'a str)>,
{
    /// Writes the message.
    ///
    /// # Errors
    /// [`TooLarge`] above 4 GiB.
    pub fn encode(self) -> Result<Encoded, TooLarge> {
        let small_body = put::copied_len(&self.body);
        let size = BASE_BYTES + HEADERS_BYTES + self.error_message.len() + small_body;
        let mut message = Message::new(size);
        let out = message.fields();
        put::int32(out, 1, self.status_code);
        headers(out, 2, self.headers, self.header_list);
        put::bytes(out, 4, self.error_message.as_bytes());
        message.finish(3, self.body)
    }
}

/// What an `EndpointResponseChunk` is written from. One of the two forms of headers is enough.
#[derive(Debug, Clone)]
pub struct ChunkParts<'a, L, M> {
    /// Which of the other fields count.
    pub kind: ChunkType,
    /// The status, with HEADERS and ERROR.
    pub status_code: i32,
    /// Headers in order, for hosts that know the list.
    pub header_list: L,
    /// A text for each name, for hosts that do not.
    pub headers: M,
    /// With BODY; a large piece is sent beside the message, without a copy.
    pub data: Bytes,
    /// With ERROR: why the stream failed, for the log of the host.
    pub error_message: &'a str,
}

impl<'a, L, M> ChunkParts<'a, L, M>
where
    L: IntoIterator<Item = (&'a str, &'a [u8])>,
    M: IntoIterator<Item = (&'a str, &'a str)>,
{
    /// Writes the message.
    ///
    /// # Errors
    /// [`TooLarge`] above 4 GiB.
    pub fn encode(self) -> Result<Encoded, TooLarge> {
        let of_headers = if self.kind == ChunkType::Headers { HEADERS_BYTES } else { 0 };
        let small_data = put::copied_len(&self.data);
        let size = BASE_BYTES + of_headers + self.error_message.len() + small_data;
        let mut message = Message::new(size);
        let out = message.fields();
        put::int32(out, 1, self.kind.into());
        put::int32(out, 2, self.status_code);
        headers(out, 3, self.headers, self.header_list);
        put::bytes(out, 5, self.error_message.as_bytes());
        message.finish(4, self.data)
    }
}

fn headers<'a>(
    out: &mut Vec<u8>,
    map_field: u32,
    map: impl IntoIterator<Item = (&'a str, &'a str)>,
    list: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) {
    for (name, value) in map {
        put::pair(out, map_field, name.as_bytes(), value.as_bytes());
    }
    for (name, value) in list {
        put::pair(out, HEADER_LIST, name.as_bytes(), value);
    }
}
