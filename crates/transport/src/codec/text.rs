//! A text that lies in the bytes of a message.

use super::grammar::{Malformed, Value, checked_text};
use bytes::Bytes;
use std::fmt;
use std::ops::Deref;

/// A text that lies in the bytes of a message, which stay as long as it does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// The text of a value that lies in `message`.
    pub(super) fn of(message: &Bytes, value: Value<'_>) -> Result<Self, Malformed> {
        Ok(Self(message.slice_ref(checked_text(value.bytes()?)?)))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        // Checked when it was read.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
