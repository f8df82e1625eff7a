//! Heads of answers in every form they may have, and heads of requests that every server can read.

use super::machine::{BEGIN, Frame, Machine, begin, data, end, frame, of, settings, status_block};
use super::{READINGS, TIMEOUT};
use crate::http2::frame::{flag, kind, setting};
use crate::http2::hpack::{Indexing, put_literal};
use crate::http2::{Failure, Reading};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

const END: u8 = flag::END_HEADERS | flag::END_STREAM;

#[test]
fn what_may_surround_content_is_taken_off() {
    for reading in READINGS {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call_for(10, reading);
        let flags = flag::END_HEADERS | flag::PADDED | flag::PRIORITY;
        let head = [&[3][..], &[0, 0, 0, 0, 9], BEGIN, &[0; 3]].concat();
        machine.sends(&frame(kind::HEADERS, flags, id, &head)).unwrap();
        machine.sends(&frame(kind::DATA, flag::PADDED, id, b"\x02ab\0\0")).unwrap();
        machine.sends(&frame(kind::DATA, flag::PADDED, id, b"\x00cd")).unwrap();
        machine.sends(&frame(kind::DATA, flag::PADDED, id, b"\x01\0")).unwrap();
        let trailers = [&[0, 0, 0, 0, 9], &status_block("0")[..]].concat();
        machine.sends(&frame(kind::HEADERS, END | flag::PRIORITY, id, &trailers)).unwrap();
        assert_eq!(machine.read(id), (b"abcd".to_vec(), Some(Ok(()))));
    }
}

#[test]
fn what_comes_before_the_answer_is_passed_over() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    // `:status 103` in Huffman's code, and 100 without.
    machine.sends(&frame(kind::HEADERS, flag::END_HEADERS, id, b"\x08\x82\x08\x19")).unwrap();
    machine.sends(&frame(kind::HEADERS, flag::END_HEADERS, id, b"\x08\x03100")).unwrap();
    machine.sends(&[begin(id), data(id, b"x"), end(id, "0")].concat()).unwrap();
    assert_eq!(machine.read(id), (b"x".to_vec(), Some(Ok(()))));
}

#[test]
fn an_answer_that_ends_before_it_begins_broke_off() {
    for block in [&b"\x08\x03100"[..], BEGIN, b""] {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call(10);
        machine.sends(&frame(kind::HEADERS, END, id, block)).unwrap();
        assert_eq!(machine.outcome(id), "broke off");
    }
}

