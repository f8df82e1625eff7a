//! Methods that a plugin's page calls, by name: from JSON to the author's types and back.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::handler::Boxed;

/// A function that answers a call of the plugin's page: `async |payload: T| …` or, with the state,
/// `async |payload: T, state: Arc<State>| …`, returning a `Result<R>`. `T` is read from JSON, `R` becomes
/// JSON. The text of an error is shown to whoever called.
#[diagnostic::on_unimplemented(
    message = "this is no method for a page",
    note = "write `async |payload: T| …` or `async |payload: T, state: Arc<State>| …` and return a `Result<R>`, \
            where `T` can be read from JSON and `R` written as JSON",
    note = "an async closure must not use variables from around it; put them into the state"
)]
pub trait RpcHandler<S, Shape>: Send + Sync + 'static {
    /// Answers one call. It is dropped at an await where the caller goes away.
    fn call(&self, payload: &str, state: &Arc<S>) -> Boxed<Result<String>>;
}

impl<S, F, Fut, T, R> RpcHandler<S, (T,)> for F
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
    T: DeserializeOwned,
    R: Serialize,
{
    fn call(&self, payload: &str, _: &Arc<S>) -> Boxed<Result<String>> {
        answer(read(payload).map(self))
    }
}

impl<S, F, Fut, T, R> RpcHandler<S, (T, Arc<S>)> for F
where
    F: Fn(T, Arc<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
    T: DeserializeOwned,
    R: Serialize,
{
    fn call(&self, payload: &str, state: &Arc<S>) -> Boxed<Result<String>> {
        answer(read(payload).map(|payload| self(payload, Arc::clone(state))))
    }
}

fn answer<Fut, R>(running: Result<Fut>) -> Boxed<Result<String>>
where
    Fut: Future<Output = Result<R>> + Send + 'static,
    R: Serialize,
{
    match running {
        Ok(running) => Box::pin(async move { Ok(serde_json::to_string(&running.await?)?) }),
        Err(error) => Box::pin(async move { Err(error) }),
    }
}

/// Says what is wrong without the value, which may be a secret.
fn read<T: DeserializeOwned>(payload: &str) -> Result<T> {
    let payload = if payload.trim().is_empty() { "{}" } else { payload };
    serde_json::from_str(payload).map_err(|error| {
        let text = error.to_string();
        let what = match text.starts_with("missing field") {
            true => text,
            false => format!("line {}, column {}", error.line(), error.column()),
        };
        Error::new(format!("what was sent is not of the shape that this method takes: {what}"))
    })
}

/// A method that has its state.
pub(crate) type Method = Box<dyn Fn(&str) -> Boxed<Result<String>> + Send + Sync>;

/// Gives a method its state.
type Bind<S> = Box<dyn FnOnce(Arc<S>) -> Method + Send>;

/// Methods by name, waiting for the state that they want.
pub(crate) struct Rpcs<S>(BTreeMap<String, Bind<S>>);

impl<S: Send + Sync + 'static> Rpcs<S> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The last one of a name counts.
    pub(crate) fn add<H, Shape>(&mut self, name: String, handler: H)
    where
        H: RpcHandler<S, Shape>,
    {
        let bind = |state: Arc<S>| -> Method {
            Box::new(move |payload: &str| handler.call(payload, &state))
        };
        self.0.insert(name, Box::new(bind));
    }

    /// The same methods under another state; they used none.
    pub(crate) fn without_state<T: Send + Sync + 'static>(self, none: S) -> Rpcs<T> {
        let none = Arc::new(none);
        let methods = self.0.into_iter().map(|(name, bind)| {
            let none = Arc::clone(&none);
            let bind: Bind<T> = Box::new(move |_| bind(none));
            (name, bind)
        });
        Rpcs(methods.collect())
    }

    /// Gives every method its state.
    pub(crate) fn bind(self, state: &Arc<S>) -> BTreeMap<String, Method> {
        let bind = |(name, bind): (String, Bind<S>)| (name, bind(Arc::clone(state)));
        self.0.into_iter().map(bind).collect()
    }
}
