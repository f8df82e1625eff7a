//! Where an HTTP/1 message begins and ends, read strictly: what two parsers could read differently
//! is refused before the HTTP library sees it.
//!
//! Pure: bytes go in, verdicts come out. It looks at heads and at the borders of bodies, never at
//! what they mean.

use super::head::{BodyKind, HeadLimits, SoFar, check_head, check_trailer};
use super::rejected_request::RejectedRequest;

/// Empty lines before a head that old clients may send.
const MAX_EMPTY_LINES: usize = 4;
/// Longest line of a chunk size with its extensions, in bytes.
const MAX_CHUNK_LINE: usize = 256;
/// Most bytes of extensions within the size lines of one body. The HTTP library breaks off what has more.
const MAX_EXTENSION_BYTES: usize = 16 * 1024;
/// Most bytes of trailers after a chunked body.
const MAX_TRAILER_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Sized(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers { bytes: usize, fields: usize },
}

/// The position within the messages of one connection.
#[derive(Debug)]
pub struct Framing {
    limits: HeadLimits,
    phase: Phase,
    /// Bytes before the end of the next head that were looked at already.
    scanned: usize,
    /// The request line is among them.
    has_line: bool,
    /// Bytes of extensions in the size lines of the body so far.
    extensions: usize,
}

