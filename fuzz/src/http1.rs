//! HTTP/1 as the guard of the edge reads it, against a literal reading of the standard and against the
//! HTTP library: whoever reads the approved bytes sees the same requests.

pub mod library;
pub mod literal;

use crate::pieces::Pieces;
use crate::verdict::{Outcome, Verdict, ensure, same};
use library::Library;
use literal::{End, Reading};
use sidegate_gateway::fuzzing::{Framing, HeadLimits};

/// Small, so that inputs reach them.
pub const LIMITS: HeadLimits = HeadLimits { max_bytes: 600, max_headers: 12 };

/// Words that belong into requests.
pub const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: a\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD ",
    b"OPTIONS * ",
    b"CONNECT a:1 ",
    b"http://a",
    b"https://[::1]:8080/",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b";a=\"b\"",
    b"fffffffffffffff",
    b"%2F",
    b"[::1]:80",
    b"\t ",
    b"\x0b",
    b"\xc3\xa4",
];

/// What a guard made of bytes that came in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// How many bytes were handed on.
    pub approved: usize,
    /// Whether the rest is refused.
    pub refused: bool,
    /// Whether a message is open.
    pub between: bool,
}

/// The guard that is tried.
pub type Guard = fn(&[&[u8]]) -> Guarded;

/// The gateway's.
pub fn guard(pieces: &[&[u8]]) -> Guarded {
    let mut framing = Framing::new(LIMITS);
    let (mut approved, mut waiting) = (0, Vec::new());
    for piece in pieces {
        waiting.extend_from_slice(piece);
        loop {
            match framing.approve(&waiting) {
                Ok(0) => break,
                Ok(sound) => {
                    approved += sound;
                    waiting.drain(..sound);
                    if waiting.is_empty() {
                        break;
                    }
                }
                Err(_) => {
                    return Guarded {
                        approved,
                        refused: true,
                        between: framing.between_messages(),
                    };
                }
            }
        }
    }
    Guarded { approved, refused: false, between: framing.between_messages() }
}

/// Tries the gateway's guard.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(guard, input)
}

/// Tries a guard.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(guard: Guard, input: &[u8]) -> Verdict {
    let pieces = Pieces::of(input);
    let literal = Reading::of(pieces.whole, &LIMITS);
    let ours = guard(&pieces.cuts);
    same("bytes that are handed on", &ours.approved, &literal.approved)?;
    match literal.end {
        End::Refused => ensure(ours.refused, || "it lets pass what no reading allows".into())?,
        // Whoever refuses early refuses nothing that could have become sound.
        End::Hopeless => {}
        End::Clean | End::Open => {
            ensure(!ours.refused, || "it refuses what could be sound".into())?;
        }
    }
    let between = literal.end == End::Clean;
    if between {
        same("that a message has ended", &ours.between, &between)?;
    }
    let seen = Library::reads(&pieces.whole[..ours.approved.min(pieces.whole.len())]);
    literal.agrees_with(&seen.requests, &seen.refusals)?;
    let shapes: Vec<_> = literal.messages.iter().map(literal::Message::shape).collect();
    Ok(Outcome::of(&(shapes, literal.end, literal.why)))
}
