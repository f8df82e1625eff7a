//! The first line of a plugin.

use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_wire::handshake::{Handshake, HandshakeError, Network};

/// Words that belong into it.
pub const WORDS: &[&[u8]] = &[
    b"1|1|unix|/s|grpc|",
    b"1|1|tcp|127.0.0.1:1|grpc|",
    b"|true",
    b"|MII+/w",
    b"|",
    b"unix",
    b"tcp",
    b"grpc",
    b":0",
    b"[::1]:80",
    b"=",
    b"\xc3\xa9",
    b"\x1b[31m",
    b"\xe2\x80\xae",
];

/// The reader that is tried.
pub type Reader = fn(&str) -> Result<Handshake, HandshakeError>;

/// Tries the gateway's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(Handshake::parse, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let handshake = read(&text);
    same("that it is a handshake", &handshake.is_ok(), &is_handshake(text.trim()))?;
    match handshake {
        Ok(handshake) => {
            let again =
                read(&handshake.line()).map_err(|e| format!("it does not read back: {e}"))?;
            same("what reads back", &again, &handshake)?;
            let network = matches!(handshake.network, Network::Unix(_));
            let certificate = handshake.certificate.is_some();
            Ok(Outcome::of(&(network, certificate, handshake.multiplexing)))
        }
        Err(error) => {
            let told = error.to_string();
            ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))?;
            ensure(error.line().chars().count() <= 200, || "it quotes too much".into())?;
            Ok(Outcome::of(&error.fault()))
        }
    }
}

/// Field by field, as the protocol's page has it.
fn is_handshake(line: &str) -> bool {
    let fields: Vec<&str> = line.split('|').collect();
    let field = |at: usize| fields.get(at).copied().unwrap_or_default();
    let is_one = |text: &str| {
        text.trim_start_matches('+').trim_start_matches('0') == "1"
            && text.matches('+').count() <= 1
    };
    let address = match field(2) {
        "unix" => field(3).starts_with('/'),
        "tcp" => match field(3).rfind(':') {
            Some(colon) => {
                let (host, port) = (&field(3)[..colon], &field(3)[colon + 1..]);
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            }
            None => false,
        },
        _ => false,
    };
    is_one(field(0)) && is_one(field(1)) && address && field(4) == "grpc" && is_base64(field(5))
}

/// Without padding, and without bits that say nothing.
fn is_base64(text: &str) -> bool {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.bytes().map(digit).collect();
    let Some(digits) = digits else { return false };
    let unused = match digits.len() % 4 {
        0 => return true,
        1 => return false,
        2 => 0x0f,
        _ => 0x03,
    };
    digits.last().is_none_or(|last| last & unused == 0)
}