impl Framing {
    /// At the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, phase: Phase::Head, scanned: 0, has_line: false, extensions: 0 }
    }

    /// Whether the last message is complete and the next has not begun.
    pub fn between_messages(&self) -> bool {
        self.phase == Phase::Head
    }

    /// Bytes of the current body that may be read past this type, when their number is known.
    pub fn plain_body_left(&self) -> Option<u64> {
        match self.phase {
            Phase::Sized(left) | Phase::ChunkData(left) => Some(left),
            _ => None,
        }
    }

    /// Tells that `n` bytes of a body were read past this type; at most
    /// [`Framing::plain_body_left`].
    pub fn skip(&mut self, n: u64) {
        match &mut self.phase {
            Phase::Sized(left) => {
                *left -= n;
                if *left == 0 {
                    self.phase = Phase::Head;
                }
            }
            Phase::ChunkData(left) => {
                *left -= n;
                if *left == 0 {
                    self.phase = Phase::ChunkEnd;
                }
            }
            _ => debug_assert_eq!(n, 0, "only body bytes are skipped"),
        }
    }

    /// Looks at bytes not yet approved and says how many of them, from the front, are sound and
    /// may be handed on: at most to the end of the current message. `0` asks for more bytes.
    ///
    /// # Errors
    /// [`RejectedRequest`]; nothing after it may be handed on.
    pub fn approve(&mut self, bytes: &[u8]) -> Result<usize, RejectedRequest> {
        let mut done = 0;
        while done < bytes.len() {
            let taken = match self.step(&bytes[done..]) {
                // What came before the fault is sound; the fault shows again when it comes first.
                Err(_) if done > 0 => break,
                verdict => verdict?,
            };
            if taken == 0 {
                break;
            }
            done += taken;
            (self.scanned, self.has_line) = (0, false);
            if self.between_messages() {
                break;
            }
        }
        Ok(done)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, RejectedRequest> {
        match self.phase {
            Phase::Head => self.head(bytes),
            Phase::Sized(left) | Phase::ChunkData(left) => {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.skip(n as u64);
                Ok(n)
            }
            Phase::ChunkSize => self.chunk_size(bytes),
            Phase::ChunkEnd => self.chunk_end(bytes),
            Phase::Trailers { bytes: seen, fields } => self.trailer(bytes, seen, fields),
        }
    }

    /// Empty lines before a head are approved with it: by themselves they are nothing that anybody
    /// asks for, and the HTTP library would take them for the beginning of a request.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, RejectedRequest> {
        let empty = empty_lines(bytes);
        if empty > MAX_EMPTY_LINES * 2 {
            return Err(RejectedRequest::invalid("empty lines instead of a request"));
        }
        let (head, scanned) = (&bytes[empty..], self.scanned.saturating_sub(empty));
        let Some(end) = head_end(head, scanned)? else {
            let seen = SoFar { bytes: scanned, has_line: self.has_line };
            self.has_line = self.limits.check_unfinished(head, seen)?.has_line;
            self.scanned = bytes.len();
            return Ok(0);
        };
        self.phase = match check_head(&head[..end], &self.limits)? {
            BodyKind::None | BodyKind::Sized(0) => Phase::Head,
            BodyKind::Sized(n) => Phase::Sized(n),
            BodyKind::Chunked => Phase::ChunkSize,
        };
        self.extensions = 0;
        Ok(empty + end)
    }

    fn chunk_size(&mut self, bytes: &[u8]) -> Result<usize, RejectedRequest> {
        let Some(line) = take_line(bytes, MAX_CHUNK_LINE)? else {
            return Ok(0);
        };
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let rest = &line[digits..];
        let extension_ok = rest.is_empty()
            || (rest[0] == b';' && rest.iter().all(|b| (0x20..0x7f).contains(b) || *b == b'\t'));
        if !(1..=15).contains(&digits) || !extension_ok {
            return Err(RejectedRequest::invalid("a chunk of the body has a broken size line"));
        }
        self.extensions += rest.len();
        if self.extensions > MAX_EXTENSION_BYTES {
            return Err(RejectedRequest::invalid(
                "the chunks of the body have too many extensions",
            ));
        }
        let size = line[..digits].iter().fold(0_u64, |sum, digit| {
            sum << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
        });
        self.phase = match size {
            0 => Phase::Trailers { bytes: 0, fields: 0 },
            size => Phase::ChunkData(size),
        };
        Ok(line.len() + 2)
    }

    fn chunk_end(&mut self, bytes: &[u8]) -> Result<usize, RejectedRequest> {
        if !b"\r\n".starts_with(&bytes[..bytes.len().min(2)]) {
            return Err(RejectedRequest::invalid("a chunk of the body is longer than it says"));
        }
        if bytes.len() < 2 {
            return Ok(0);
        }
        self.phase = Phase::ChunkSize;
        Ok(2)
    }

    /// As many trailers as a head may have fields: the HTTP library breaks off what has more.
    fn trailer(
        &mut self,
        bytes: &[u8],
        seen: usize,
        fields: usize,
    ) -> Result<usize, RejectedRequest> {
        let left = MAX_TRAILER_BYTES.saturating_sub(seen);
        let Some(line) = take_line(bytes, left)? else {
            return Ok(0);
        };
        let taken = line.len() + 2;
        if line.is_empty() {
            self.phase = Phase::Head;
        } else if fields == self.limits.max_headers {
            return Err(RejectedRequest::invalid("the body has too many trailers"));
        } else {
            check_trailer(line)?;
            self.phase = Phase::Trailers { bytes: seen + taken, fields: fields + 1 };
        }
        Ok(taken)
    }
}

/// How many bytes at the start are empty lines; as soon as these are too many, no more are counted.
fn empty_lines(bytes: &[u8]) -> usize {
    bytes.chunks(2).take(MAX_EMPTY_LINES + 1).take_while(|line| *line == b"\r\n").count() * 2
}

