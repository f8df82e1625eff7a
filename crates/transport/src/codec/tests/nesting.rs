//! How deep fields may lie: the generated types count groups and messages together.

use super::{agree, delimited, group, number};
use bytes::Bytes;

/// So many groups within each other, the innermost with this content.
fn groups(depth: usize, content: &[u8]) -> Vec<u8> {
    (0..depth).fold(content.to_vec(), |inner, _| group(77, &inner))
}

#[test]
fn fields_lie_as_deep_as_the_generated_types_let_them() {
    for depth in 96..103 {
        for content in [vec![], number(7, 1), delimited(7, b"x"), vec![0x3d, 0, 0, 0, 0]] {
            let deep = groups(depth, &content);
            let app = [delimited(13, &deep), delimited(13, b"")].concat();
            // In a message, in an entry, in a context and its entries, in an app and what it holds.
            let mut messages = vec![deep.clone(), delimited(13, &deep), app];
            messages.extend([2, 3, 5, 11, 1000].map(|field| delimited(field, &deep)));
            messages.extend([7, 8].map(|field| delimited(11, &delimited(field, &deep))));
            messages.extend((1..12).map(|field| delimited(13, &delimited(field, &deep))));
            for message in messages {
                agree(&Bytes::from(message)).unwrap();
            }
        }
    }
}

#[test]
fn the_hundredth_group_may_be_there_and_nothing_in_it() {
    let decode = |bytes: Vec<u8>| super::Answer::decode(&bytes.into());
    assert!(decode(groups(100, b"")).is_ok());
    assert!(decode(groups(99, &number(7, 1))).is_ok());
    assert!(decode(groups(100, &number(7, 1))).is_err());
    assert!(decode(groups(101, b"")).is_err());
}
