//! What is too long for one message of an edge, in parts: whoever reads holds no more than one message and what has come
//! of one thing. Parts can come twice, late or not at all; a thing of which one is lost does not come, and the next does.

use crate::limits::PART_BYTES;
use crate::message;
use bytes::Bytes;

/// Something on its way, part by part.
#[derive(Debug)]
pub(crate) struct Outgoing {
    number: u64,
    bytes: Bytes,
    offset: usize,
}

impl Outgoing {
    /// The thing with this number, which is higher than that of any before.
    pub(crate) fn new(number: u64, bytes: impl Into<Bytes>) -> Self {
        Self { number, bytes: bytes.into(), offset: 0 }
    }

    /// The next part, and whether it is the last one.
    pub(crate) fn next(&mut self) -> (message::Part, bool) {
        let end = self.bytes.len().min(self.offset + PART_BYTES);
        let part = message::Part {
            number: self.number,
            total: self.bytes.len() as u64,
            offset: self.offset as u64,
            bytes: self.bytes.slice(self.offset..end),
        };
        self.offset = end;
        (part, end == self.bytes.len())
    }
}

/// Something is longer than anybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has {total} bytes, and {most} are the most")]
pub(crate) struct TooLong {
    total: u64,
    most: usize,
}

/// What has come of one thing.
#[derive(Debug)]
pub(crate) struct Incoming {
    most: usize,
    number: u64,
    total: u64,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Nothing has come; a thing has at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, number: 0, total: 0, bytes: Vec::new() }
    }

    /// Takes a part; gives the thing with the last one of it.
    pub(crate) fn take(&mut self, part: &message::Part) -> Result<Option<Vec<u8>>, TooLong> {
        if part.number > self.number && part.offset == 0 {
            self.number = part.number;
            self.total = part.total;
            self.bytes = Vec::new();
            if part.total > self.most as u64 {
                return Err(TooLong { total: part.total, most: self.most });
            }
        }
        let is_next = part.number == self.number
            && part.total == self.total
            && part.offset == self.bytes.len() as u64;
        let left = self.total.saturating_sub(part.offset);
        // As long as it was said to be, and no longer; what was refused or is whole takes nothing more.
        if !is_next || self.total > self.most as u64 || part.bytes.len() as u64 > left {
            return Ok(None);
        }
        self.bytes.extend_from_slice(&part.bytes);
        if (self.bytes.len() as u64) < self.total {
            return Ok(None);
        }
        // Nothing more of it is the next.
        self.total = u64::MAX;
        Ok(Some(std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(number: u64, bytes: &[u8]) -> Vec<message::Part> {
        let mut outgoing = Outgoing::new(number, bytes.to_vec());
        let mut parts = Vec::new();
        loop {
            let (part, is_last) = outgoing.next();
            parts.push(part);
            if is_last {
                return parts;
            }
        }
    }

    #[test]
    fn what_was_cut_into_parts_arrives_whole_whatever_comes_twice_or_late() {
        let long: Vec<u8> = (0..2 * PART_BYTES + 7).map(|at| at as u8).collect();
        let mut incoming = Incoming::new(long.len());
        let [one, two, three] = parts(1, &long).try_into().unwrap();
        let late = parts(2, b"");
        let taken: Vec<_> = [&two, &one, &one, &three, &two, &three, &three, &one]
            .map(|part| incoming.take(part).unwrap())
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(taken, std::slice::from_ref(&long));
        assert_eq!(incoming.take(&late[0]), Ok(Some(Vec::new())));
    }

    #[test]
    fn a_lost_part_costs_that_thing_and_no_other() {
        let mut incoming = Incoming::new(4 * PART_BYTES);
        let lossy = parts(1, &vec![1; 2 * PART_BYTES]);
        assert_eq!(incoming.take(&lossy[0]), Ok(None));
        assert_eq!(incoming.take(&parts(2, b"two")[0]), Ok(Some(b"two".to_vec())));
        assert_eq!(incoming.take(&lossy[1]), Ok(None));
    }

    #[test]
    fn nothing_longer_than_the_bound_is_held_whatever_was_said_of_it() {
        let mut incoming = Incoming::new(10);
        let part = |number, total, offset, bytes: &'static [u8]| message::Part {
            number,
            total,
            offset,
            bytes: bytes.into(),
        };
        let refused = incoming.take(&part(1, 11, 0, b"x")).unwrap_err();
        assert_eq!(refused.to_string(), "it has 11 bytes, and 10 are the most");
        assert_eq!(incoming.take(&part(1, 11, 1, b"x")), Ok(None));
        assert!(incoming.bytes.is_empty());
        assert_eq!(incoming.take(&part(2, 3, 0, b"xxxx")), Ok(None));
        assert_eq!(incoming.take(&part(2, 3, 0, b"xxx")), Ok(Some(b"xxx".to_vec())));
    }
}
