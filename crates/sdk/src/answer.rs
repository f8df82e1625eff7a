//! Answers one request: finds the handler, runs it, and turns its end into what the host reads.
//!
//! Either call of the host reaches either kind of handler. An error without words for the client
//! goes to the log, and the host learns only that the plugin failed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use sidegate_transport::codec::{Encoded, Text};
use tonic::Status;

use crate::endpoints::Answerer;
use crate::error::{Public, Result};
use crate::guard::{Failure, guarded};
use crate::handler::Boxed;
use crate::log;
use crate::program::Ready;
use crate::request::Request;
use crate::response::Response;
use crate::route::Match;
use crate::stream::{Chunks, Closed, Finisher, Piece, ResponseStream};

/// How long a streaming handler may take to notice that its client has gone.
const ABANDONED_GRACE: Duration = Duration::from_secs(10);
/// How much of a stream is collected for a host that asked for a whole answer.
const COLLECTED_BYTES: usize = 16 * 1024 * 1024;

/// What a failed handler leaves to say.
enum Verdict {
    Public(Public),
    Hidden(Status),
}

/// Answers as a whole. The handler is dropped at its next await when the host gives up.
pub(crate) async fn whole(ready: &Arc<Ready>, request: Request) -> Result<Encoded, Status> {
    log::in_request(request.shared_id(), async {
        let outcome = match ready.routes.find(request.method(), request.relative_path()) {
            Match::Found(Answerer::Whole(handler)) => {
                guarded(|| handler(request)).await.map_err(judge)
            }
            Match::Found(Answerer::Stream(_)) => {
                collect(stream(ready, request)).await.map_err(Verdict::Hidden)
            }
            nowhere => Ok(refusal(ready, &nowhere)),
        };
        let response = match outcome {
            Ok(response) => response,
            Err(Verdict::Public(public)) => public.into(),
            Err(Verdict::Hidden(status)) => return Err(status),
        };
        response.encode(ready.header_list).map_err(|error| Status::internal(error.to_string()))
    })
    .await
}

/// Answers piece by piece, from a task of its own that ends with the handler, or some time after
/// the chunks are dropped.
pub(crate) fn stream(ready: &Arc<Ready>, request: Request) -> Chunks {
    let (stream, chunks) = ResponseStream::open();
    // Without the rest of the request, which a handler may let go of while it streams.
    let id = Text::from(request.request_id().to_owned());
    tokio::spawn(log::in_request(id, run(Arc::clone(ready), request, stream)));
    chunks
}

async fn run(ready: Arc<Ready>, request: Request, stream: ResponseStream) {
    let finisher = stream.finisher();
    let outcome = tokio::select! {
        outcome = guarded(|| drive(&ready, request, stream)) => outcome,
        () = abandoned(&finisher) => {
            tracing::warn!("a streaming handler outlived its client and was dropped");
            return;
        }
    };
    let told = match outcome.map_err(judge) {
        Ok(()) => finisher.done().await,
        Err(Verdict::Public(public)) => finisher.public_error(public).await,
        Err(Verdict::Hidden(status)) => finisher.hidden_error(status).await,
    };
    if told == Err(Closed) {
        tracing::debug!("the client went before the stream was complete");
    }
}

fn drive(ready: &Ready, request: Request, mut stream: ResponseStream) -> Boxed<Result<()>> {
    let answer = match ready.routes.find(request.method(), request.relative_path()) {
        Match::Found(Answerer::Stream(handler)) => return handler(request, stream),
        Match::Found(Answerer::Whole(handler)) => handler(request),
        nowhere => {
            let refusal = refusal(ready, &nowhere);
            Box::pin(async { Ok(refusal) })
        }
    };
    Box::pin(async move {
        let response = answer.await?;
        stream.headers(response).await
    })
}

async fn abandoned(finisher: &Finisher) {
    finisher.closed().await;
    tokio::time::sleep(ABANDONED_GRACE).await;
}

