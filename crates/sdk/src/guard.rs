//! Runs a plugin author's function so that its panic ends nothing but itself.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;

use crate::error::{Error, Result};
use crate::handler::Boxed;

/// How a function of the author's did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    Error(Error),
    /// With the text of the panic.
    Panic(String),
}

/// Calls the function and awaits its future; a panic in either is a [`Failure::Panic`].
///
/// State shared with other calls may be left half changed by a panic, as with any task of tokio's
/// that panics; locks of the standard library tell so by their poison.
pub(crate) async fn guarded<T>(call: impl FnOnce() -> Boxed<Result<T>>) -> Result<T, Failure> {
    let future = catch_unwind(AssertUnwindSafe(call)).map_err(|payload| panicked(&*payload))?;
    let outcome = AssertUnwindSafe(future).catch_unwind().await;
    let outcome = outcome.map_err(|payload| panicked(&*payload))?;
    outcome.map_err(Failure::Error)
}

fn panicked(payload: &(dyn Any + Send)) -> Failure {
    Failure::Panic(panic_text(payload).to_owned())
}

/// The text of a panic, where it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panics_before_and_after_the_first_await_are_caught() {
        let early = guarded::<()>(|| panic!("early {}", 1)).await;
        assert!(matches!(early, Err(Failure::Panic(text)) if text == "early 1"));
        let late = guarded::<()>(|| {
            Box::pin(async {
                tokio::task::yield_now().await;
                panic!("late")
            })
        });
        assert!(matches!(late.await, Err(Failure::Panic(text)) if text == "late"));
    }
}
