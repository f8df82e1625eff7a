//! Answers come as they were sent, and cost what they should.

use super::machine::{Machine, begin, data, end};
use super::{READINGS, WINDOW, pattern};
use crate::http2::frame::kind;
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_answer_comes_as_it_was_sent_however_it_is_cut(
        sizes in vec(prop_oneof![0_usize..5, 4000_usize..4200, 1_usize..20_000], 0..40),
        cuts in vec(prop_oneof![1_usize..20, 1_usize..10_000], 1..10),
        reading in prop::sample::select(&READINGS[..]),
    ) {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call_for(10, reading);
        machine.sent();
        let bytes = pattern(9, sizes.iter().sum());
        let (mut all, mut rest) = (begin(id), &bytes[..]);
        for size in &sizes {
            let (now, later) = rest.split_at(*size);
            all.extend_from_slice(&data(id, now));
            rest = later;
        }
        all.extend_from_slice(&end(id, "0"));
        let (mut read, mut rest, mut came) = (Vec::new(), &all[..], BytesMut::new());
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            rest = later;
            came.extend_from_slice(now);
            machine.near.receive(&mut came).unwrap();
            read.extend_from_slice(&machine.read(id).0);
            let sent = machine.sent();
            prop_assert!(sent.iter().all(|frame| frame.kind == kind::WINDOW_UPDATE));
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(machine.outcome(id), "well");
        prop_assert!(read == bytes);
    }

    #[test]
    fn what_nobody_reads_takes_little_more_memory_than_it_has_bytes(
        sizes in vec(prop_oneof![Just(1_usize), 1_usize..10, 1_usize..4096], 1..20),
        reading in prop::sample::select(&READINGS[..]),
    ) {
        let mut machine = Machine::greeted(&[]);
        let id = machine.call_for(10, reading);
        machine.sends(&begin(id)).unwrap();
        let (mut left, piece) = (WINDOW as usize, vec![7; 4096]);
        for size in sizes.iter().cycle() {
            let size = left.min(*size);
            machine.sends(&data(id, &piece[..size])).unwrap();
            left -= size;
            if left == 0 {
                break;
            }
        }
        let (mut memory, mut pieces) = (0, 0);
        while let std::task::Poll::Ready(Some(Ok(piece))) = machine.piece(id) {
            // The first of a whole answer is part of what was read at once.
            memory += piece.try_into_mut().map_or(0, |own| own.capacity());
            pieces += 1;
        }
        prop_assert!(pieces <= 2, "{} pieces", pieces);
        prop_assert!(memory <= 2 * WINDOW as usize, "{} bytes", memory);
    }
}