#[test]
fn heads_in_huffmans_code_are_read() {
    let mut machine = Machine::greeted(&[]);
    let id = machine.call(10);
    machine.sends(&frame(kind::HEADERS, flag::END_HEADERS, id, b"\x08\x82\x10\x01")).unwrap();
    let name = [0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
    let trailers = [&[0x00, 0x88][..], &name, &[0x81, 0x07]].concat();
    machine.sends(&frame(kind::HEADERS, END, id, &trailers)).unwrap();
    assert_eq!(machine.outcome(id), "well");
}

#[test]
fn heads_that_change_are_read_like_those_that_do_not() {
    let mut machine = Machine::greeted(&[]);
    for nth in [0, 1, 0, 2, 0, 3, 0, 0, 4, 5, 6, 7, 7, 0, 1, 2] {
        let mut trailers = status_block(if nth % 2 == 0 { "0" } else { "5" });
        put_literal(&mut trailers, Indexing::Without, 33, "", &[b'0' + nth]);
        let id = machine.call(10);
        machine.sends(&[begin(id), frame(kind::HEADERS, END, id, &trailers)].concat()).unwrap();
        assert_eq!(machine.outcome(id), if nth % 2 == 0 { "well" } else { "status" });
    }
}

#[test]
fn more_fields_than_are_taken_end_their_call_only() {
    let mut machine = Machine::greeted(&[]);
    let (large, other) = (machine.call(10), machine.call(10));
    let mut block = BEGIN.to_vec();
    let value = vec![b'v'; 70_000];
    put_literal(&mut block, Indexing::Without, 0, "name", &value);
    machine.sends(&frame(kind::HEADERS, flag::END_HEADERS, large, &block)).unwrap();
    machine.sends(&[begin(other), end(other, "0")].concat()).unwrap();
    assert_eq!([machine.outcome(large), machine.outcome(other)], ["protocol", "well"]);
}

proptest! {
    #[test]
    fn a_header_block_may_be_cut_anywhere(mut cuts in prop::collection::vec(0_usize..40, 0..6)) {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call(10);
        machine.sends(&begin(id)).unwrap();
        let mut block = status_block("5");
        put_literal(&mut block, Indexing::Without, 0, "grpc-message", b"none");
        cuts.push(0);
        cuts.sort_unstable();
        let cuts: Vec<usize> = cuts.iter().map(|at| *at.min(&block.len())).collect();
        let ends = cuts.iter().skip(1).copied().chain([block.len()]);
        for (nth, (from, to)) in cuts.iter().copied().zip(ends).enumerate() {
            let kind = if nth == 0 { kind::HEADERS } else { kind::CONTINUATION };
            let first = if nth == 0 { flag::END_STREAM } else { 0 };
            let last = if nth == cuts.len() - 1 { flag::END_HEADERS } else { 0 };
            machine.sends(&frame(kind, first | last, id, &block[from..to])).unwrap();
        }
        let message = "none".into();
        prop_assert_eq!(machine.read(id).1, Some(Err(Failure::Status { code: 5, message })));
    }
}

/// Reads heads of requests as a server does, with a table of so many bytes.
struct Reader {
    table: VecDeque<(String, String)>,
    most: usize,
}

impl Reader {
    fn text(block: &mut &[u8]) -> String {
        let length = usize::from(block[0]);
        assert!(length < 0x7f, "these tests name nothing long");
        let text = str::from_utf8(&block[1..=length]).unwrap().to_owned();
        *block = &block[length + 1..];
        text
    }

    fn index(block: &mut &[u8], most: u8) -> u8 {
        let low = block[0] & most;
        let more = if low == most { block[1] } else { 0 };
        *block = &block[if low == most { 2 } else { 1 }..];
        low + more
    }

    fn entry(&self, index: u8) -> (String, String) {
        let (name, value) = match index {
            1 => (":authority", ""),
            3 => (":method", "POST"),
            4 => (":path", "/"),
            6 => (":scheme", "http"),
            31 => ("content-type", ""),
            _ => return self.table[usize::from(index) - 62].clone(),
        };
        (name.to_owned(), value.to_owned())
    }

    fn read(&mut self, mut block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while let Some(&first) = block.first() {
            let (literal, index) = match first {
                0x80.. => (false, Self::index(&mut block, 0x7f)),
                0x40.. => (true, Self::index(&mut block, 0x3f)),
                0x20.. => {
                    let most = usize::from(Self::index(&mut block, 0x1f));
                    assert!(fields.is_empty() && most <= self.most);
                    self.most = most;
                    self.table.clear();
                    continue;
                }
                _ => (true, Self::index(&mut block, 0x0f)),
            };
            let mut field = match index {
                0 => (Self::text(&mut block), String::new()),
                index => self.entry(index),
            };
            if literal {
                field.1 = Self::text(&mut block);
            }
            if (0x40..0x80).contains(&first) {
                self.table.push_front(field.clone());
            }
            fields.push(field);
        }
        let size = self.table.iter().map(|(name, value)| name.len() + value.len() + 32);
        assert!(size.sum::<usize>() <= self.most, "the table has no room for this");
        fields
    }
}

fn head(frames: &[Frame]) -> &[u8] {
    let [head] = of(kind::HEADERS, frames)[..] else { panic!("one head in {frames:?}") };
    assert_eq!(head.flags, flag::END_HEADERS);
    &head.payload
}

fn fields(timeout: Duration) -> Vec<(String, String)> {
    let timeout = format!("{}m", timeout.as_millis());
    let mut fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/a.Service/Method"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", &timeout),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    fields.sort();
    fields
}

#[test]
fn heads_are_read_the_same_whatever_table_the_server_has_and_when_it_says_so() {
    for size in [0, 100, 4096, 65_536] {
        for after in 0..4 {
            let mut machine = Machine::greeted(&[]);
            let mut reader = Reader { table: VecDeque::new(), most: 4096 };
            for nth in 0..6 {
                if nth == after {
                    machine.sends(&settings(&[(setting::HEADER_TABLE_SIZE, size)])).unwrap();
                }
                let timeout = TIMEOUT * [1, 1, 1, 2, 2, 1][nth];
                machine.near.begin(super::request(5), timeout, Reading::Whole).unwrap();
                let frames = machine.sent();
                let mut read = reader.read(head(&frames));
                let regular = read.iter().position(|(name, _)| !name.starts_with(':')).unwrap();
                assert!(read[regular..].iter().all(|(name, _)| !name.starts_with(':')));
                read.sort();
                assert_eq!(read, fields(timeout));
                let told = nth < after || size >= 4096 || reader.most <= size as usize;
                assert!(told, "the server heard that its table is not used");
            }
        }
    }
}

#[test]
fn most_heads_take_few_bytes() {
    let mut machine = Machine::greeted(&[]);
    for most in [200, 7, 7] {
        machine.call(5);
        assert!(head(&machine.sent()).len() <= most);
    }
}
