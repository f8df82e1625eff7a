//! The names of headers in plugins' answers: read, and told apart from those that plugins may not
//! set. A plugin sends the same few names with every answer, so each thread remembers some of them.
//! Knows nothing of values.

use http::HeaderName;
use std::cell::RefCell;

/// How many names a thread remembers. Each has one place, and the last one keeps it.
const PLACES: usize = 64;
/// Longer names are read anew each time.
const MAX_REMEMBERED_BYTES: usize = 64;

/// A name as a plugin spells it, read.
struct Remembered {
    spelled: Box<[u8]>,
    name: HeaderName,
    is_reserved: bool,
}

thread_local! {
    static REMEMBERED: RefCell<[Option<Remembered>; PLACES]> =
        const { RefCell::new([const { None }; PLACES]) };
}

/// Reads a name, and tells whether it is reserved: whether it belongs to one connection, or to the
/// gateway. `None` for what is no name.
pub(crate) fn read(spelled: &[u8]) -> Option<(HeaderName, bool)> {
    if spelled.len() > MAX_REMEMBERED_BYTES {
        return read_anew(spelled);
    }
    let place = place(spelled)?;
    REMEMBERED.with_borrow_mut(|remembered| {
        let remembered = &mut remembered[place];
        if let Some(known) = remembered.as_ref().filter(|known| *known.spelled == *spelled) {
            return Some((known.name.clone(), known.is_reserved));
        }
        let (name, is_reserved) = read_anew(spelled)?;
        *remembered = Some(Remembered { spelled: spelled.into(), name: name.clone(), is_reserved });
        Some((name, is_reserved))
    })
}

/// The place of a name: mixed from where names differ most. `None` for the empty one.
fn place(spelled: &[u8]) -> Option<usize> {
    let (first, last) = (*spelled.first()?, *spelled.last()?);
    let middle = spelled[spelled.len() / 2];
    let mixed = spelled.len() * 7 + usize::from(first) + usize::from(middle) * 5;
    Some((mixed + usize::from(last) * 11) % PLACES)
}

fn read_anew(spelled: &[u8]) -> Option<(HeaderName, bool)> {
    let name = HeaderName::from_bytes(spelled).ok()?;
    let is_reserved = is_reserved(&name);
    Some((name, is_reserved))
}

fn is_reserved(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "x-request-id"
            | "x-sidegate-error"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_reads_the_same_however_often_it_comes(
            names in proptest::collection::vec("[a-c-]{0,2}|[Tt][Ee]|[a ]{60,70}|\\PC{1,3}", 1..200),
        ) {
            for name in names {
                prop_assert_eq!(read(name.as_bytes()), read_anew(name.as_bytes()));
                prop_assert_eq!(read(name.as_bytes()), read_anew(name.as_bytes()));
            }
        }
    }
}
