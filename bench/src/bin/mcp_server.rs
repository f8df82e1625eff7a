//! An MCP server that does as little as possible: sessions, one answer to every call, and streams in which nothing is said.
//! Prints its address.

use anyhow::Result;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use sidegate_bench::mcp::{ANSWER, INTRODUCTION};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};

type Body = UnsyncBoxBody<Bytes, Infallible>;

static SESSIONS: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let stream = listener.accept().await?.0;
        stream.set_nodelay(true)?;
        serve(stream);
    }
}

fn serve(stream: TcpStream) {
    tokio::spawn(async move {
        let io = TokioIo::new(stream);
        let service = service_fn(answer);
        // A client that goes away is none of our business.
        let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await;
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::GET {
        let nothing = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        return Ok(said("text/event-stream", nothing.boxed_unsync()));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    if message["id"].is_null() {
        let mut response = Response::new(whole(""));
        *response.status_mut() = StatusCode::ACCEPTED;
        return Ok(response);
    }
    if message["method"] != "initialize" {
        return Ok(said("application/json", whole(ANSWER)));
    }
    let mut response = said("application/json", whole(INTRODUCTION));
    let id = HeaderValue::from(SESSIONS.fetch_add(1, Ordering::Relaxed));
    response.headers_mut().insert("mcp-session-id", id);
    Ok(response)
}

fn said(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn whole(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).boxed_unsync()
}
