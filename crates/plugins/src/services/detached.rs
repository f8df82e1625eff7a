//! Bytes of a message that outlive it. A field that was read out of a message is a window on all of it,
//! also on parts that nobody reads, and would keep as much memory.

use bytes::Bytes;

/// The same bytes in memory of their own; the message they came in can go.
#[expect(clippy::needless_pass_by_value, reason = "the window must be gone when the copy is there")]
pub(super) fn detached(window: Bytes) -> Bytes {
    Bytes::copy_from_slice(&window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_keeps_nothing_of_its_message() {
        let message = Bytes::from(vec![7; 3_900_000]);
        let window = message.slice(1000..1001);
        assert!(!message.is_unique());
        let kept = detached(window);
        assert!(message.is_unique());
        assert_eq!(kept, [7_u8][..]);
    }
}