/// The gateway asks only for what was announced, so a client hardly ever sees these.
fn refusal(ready: &Ready, nowhere: &Match<'_>) -> Response {
    match nowhere {
        Match::OtherMethods(allow) => {
            Response::json(&json!({"error": "this address does not accept this method"}))
                .with_status(405)
                .header("Allow", allow)
        }
        _ if ready.routes.registrations().is_empty() => {
            Response::error(501, "this plugin serves no endpoints")
        }
        Match::Found(_) | Match::Unknown => {
            Response::error(404, "nothing is served at this address")
        }
    }
}

/// Decides who hears about a failure, and tells the log.
fn judge(failure: Failure) -> Verdict {
    match failure {
        Failure::Error(error) if error.downcast_ref::<Closed>().is_some() => {
            Verdict::Hidden(Status::cancelled("the client has gone"))
        }
        Failure::Error(error) => {
            let text = error.to_string();
            if let Some(public) = error.into_public() {
                tracing::debug!(error = text, status = public.status, "the handler refused");
                return Verdict::Public(public);
            }
            tracing::error!(error = text, "the handler failed");
            Verdict::Hidden(Status::unknown("the handler failed; the plugin's log says why"))
        }
        Failure::Panic(text) => {
            // An error in the log already: the hook that saw the panic knows the place as well.
            tracing::debug!(panic = text, "the handler panicked; only this request failed");
            Verdict::Hidden(Status::internal("the handler panicked; the plugin's log says where"))
        }
    }
}

/// A stream as one answer, for a host that asked for one.
async fn collect(mut chunks: Chunks) -> Result<Response, Status> {
    let mut response = None;
    let mut body = Vec::new();
    while let Some(piece) = chunks.next().await.transpose()? {
        match piece {
            Piece::Head(head) => response = Some(*head),
            Piece::Body(data) if body.len() + data.len() > COLLECTED_BYTES => {
                let text = "the endpoint streams more than fits into one answer";
                return Err(Status::resource_exhausted(text));
            }
            Piece::Body(data) => body.extend_from_slice(&data),
            Piece::Done => return Ok(response.unwrap_or_default().with_body(body)),
            Piece::Error(status, text) if response.is_none() => {
                let status = u16::try_from(status).unwrap_or(500);
                return Ok(Response::error(status, text));
            }
            Piece::Error(..) => break,
        }
    }
    Err(Status::unknown("the handler failed; the plugin's log says why"))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::about::About;
    use crate::config::Config;
    use crate::endpoints::Endpoints;
    use crate::program::{Program, Started};

    async fn ready(endpoints: Endpoints) -> Arc<Ready> {
        let endpoints = endpoints.bind(&Arc::new(()));
        let started = Started { endpoints, ..Started::default() };
        let initializer = Box::new(|_| -> Boxed<_> { Box::pin(async { Ok(started) }) });
        let about = About::new("test".to_owned(), "1".to_owned());
        let program = Program::new(about, Vec::new(), initializer).unwrap();
        program.initialize(Config::default(), true).await.unwrap();
        Arc::clone(program.ready().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_ignores_that_its_client_has_gone_is_dropped_after_the_grace() {
        let (alive, dropped) = oneshot::channel::<()>();
        let alive = std::sync::Mutex::new(Some(alive));
        let deaf = move |_: Request, _: ResponseStream| {
            let alive = alive.lock().unwrap().take();
            async move {
                std::future::pending::<()>().await;
                drop(alive);
                Ok(())
            }
        };
        let ready = ready(Endpoints::new().stream("/*", deaf)).await;
        let start = tokio::time::Instant::now();
        drop(stream(&ready, Request::builder().build()));
        assert!(dropped.await.is_err());
        assert_eq!(start.elapsed(), ABANDONED_GRACE);
    }

    #[tokio::test]
    async fn a_stream_that_fits_no_answer_is_an_error_and_its_handler_learns_it() {
        let (told, learnt) = oneshot::channel();
        let told = std::sync::Mutex::new(Some(told));
        let endless = move |_: Request, mut out: ResponseStream| {
            let told = told.lock().unwrap().take();
            async move {
                while out.send(vec![0; 1 << 20]).await.is_ok() {}
                told.map(|told| told.send(()));
                Ok(())
            }
        };
        let ready = ready(Endpoints::new().stream("/*", endless)).await;
        let status = whole(&ready, Request::builder().build()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        learnt.await.unwrap();
    }
}
