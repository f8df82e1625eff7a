//! The endpoint messages as bytes, written and read by hand.
//!
//! What a request costs is mostly copying, so nothing is copied that can be borrowed: messages are
//! written straight from headers and texts with the body last and apart, and read as slices of what
//! arrived. The bytes mean what the generated types would make of them, in both directions; the
//! order of fields is free. Knows the messages, not what a header may say.

mod answer;
mod fields;
mod grammar;
mod put;
mod request;
#[cfg(test)]
mod tests;
mod text;

pub use answer::{Answer, AnswerParts, Chunk, ChunkParts};
pub use fields::Fields;
pub use grammar::Malformed;
pub use put::{Encoded, TooLarge};
pub use request::{Context, ReceivedRequest, RequestParts, encode_app, encode_facts};
pub use text::Text;
