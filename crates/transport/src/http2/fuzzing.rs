//! What the fuzz targets reach of this module, which nobody else needs.

use super::hpack;

/// Names and values of a header block.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The fields of a block that have at most so many bytes together.
///
/// # Errors
/// Why it cannot be read.
pub fn read_block(block: &[u8], most: usize) -> Result<Fields, String> {
    let mut fields = Fields::new();
    hpack::decode(block, most, |name, value| fields.push((name.into_owned(), value.into_owned())))
        .map_err(|error| error.to_string())?;
    Ok(fields)
}
