//! Entries that name a part more than once: what a later one replaces is looked at as well.

use super::{agree, delimited};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

const CONTENTS: &[&[u8]] = &[b"a", b"b", b"\xff", b""];

/// Every map and list of the messages: of headers, and within a context.
fn messages(entry: &[u8]) -> Vec<Bytes> {
    let direct = [2, 3, 5, 1000].map(|field| delimited(field, entry));
    let within = [7, 8].map(|field| delimited(11, &delimited(field, entry)));
    direct.into_iter().chain(within).map(Bytes::from).collect()
}

#[test]
fn a_value_that_is_no_text_is_refused_though_a_later_one_replaces_it() {
    let name = delimited(1, b"a");
    for entry in [
        [&name[..], &delimited(2, b"\xff"), &delimited(2, b"v")].concat(),
        [&delimited(2, b"\xff")[..], &name, &delimited(2, b"v")].concat(),
        [&delimited(1, b"\xff")[..], &name, &delimited(2, b"v")].concat(),
        [&name[..], &delimited(2, b"v"), &delimited(2, b"\xff")].concat(),
    ] {
        for message in messages(&entry) {
            agree(&message).unwrap();
        }
        assert!(super::Answer::decode(&delimited(2, &entry).into()).is_err());
    }
}

proptest! {
    #[test]
    fn entries_of_any_parts_read_as_the_generated_type_reads_them(
        parts in vec((1_u32..4, prop::sample::select(CONTENTS)), 0..5),
    ) {
        let entry: Vec<u8> = parts.iter().flat_map(|(f, content)| delimited(*f, content)).collect();
        for message in messages(&entry) {
            agree(&message)?;
        }
    }
}
