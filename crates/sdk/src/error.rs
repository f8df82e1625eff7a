//! How a handler gives up: with words for the client, or with words for the log only.
//!
//! Knows nothing of where an error is shown; whoever answers a request decides that.

use std::error::Error as StdError;
use std::fmt;

/// What a handler, or the start of a plugin, fails with.
///
/// [`Error::public`] carries a status and a text for the client. Every other error, also any that
/// `?` converts, is for the plugin's log: the client sees only that the plugin failed (502).
///
/// ```
/// use sidegate_sdk::{Error, Request, Response, Result};
///
/// async fn user(req: Request) -> Result<Response> {
///     let id: u64 = req.segments()[1].parse()?; // the client sees 502, the log what was wrong
///     if id == 0 {
///         return Err(Error::public(404, "there is no such user"));
///     }
///     Ok(Response::text("somebody"))
/// }
/// ```
pub struct Error {
    public: Option<Public>,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The words of an error that a client may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Public {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// A result whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error whose text goes to the log only: the client gets a 500 without it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { public: None, text: text.into(), source: None }
    }

    /// An error for the client: the HTTP status of the answer and a text that is shown as it is.
    pub fn public(status: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        let public = Public { status, text: text.clone() };
        Self { public: Some(public), text, source: None }
    }

    /// Says what was going on when the error happened. A public error stays public; the added
    /// words go to the log only.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.text = format!("{doing}: {}", self.text);
        self
    }

    /// The status and the text for the client, when the error has them.
    pub fn as_public(&self) -> Option<(u16, &str)> {
        self.public.as_ref().map(|public| (public.status, public.text.as_str()))
    }

    /// The error that was converted with `?`, when it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.as_ref().and_then(|source| source.downcast_ref())
    }

    pub(crate) fn into_public(self) -> Option<Public> {
        self.public
    }
}

/// Every ordinary error becomes one for the log. ([`Error`] itself is therefore none.)
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(source: E) -> Self {
        Self { public: None, text: source.to_string(), source: Some(Box::new(source)) }
    }
}

/// The whole chain of causes on one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        let mut cause = self.source.as_ref().and_then(|source| source.source());
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The same as `Display`, so that a `main` that returns the error prints something to read.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_for_the_log_and_leaves_the_public_text_alone() {
        let error = Error::public(404, "no such file").context("open /etc/secret");
        assert_eq!(error.as_public(), Some((404, "no such file")));
        assert_eq!(error.to_string(), "open /etc/secret: no such file");
    }

    #[test]
    fn a_converted_error_is_private_and_tells_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot load")]
        struct Load(#[source] std::num::ParseIntError);

        let cause = "x".parse::<u8>().unwrap_err();
        let error = Error::from(Load(cause));
        assert_eq!(error.as_public(), None);
        assert_eq!(format!("{error:?}"), "cannot load: invalid digit found in string");
        assert!(error.downcast_ref::<Load>().is_some());
    }
}
