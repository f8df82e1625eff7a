//! What the HTTP library makes of bytes that nobody guards.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A request that came as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: Vec<u8>,
    /// Path and query.
    pub path: Vec<u8>,
    /// Names in lower case, and values, in the order of names.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Seen {
    /// All of a request, once it is there; `None` where it breaks off.
    pub async fn of(request: Request<Incoming>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        let mut fields: Vec<_> = head.headers.iter().map(field).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        // The library gives an absolute address without a path the path `/`.
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let path = if head.uri.scheme().is_some() && path == "/" { "" } else { path };
        let path = path.as_bytes().to_vec();
        Some(Self { method: head.method.as_str().as_bytes().to_vec(), path, fields, body })
    }
}

/// What the library saw on a connection.
#[derive(Debug, Default)]
pub struct Library {
    /// The requests that came as a whole.
    pub requests: Vec<Seen>,
    /// The statuses that it refused with.
    pub refusals: Vec<u16>,
}

impl Library {
    /// Has it read all bytes of a connection.
    pub fn reads(bytes: &[u8]) -> Self {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let service = service_fn(|request| {
            let seen = Rc::clone(&seen);
            async move {
                let request = Seen::of(request).await;
                seen.borrow_mut().extend(request);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let wire = Memory { left: bytes.to_vec(), at: 0, waited: 0, written: Rc::default() };
        let written = Rc::clone(&wire.written);
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .max_headers(super::LIMITS.max_headers)
            .serve_connection(TokioIo::new(wire), service);
        let mut serving = Box::pin(serving);
        for _ in 0..10_000 {
            if serving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
        drop(serving);
        let requests = seen.borrow().clone();
        let refusals = refusals(&written.borrow());
        Self { requests, refusals }
    }
}

/// Statuses other than success, of answers without content.
pub fn refusals(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1."));
    let statuses = lines.filter_map(|line| line.split(' ').nth(1)?.parse().ok());
    statuses.filter(|status| *status >= 300).collect()
}

/// How often there is nothing to read before the end.
const WAITS: usize = 3;

/// A connection whose other end sends all of it at once, and hangs up after the answers.
struct Memory {
    left: Vec<u8>,
    at: usize,
    waited: usize,
    written: Rc<RefCell<Vec<u8>>>,
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at == this.left.len() && this.waited < WAITS {
            // It is asked again, whoever wakes it.
            this.waited += 1;
            return Poll::Pending;
        }
        let n = buf.remaining().min(this.left.len() - this.at);
        buf.put_slice(&this.left[this.at..this.at + n]);
        this.at += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
