//! How bytes arrive: cut where an input says so.

use crate::dice::Dice;

/// Bytes in the pieces in which they arrive.
#[derive(Debug)]
pub struct Pieces<'a> {
    /// All of them.
    pub whole: &'a [u8],
    /// Where they are cut.
    pub cuts: Vec<&'a [u8]>,
}

impl<'a> Pieces<'a> {
    /// The first byte of an input says where the rest is cut: nowhere, at every byte, or anywhere.
    pub fn of(input: &'a [u8]) -> Self {
        let (how, whole) = input.split_first().unwrap_or((&0, &[]));
        let longest = match how {
            b'0' | 0 => whole.len().max(1),
            b'1' | 1 => 1,
            other => 2 + usize::from(other % 7) * 9,
        };
        let mut dice = Dice::new(u64::from(*how));
        let (mut rest, mut cuts) = (whole, Vec::new());
        while !rest.is_empty() {
            let length = if longest < 2 { 1 } else { 1 + dice.below(longest) };
            let length = if matches!(how, b'0' | 0) { rest.len() } else { length.min(rest.len()) };
            let (piece, later) = rest.split_at(length);
            cuts.push(piece);
            rest = later;
        }
        Self { whole, cuts }
    }
}
