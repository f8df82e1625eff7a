//! What the other end of a connection asks for over HTTP/2, read beside a library that answers it:
//! whether a `:path` has a fragment, of which the library keeps silent.
//!
//! Bytes go in as they come; what is sound may be passed on at once. A head whose `:path` has a
//! fragment is given a field more, by which it is known again. All else, and every fault, is left to
//! the library: nothing is refused here.

mod block;

use block::Block;

/// The field that a head with a fragment is given.
pub const FRAGMENT_FIELD: &str = "x-sidegate-fragment";

const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;
/// Largest payload of a frame that the library takes.
const MOST_PAYLOAD: usize = 16 * 1024;
/// Largest head of which all is looked at. The library takes none so large.
const MOST_BLOCK: usize = 1024 * 1024;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// What is known of bytes that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// So many of them may be passed on; 0 asks for more.
    Sound(usize),
    /// The same, and behind them is a whole frame that must be changed first.
    Fragment {
        /// How many may be passed on.
        sound: usize,
        /// The frame's length, its head included.
        frame: usize,
        /// Where in the frame the field is inserted.
        insert_at: usize,
    },
}

/// The position within the frames of one connection.
pub struct RequestHeads {
    /// Bytes that are none of our business: of the preface, or of a frame without a head.
    skip: usize,
    /// What the frames so far have of a head that goes on.
    unfinished: Vec<u8>,
    block: Block,
    /// Something was not understood; the library ends such connections.
    blind: bool,
}

impl Default for RequestHeads {
    fn default() -> Self {
        Self { skip: PREFACE, unfinished: Vec::new(), block: Block::default(), blind: false }
    }
}

impl RequestHeads {
    /// Looks at bytes that were not passed on yet, and takes those that may be as passed on. A frame
    /// that must be changed counts as passed on as well.
    pub fn look(&mut self, bytes: &[u8]) -> Look {
        let mut sound = 0;
        while sound < bytes.len() && !self.blind {
            let rest = &bytes[sound..];
            if self.skip > 0 {
                let skipped = self.skip.min(rest.len());
                self.skip -= skipped;
                sound += skipped;
                continue;
            }
            let Some(head) = rest.get(..FRAME_HEAD) else {
                return Look::Sound(sound);
            };
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let (kind, flags) = (head[3], head[4]);
            if !matches!(kind, HEADERS | CONTINUATION) {
                self.skip = FRAME_HEAD + length;
                continue;
            }
            if length > MOST_PAYLOAD {
                self.blind = true;
                break;
            }
            let frame = FRAME_HEAD + length;
            let Some(payload) = rest.get(FRAME_HEAD..frame) else {
                return Look::Sound(sound);
            };
            if let Some(end) = self.headers(kind, flags, payload) {
                return Look::Fragment { sound, frame, insert_at: FRAME_HEAD + end };
            }
            sound += frame;
        }
        Look::Sound(if self.blind { bytes.len() } else { sound })
    }

    /// Reads a frame of a head; where its fields end, if the head is complete and has a fragment.
    fn headers(&mut self, kind: u8, flags: u8, payload: &[u8]) -> Option<usize> {
        let Some((from, to)) = fields(kind, flags, payload) else {
            self.blind = true;
            return None;
        };
        let fields = &payload[from..to];
        let read = if flags & END_HEADERS == 0 {
            self.unfinished.extend_from_slice(fields);
            self.blind |= self.unfinished.len() > MOST_BLOCK;
            return None;
        } else if self.unfinished.is_empty() {
            self.block.read(fields)
        } else {
            let mut whole = std::mem::take(&mut self.unfinished);
            whole.extend_from_slice(fields);
            self.block.read(&whole)
        };
        self.blind |= read.is_none();
        read.filter(|has_fragment| *has_fragment).map(|_| to)
    }
}

/// Where in a payload the fields begin and end.
fn fields(kind: u8, flags: u8, payload: &[u8]) -> Option<(usize, usize)> {
    if kind == CONTINUATION {
        return Some((0, payload.len()));
    }
    let is_padded = flags & PADDED != 0;
    let padding = if is_padded { usize::from(*payload.first()?) } else { 0 };
    let from = usize::from(is_padded) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let to = payload.len().checked_sub(padding)?;
    (from <= to).then_some((from, to))
}

/// Puts the field into a frame that [`Look::Fragment`] tells of; where that has no room for it, into
/// one that goes on with the head.
pub fn mark(frame: &[u8], insert_at: usize) -> Vec<u8> {
    let name = FRAGMENT_FIELD.as_bytes();
    // A literal that nobody remembers, with a name of its own.
    let mut field = vec![0x00, name.len() as u8];
    field.extend_from_slice(name);
    field.extend_from_slice(b"\x011");
    let length = frame.len() - FRAME_HEAD + field.len();
    if length > MOST_PAYLOAD {
        return continued(frame, &field);
    }
    let mut marked = (length as u32).to_be_bytes()[1..].to_vec();
    marked.extend_from_slice(&frame[3..insert_at]);
    marked.extend_from_slice(&field);
    marked.extend_from_slice(&frame[insert_at..]);
    marked
}

/// The last frame of a head, now the last but one.
fn continued(frame: &[u8], fields: &[u8]) -> Vec<u8> {
    let mut marked = frame.to_vec();
    marked[4] &= !END_HEADERS;
    marked.extend_from_slice(&(fields.len() as u32).to_be_bytes()[1..]);
    marked.extend_from_slice(&[CONTINUATION, END_HEADERS]);
    marked.extend_from_slice(&frame[5..FRAME_HEAD]);
    marked.extend_from_slice(fields);
    marked
}

#[cfg(test)]
mod tests;
