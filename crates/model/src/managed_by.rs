//! Who looks after a thing: a name that whoever applies files gives, so that others see that a change by hand would
//! be undone. It is a note, and no right.

/// Longest name, in characters.
pub const MAX_CHARS: usize = 100;

/// Checks a name; the empty one is nobody.
///
/// # Errors
/// What to write instead.
pub fn check(name: &str) -> Result<(), String> {
    let fits = name.chars().count() <= MAX_CHARS
        && !name.chars().any(char::is_control)
        && name.trim().len() == name.len();
    match fits {
        true => Ok(()),
        false => Err(format!(
            "give at most {MAX_CHARS} printable characters without spaces at the ends, or nothing"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_is_short_and_can_be_read() {
        for good in ["", "gitops", "github.com/acme/gateway main"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [" a", "a\n", &"a".repeat(101)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
