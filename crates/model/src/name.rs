//! What the names of plugins and apps have in common: commands take a name or a number, so a name
//! must not read as one. Knows text only.

/// Why a name of digits is refused, and what would be right.
pub(crate) const NUMBER_AS_NAME: &str =
    "commands could not tell it from an id; put at least one other character into it";

/// Whether a text could be the number of something.
pub(crate) fn reads_as_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_alone_read_as_a_number() {
        for number in ["0", "7", "00042", "99999999999999999999"] {
            assert!(reads_as_number(number), "{number}");
        }
        for name in ["", "a1", "1a", "-1", "+1", "1.5", "\u{661}"] {
            assert!(!reads_as_number(name), "{name}");
        }
    }
}
