//! Header blocks and their Huffman code, against another decoder.
//!
//! An input is a block; it is read as a text in Huffman code as well.

use crate::verdict::{Outcome, Verdict, ensure, same};
use loona_hpack::Decoder;
use loona_hpack::decoder::{DecoderError, IntegerDecodingError};
use sidegate_transport::http2::fuzzing::read_block;

/// Parts of header blocks.
pub const WORDS: &[&[u8]] = &[
    b"\x88",
    b"\x82\x86\x84",
    b"\x00\x0bgrpc-status\x010",
    b"\x40\x0bgrpc-status\x010",
    b"\x10\x01a\x01b",
    b"\x0f\x10\x10application/grpc",
    b"\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64",
    b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\xbe",
    b"\xbd",
    b"\x7f\x80\x80\x80\x80\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\x80",
    b"\x82\xff\xff",
];

/// Names and values.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;
/// The decoder that is tried.
pub type Reader = fn(&[u8]) -> Result<Fields, String>;

/// What fits into no input.
const MOST: usize = 1 << 20;

/// Tries the client's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(|block| read_block(block, MOST), input)
}

/// Tries a decoder.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let fields = compare(read, input)?;
    let coded = &input[..input.len().min(126)];
    let block = [b"\x00\x01a", &[0x80 | coded.len() as u8][..], coded].concat();
    let text = compare(read, &block)?;
    let shape = |fields: Option<Fields>| {
        fields.map(|fields| fields.iter().map(|(n, v)| (n.len(), v.len())).collect::<Vec<_>>())
    };
    Ok(Outcome::of(&(shape(fields), shape(text))))
}

fn compare(read: Reader, block: &[u8]) -> Result<Option<Fields>, String> {
    let ours = read(block);
    // The table was announced to have no room.
    let mut decoder = Decoder::new();
    decoder.set_max_table_size(0);
    decoder.set_max_allowed_table_size(0);
    match decoder.decode(block) {
        Ok(theirs) => match &ours {
            // The standard wants changes of the table before all fields; they take them anywhere.
            Err(why) if why.contains("resizes the table") => {}
            _ => same("fields", &ours.clone().ok(), &Some(theirs))?,
        },
        // They take shorter numbers than there are, and no change of the table alone.
        Err(DecoderError::IntegerDecodingError(IntegerDecodingError::TooManyOctets)) => {}
        Err(DecoderError::SizeUpdateAtEnd) => {}
        Err(why) => ensure(ours.is_err(), || format!("{ours:?} is read where {why}"))?,
    }
    Ok(ours.ok())
}
