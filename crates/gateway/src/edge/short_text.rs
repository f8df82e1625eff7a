//! A text that is kept where it stands as long as it is short, and needs no memory of its own then.

/// Such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShortText {
    /// So many of these bytes.
    Within(u8, [u8; SHORT]),
    /// A longer one.
    Aside(Box<str>),
}

/// Longest text that is kept where it stands, in bytes: all of it has 64 with its length.
const SHORT: usize = 62;

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut within = [0; SHORT];
        match (within.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Within(length, within)
            }
            _ => Self::Aside(text.into()),
        }
    }
}

impl ShortText {
    /// It.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            // It was a text when it was copied.
            Self::Within(length, bytes) => bytes
                .get(..usize::from(*length))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Self::Aside(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_what_it_is_whether_it_is_short_or_long() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300, 600] {
            let text = "\u{e4}a".repeat(length).chars().take(length).collect::<String>();
            assert_eq!(ShortText::from(text.as_str()).as_str(), text, "{length}");
        }
        assert_eq!(size_of::<ShortText>(), 64);
        assert!(matches!(ShortText::from("/plugins/lab/x"), ShortText::Within(14, _)));
    }
}
