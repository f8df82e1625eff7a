//! What the names of plugins and apps have in common: commands take a name or a number, so a name
//! must not read as one, and not every name can stand in a command. Knows text only.

/// Why a name of digits is refused, and what would be right.
pub(crate) const NUMBER_AS_NAME: &str =
    "commands could not tell it from an id; put at least one other character into it";

/// Whether a text could be the number of something.
pub(crate) fn reads_as_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// So much of a foreign text as a message may quote.
pub fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a thing is called in a command that a person may copy: its name, or its id where it has none or a shell
/// would take the name apart.
pub fn callable(id: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_plain = !name.is_empty() && name.chars().all(plain) && !name.starts_with('-');
    if is_plain { name } else { id }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_takes_apart_is_replaced_by_the_id() {
        assert_eq!(callable("3", "my-echo"), "my-echo");
        for name in ["", "my echo", "a$b", "-x", "a;b"] {
            assert_eq!(callable("3", name), "3", "{name}");
        }
    }

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
