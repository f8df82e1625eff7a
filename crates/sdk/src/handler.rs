//! Which functions are handlers, and what they may return.
//!
//! The second parameter of the traits only tells the shapes of functions apart; it is inferred.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::request::Request;
use crate::response::Response;
use crate::stream::ResponseStream;

/// A future of unknown type that may move between threads.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a handler may return: a [`Response`], text, or a [`Result`] of these.
pub trait IntoResponse {
    /// The answer, or why there is none.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_response(self) -> Result<Response>;
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response> {
        Ok(self)
    }
}

impl IntoResponse for &str {
    fn into_response(self) -> Result<Response> {
        Ok(Response::text(self))
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Result<Response> {
        Ok(Response::text(self))
    }
}

impl<R: IntoResponse> IntoResponse for Result<R, Error> {
    fn into_response(self) -> Result<Response> {
        self.and_then(R::into_response)
    }
}

/// A function that answers a request as a whole: `async |req: Request| …` or, with the state that
/// `initialize` made, `async |req: Request, state: Arc<State>| …`.
#[diagnostic::on_unimplemented(
    message = "this is no handler of requests",
    note = "write `async |req: Request| …` or `async |req: Request, state: Arc<State>| …` and \
            return a `Response`, text, or a `Result` of these",
    note = "an async closure must not use variables from around it; put them into the state, or \
            write `move |req: Request| {{ let x = x.clone(); async move {{ … }} }}`"
)]
pub trait Handler<S, Shape>: Send + Sync + 'static {
    /// Answers one request. It is dropped at an await where the client goes away.
    fn call(&self, request: Request, state: &Arc<S>) -> Boxed<Result<Response>>;
}

impl<S, F, Fut> Handler<S, (Request,)> for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(&self, request: Request, _: &Arc<S>) -> Boxed<Result<Response>> {
        let answer = self(request);
        Box::pin(async move { answer.await.into_response() })
    }
}

impl<S, F, Fut> Handler<S, (Request, Arc<S>)> for F
where
    F: Fn(Request, Arc<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(&self, request: Request, state: &Arc<S>) -> Boxed<Result<Response>> {
        let answer = self(request, Arc::clone(state));
        Box::pin(async move { answer.await.into_response() })
    }
}

/// A function that answers piece by piece: `async |req: Request, out: ResponseStream| …` or, with
/// the state, `async |req: Request, out: ResponseStream, state: Arc<State>| …`. It returns
/// `Result<()>`.
#[diagnostic::on_unimplemented(
    message = "this is no streaming handler",
    note = "write `async |req: Request, mut out: ResponseStream| …` or, with the state, \
            `async |req: Request, mut out: ResponseStream, state: Arc<State>| …`, and return `Result<()>`",
    note = "an async closure must not use variables from around it; put them into the state, or \
            write `move |req: Request, out: ResponseStream| {{ let x = x.clone(); async move {{ … }} }}`"
)]
pub trait StreamHandler<S, Shape>: Send + Sync + 'static {
    /// Answers one request piece by piece, through `stream`; its end ends the answer.
    fn call(&self, request: Request, stream: ResponseStream, state: &Arc<S>) -> Boxed<Result<()>>;
}

impl<S, F, Fut> StreamHandler<S, (Request, ResponseStream)> for F
where
    F: Fn(Request, ResponseStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    fn call(&self, request: Request, stream: ResponseStream, _: &Arc<S>) -> Boxed<Result<()>> {
        Box::pin(self(request, stream))
    }
}

impl<S, F, Fut> StreamHandler<S, (Request, ResponseStream, Arc<S>)> for F
where
    F: Fn(Request, ResponseStream, Arc<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    fn call(&self, request: Request, stream: ResponseStream, state: &Arc<S>) -> Boxed<Result<()>> {
        Box::pin(self(request, stream, Arc::clone(state)))
    }
}
