//! The same endpoints as a plain HTTP/1.1 server on hyper: behind nginx on a unix socket
//! (`--socket PATH`), or alone on TCP (`--tcp`, which prints its address).

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sidegate_bench::payload::{Events, HELLO, MOUNT, Order};
use std::convert::Infallible;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--socket", path] => {
            let listener = UnixListener::bind(path)?;
            loop {
                serve(listener.accept().await?.0);
            }
        }
        ["--tcp"] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            loop {
                let stream = listener.accept().await?.0;
                stream.set_nodelay(true)?;
                serve(stream);
            }
        }
        _ => bail!("usage: bench-upstream --socket PATH | --tcp"),
    }
}

fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    tokio::spawn(async move {
        let io = TokioIo::new(stream);
        let service = service_fn(answer);
        // A client that goes away is none of our business.
        let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await;
    });
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let path = request.uri().path();
    let (kind, body) = match path.strip_prefix(MOUNT).unwrap_or(path) {
        "/echo" => {
            ("application/octet-stream", full(request.into_body().collect().await?.to_bytes()))
        }
        "/sse" => ("text/event-stream", stream(Order::read(request.uri().query().unwrap_or("")))),
        _ => ("text/plain; charset=utf-8", full(Bytes::from_static(HELLO.as_bytes()))),
    };
    let kind = header::HeaderValue::from_static(kind);
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

fn stream(order: Order) -> Body {
    let events = futures_util::stream::unfold(Events::new(order), async |mut events| {
        let event = events.next().await?;
        Some((Ok(Frame::data(event)), events))
    });
    StreamBody::new(events).boxed_unsync()
}
