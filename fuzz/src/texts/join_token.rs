//! Join tokens, which operators copy.

use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_enrolment::JoinToken;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[b"sgj_", b"AQ", b"Ag", b"-", b"_", b"+", b"=", b" ", b"\n", b"AAAA"];

/// What is read of one: its id, and the authority that it pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which token it is.
    pub id: Vec<u8>,
    /// The digest of the authority's key.
    pub authority: Vec<u8>,
    /// The token as it is written.
    pub text: String,
}

/// The longest text that is tried, in bytes.
const MOST: usize = 512;

/// The reader that is tried.
pub type Reader = fn(&str) -> Result<Reading, String>;

/// The edge's.
///
/// # Errors
/// What is wrong with it.
pub fn ours(text: &str) -> Result<Reading, String> {
    let token = JoinToken::parse(text).map_err(|error| error.to_string())?;
    let (id, authority) = (token.id().0.to_vec(), token.authority().0.to_vec());
    Ok(Reading { id, authority, text: token.reveal() })
}

/// Tries the edge's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(ours, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    // Whatever is far longer is told by its length.
    let text = String::from_utf8_lossy(&input[..input.len().min(MOST)]);
    let reading = read(&text);
    same("a token", &reading.as_ref().ok(), &literal(&text).as_ref())?;
    if let Err(told) = &reading {
        let secrets = text.trim().strip_prefix("sgj_").unwrap_or_default().as_bytes();
        let is_told =
            secrets.windows(12).any(|part| told.as_bytes().windows(12).any(|w| w == part));
        ensure(!is_told, || format!("a part of the token is told: {told}"))?;
        ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))?;
    }
    // Where something is wrong is not another kind of wrong.
    let kind = |told: String| -> String {
        told.chars().filter(|c| !c.is_ascii_digit()).take(40).collect()
    };
    Ok(Outcome::of(&reading.map(drop).map_err(kind)))
}

/// 108 digits of base 64 are 81 bytes: the form, 16 of the id, 32 of the secret, 32 of the authority.
fn literal(text: &str) -> Option<Reading> {
    let text = text.trim();
    let digits = text.strip_prefix("sgj_")?;
    if digits.chars().count() != 108 {
        return None;
    }
    let mut bits = Vec::new();
    for digit in digits.chars() {
        let value = match digit {
            'A'..='Z' => digit as u32 - 'A' as u32,
            'a'..='z' => digit as u32 - 'a' as u32 + 26,
            '0'..='9' => digit as u32 - '0' as u32 + 52,
            '-' => 62,
            '_' => 63,
            _ => return None,
        };
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let byte = |bits: &[u32]| bits.iter().fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bits.chunks(8).map(|bits| byte(bits) as u8).collect();
    let reading = || Reading {
        id: bytes[1..17].to_vec(),
        authority: bytes[49..].to_vec(),
        text: text.to_owned(),
    };
    (bytes[0] == 1).then(reading)
}
