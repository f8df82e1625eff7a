//! Fragments are found in every form a head may have; all else passes as it came.

use super::super::hpack::{Indexing, put_indexed, put_literal, put_size_update};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

fn begun() -> RequestHeads {
    let mut heads = RequestHeads::default();
    assert_eq!(heads.look(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Look::Sound(PREFACE));
    heads
}

fn path(indexing: Indexing, path: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    put_indexed(&mut block, 2);
    put_literal(&mut block, indexing, 4, "", path);
    block
}

fn has_fragment(heads: &mut RequestHeads, block: &[u8]) -> bool {
    let bytes = frame(HEADERS, END_HEADERS, block);
    match heads.look(&bytes) {
        Look::Sound(n) => {
            assert_eq!(n, bytes.len());
            false
        }
        Look::Fragment { sound, frame, insert_at } => {
            assert_eq!((sound, frame, insert_at), (0, bytes.len(), bytes.len()));
            true
        }
    }
}

#[test]
fn a_fragment_is_found_also_where_the_table_has_it() {
    let mut heads = begun();
    assert!(!has_fragment(&mut heads, &path(Indexing::Without, b"/a")));
    assert!(has_fragment(&mut heads, &path(Indexing::Without, b"/a#b")));
    assert!(has_fragment(&mut heads, &path(Indexing::Incremental, b"/?a#b")));
    let mut known = Vec::new();
    put_indexed(&mut known, 62);
    assert!(has_fragment(&mut heads, &known));
    assert!(!has_fragment(&mut heads, &path(Indexing::Incremental, b"/c")));
    assert!(!has_fragment(&mut heads, &known));
    // The name of an entry is a name like any other.
    let mut named = Vec::new();
    put_literal(&mut named, Indexing::Without, 63, "", b"/#");
    assert!(has_fragment(&mut heads, &named));
    // A smaller table forgets it.
    let mut small = Vec::new();
    put_size_update(&mut small, 0);
    put_size_update(&mut small, 4096);
    put_literal(&mut small, Indexing::Incremental, 0, "x-colour", b"#fff");
    assert!(!has_fragment(&mut heads, &small));
    assert!(!has_fragment(&mut heads, &known));
}

#[test]
fn coded_texts_are_read_too() {
    let mut heads = begun();
    // `/#`: 011000 111111111010, filled up with ones.
    let coded = [0x04, 0x83, 0b0110_0011, 0b1111_1110, 0b1011_1111];
    assert!(has_fragment(&mut heads, &coded));
    // `:path` as a name of its own.
    let named = [0x00, 0x84, 0xb9, 0x58, 0xd3, 0x3f, 0x02, b'/', b'#'];
    assert!(has_fragment(&mut heads, &named));
}

#[test]
fn a_head_in_several_frames_is_one_and_padding_is_none_of_it() {
    let block = path(Indexing::Without, b"/a#b");
    let (one, two) = block.split_at(3);
    let mut heads = begun();
    let first = frame(HEADERS, 0, one);
    let second = frame(CONTINUATION, END_HEADERS, two);
    let look = heads.look(&[&first[..], &second].concat());
    let end = second.len();
    assert_eq!(look, Look::Fragment { sound: first.len(), frame: end, insert_at: end });
    let padded = [&[3, 0, 0, 0, 0, 1][..], &block, &[0; 3]].concat();
    let bytes = frame(HEADERS, END_HEADERS | PADDED | PRIORITY, &padded);
    let Look::Fragment { frame: length, insert_at, .. } = heads.look(&bytes) else {
        panic!("the fragment was not seen");
    };
    assert_eq!((length, insert_at), (bytes.len(), bytes.len() - 3));
    let marked = mark(&bytes, insert_at);
    assert_eq!(usize::from(marked[1]) << 8 | usize::from(marked[2]), marked.len() - FRAME_HEAD);
    assert!(marked.ends_with(&[b"x-sidegate-fragment\x011", &[0; 3][..]].concat()));
}

#[test]
fn a_head_that_fills_its_frame_is_marked_in_one_more() {
    let own = 2 + FRAGMENT_FIELD.len() + 2;
    for (filled, frames) in
        [(MOST_PAYLOAD - own, 1), (MOST_PAYLOAD - own + 1, 2), (MOST_PAYLOAD, 2)]
    {
        for padding in [0_usize, 7] {
            let mut payload = path(Indexing::Without, b"/a#b");
            let rest = filled - payload.len() - padding - usize::from(padding > 0);
            // A name of one letter, and the lengths of both: as long as they are above 127.
            let value = vec![b'y'; rest - 6];
            put_literal(&mut payload, Indexing::Without, 0, "x", &value);
            let mut flags = END_HEADERS | 0x01;
            if padding > 0 {
                flags |= PADDED;
                payload.insert(0, padding as u8);
                payload.extend(vec![0; padding]);
            }
            assert_eq!(payload.len(), filled);
            let sent = frame(HEADERS, flags, &payload);
            let Look::Fragment { frame: length, insert_at, .. } = begun().look(&sent) else {
                panic!("the fragment was not seen");
            };
            assert_eq!(length, sent.len());
            let marked = mark(&sent, insert_at);
            let mut lengths = Vec::new();
            let mut rest = &marked[..];
            let mut again = begun();
            while let [l0, l1, l2, kind, flags, 0, 0, 0, 1, ..] = *rest {
                let length = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
                assert!(length <= MOST_PAYLOAD, "{length}");
                let is_last = rest.len() == FRAME_HEAD + length;
                assert_eq!(flags & END_HEADERS != 0, is_last);
                assert_eq!(kind, if lengths.is_empty() { HEADERS } else { CONTINUATION });
                assert_eq!(flags & 0x01 != 0, lengths.is_empty(), "the end of the request");
                lengths.push(length);
                rest = &rest[FRAME_HEAD + length..];
            }
            assert_eq!((lengths.len(), rest), (frames, &[][..]), "{filled} {padding}");
            // It is still one head, and reads as before.
            assert!(matches!(again.look(&marked), Look::Fragment { .. }));
            assert!(marked.windows(own - 4).any(|part| part == FRAGMENT_FIELD.as_bytes()));
        }
    }
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_how_bytes_arrive(
        paths in vec("/[a-c#]{0,3}", 1..6),
        data in 0_usize..60,
        cut in 1_usize..40,
    ) {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let wanted = paths.iter().filter(|path| path.contains('#')).count();
        for text in &paths {
            bytes.extend(frame(HEADERS, END_HEADERS, &path(Indexing::Incremental, text.as_bytes())));
            bytes.extend(frame(0, 0, &vec![b'#'; data]));
        }
        let (mut heads, mut waiting, mut found) = (RequestHeads::default(), Vec::new(), 0);
        for piece in bytes.chunks(cut) {
            waiting.extend_from_slice(piece);
            loop {
                let passed = match heads.look(&waiting) {
                    Look::Sound(0) => break,
                    Look::Sound(sound) => sound,
                    Look::Fragment { sound, frame, .. } => {
                        found += 1;
                        sound + frame
                    }
                };
                waiting.drain(..passed);
            }
        }
        prop_assert_eq!((found, waiting.len()), (wanted, 0));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut heads = begun();
        let _ = heads.look(&frame(HEADERS, END_HEADERS, &bytes));
        let _ = heads.look(&bytes);
    }
}