/// Whether bytes that were not approved are part of a message already; empty lines are part of none.
pub(crate) fn is_begun(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// A line up to its CR LF (not included); `None` while it is unfinished. The verdict does not depend
/// on how much of the line is there: what is refused now would be refused when it is complete.
fn take_line(bytes: &[u8], limit: usize) -> Result<Option<&[u8]>, RejectedRequest> {
    let end = memchr::memchr(b'\n', bytes);
    let seen = &bytes[..end.unwrap_or(bytes.len())];
    // The CR of the end is no part of the line, also where its LF is still on its way.
    let line = seen.strip_suffix(b"\r").unwrap_or(seen);
    if line.len() > limit {
        return Err(RejectedRequest::invalid("a line within the chunked body is too long"));
    }
    if line.contains(&b'\r') || (end.is_some() && line.len() == seen.len()) {
        return Err(RejectedRequest::invalid(
            "a line within the chunked body does not end in CR LF",
        ));
    }
    Ok(end.map(|_| line))
}

/// Where a head ends, after its empty line, of which `scanned` bytes were looked at before. Up to
/// there every CR is followed by LF and every LF follows a CR: one of its own would be a border to
/// some and none to others. A CR at the very end is still open.
fn head_end(bytes: &[u8], scanned: usize) -> Result<Option<usize>, RejectedRequest> {
    let from = scanned.saturating_sub(1);
    for at in memchr::memchr2_iter(b'\r', b'\n', &bytes[from..]).map(|at| from + at) {
        let is_sound = match bytes[at] {
            b'\r' => bytes.get(at + 1).is_none_or(|next| *next == b'\n'),
            _ => bytes[..at].ends_with(b"\r"),
        };
        if !is_sound {
            return Err(RejectedRequest::invalid(
                "a line of the request head does not end in CR LF",
            ));
        }
        if bytes[..=at].ends_with(b"\r\n\r\n") {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framing() -> Framing {
        Framing::new(HeadLimits { max_bytes: 1024, max_headers: 10 })
    }

    fn refused(bytes: &[u8]) -> bool {
        verdict(&[bytes]).is_err()
    }

    #[test]
    fn sound_messages_pass_whole() {
        for message in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n",
        ] {
            assert_eq!(verdict(&[message.as_bytes()]), Ok(message.len()), "{message:?}");
        }
    }

    #[test]
    fn one_message_is_approved_at_a_time() {
        for first in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        ] {
            let mut framing = framing();
            let both = first.repeat(2);
            assert_eq!(framing.approve(both.as_bytes()), Ok(first.len()), "{first:?}");
            assert!(framing.between_messages(), "{first:?}");
        }
    }

    #[test]
    fn empty_lines_are_nothing_before_the_head_after_them() {
        let mut framing = framing();
        let message = b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for seen in 0..message.len() {
            assert_eq!(framing.approve(&message[..seen]), Ok(0), "{seen}");
            assert_eq!(is_begun(&message[..seen]), seen > 4, "{seen}");
        }
        assert_eq!(framing.approve(message), Ok(message.len()));
        assert_eq!(framing.approve(b"\r\n\r\n\r\n\r\n"), Ok(0));
        assert!(framing.approve(b"\r\n\r\n\r\n\r\n\r\n").is_err());
    }

    #[test]
    fn who_speaks_something_else_learns_of_it_at_once() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"\x00",
            b"\xff\xf4\xff\xfd\x06",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"EHLO\r\n",
            b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
            b"GET /\x00",
            b"GET\t",
        ] {
            assert!(refused(bytes), "{bytes:?}");
        }
        for bytes in [
            "G",
            "\r",
            "\r\n",
            "GET",
            "GET ",
            "GET /a?b",
            "GET / HTTP/1.1\r",
            "GET / HTTP/1.1\r\nH",
        ] {
            assert!(!refused(bytes.as_bytes()), "{bytes:?}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for message in [
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
        ] {
            assert!(refused(message.as_bytes()), "{message:?}");
        }
    }

    /// What is said of bytes that come in these pieces: how many are sound, or why they are refused.
    fn verdict(pieces: &[&[u8]]) -> Result<usize, RejectedRequest> {
        let (mut framing, mut waiting, mut sound) = (framing(), Vec::new(), 0);
        for piece in pieces {
            waiting.extend_from_slice(piece);
            loop {
                let approved = framing.approve(&waiting)?;
                if approved == 0 {
                    break;
                }
                waiting.drain(..approved);
                sound += approved;
            }
        }
        Ok(sound)
    }

    /// The rule of [`head_end`] in other words.
    fn slow_head_end(bytes: &[u8]) -> Result<Option<usize>, ()> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
        let head = &bytes[..end.unwrap_or(bytes.len())];
        let open = head.strip_suffix(b"\r").unwrap_or(head);
        let lines = String::from_utf8_lossy(open).replace("\r\n", "");
        if lines.contains(['\r', '\n']) { Err(()) } else { Ok(end) }
    }

    proptest! {
        #[test]
        fn the_end_of_a_head_is_found_by_the_rule(
            bytes in "[a\r\n]{0,12}|(a?\r\n){0,6}a?\r?",
            cut in 0_usize..12,
        ) {
            let bytes = bytes.as_bytes();
            let seen = &bytes[..cut.min(bytes.len())];
            match head_end(seen, 0) {
                Ok(None) => {
                    let found = head_end(bytes, seen.len()).map_err(|_| ());
                    prop_assert_eq!(found, slow_head_end(bytes));
                }
                verdict => prop_assert_eq!(verdict.map_err(|_| ()), slow_head_end(seen)),
            }
        }

        #[test]
        fn the_verdict_does_not_depend_on_how_bytes_arrive(
            body in proptest::collection::vec(any::<u8>(), 1..40),
            chunk in 1_usize..9,
            cut in 1_usize..30,
        ) {
            let mut message = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for part in body.chunks(chunk) {
                message.extend(format!("{:x}\r\n", part.len()).bytes());
                message.extend(part);
                message.extend(b"\r\n");
            }
            message.extend(b"0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let (mut framing, mut waiting) = (framing(), Vec::new());
            for piece in message.chunks(cut) {
                waiting.extend(piece);
                while let approved @ 1.. = framing.approve(&waiting).unwrap() {
                    waiting.drain(..approved);
                }
            }
            prop_assert!(waiting.is_empty());
            prop_assert!(framing.between_messages());
        }

        #[test]
        fn lines_about_as_long_as_their_limit_are_judged_the_same_wherever_they_are_cut(
            more in -3_i64..4,
            is_trailer in any::<bool>(),
            end in prop_oneof![Just("\r\n"), Just("\n"), Just("\r\r\n"), Just("\rx\r\n")],
            cut in 0_usize..6,
        ) {
            let limit = if is_trailer { MAX_TRAILER_BYTES } else { MAX_CHUNK_LINE };
            let start = if is_trailer { "0\r\nX: " } else { "1;" };
            let own = start.len() - if is_trailer { 3 } else { 0 };
            let fill = usize::try_from(more + (limit - own) as i64).unwrap();
            let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            let message = format!("{head}{start}{}{end}", "y".repeat(fill));
            let message = message.as_bytes();
            let whole = verdict(&[message]);
            let (before, after) = message.split_at(message.len() - cut);
            prop_assert_eq!(verdict(&[before, after]), whole);
            prop_assert_eq!(whole.is_ok(), more <= 0 && end == "\r\n");
        }

        #[test]
        fn heads_above_their_limit_are_refused_alike_wherever_they_are_cut(
            target in 1_usize..1200,
            value in 1_usize..1200,
            cut in 1_usize..2400,
        ) {
            let (target, value) = ("a".repeat(target), "b".repeat(value));
            let message = format!("GET /{target} HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n");
            let message = message.as_bytes();
            let (before, after) = message.split_at(cut.min(message.len()));
            prop_assert_eq!(verdict(&[before, after]), verdict(&[message]));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 1_usize..20) {
            let (mut framing, mut waiting) = (framing(), Vec::new());
            for piece in bytes.chunks(cut) {
                waiting.extend(piece);
                match framing.approve(&waiting) {
                    Ok(approved) => { waiting.drain(..approved); }
                    Err(_) => break,
                }
            }
        }
    }
}
