//! Streams over `http://` that say nothing for hours: each has a connection of its own, which takes no buffer while it waits.
//! The connections of the HTTP library have theirs for as long as they live.

mod body;
mod chunked;
mod framing;
mod head;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::time::Duration;

use http::Uri;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service as _;
use url::{Position, Url};

use super::reaching::{CONNECT, causes};
use crate::failure::Failure;
use body::QuietBody;

/// As the HTTP library does where nobody says otherwise.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;

/// Opens streams.
pub(super) struct Quiet {
    /// What is sent with each request that does not say otherwise.
    headers: HeaderMap,
    connector: HttpConnector,
}

impl Quiet {
    /// Streams of requests with these headers. After so long without a byte it is asked whether the other end is there.
    pub(super) fn new(headers: HeaderMap, keep_alive: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_keepalive(Some(keep_alive));
        connector.set_keepalive_interval(Some(PROBE_INTERVAL));
        connector.set_keepalive_retries(Some(PROBES));
        Self { headers, connector }
    }

    /// Whether this is a request for it: one without a body, and without TLS.
    pub(super) fn takes(request: &Request) -> bool {
        request.url().scheme() == "http" && request.body().is_none()
    }

    /// Asks, and gives the response once its head is there.
    pub(super) async fn open(&self, mut request: Request) -> Result<Response, Failure> {
        let uri = address(request.url()).ok_or_else(|| away("no address of HTTP"))?;
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Some(host) = uri.authority().map(|host| HeaderValue::try_from(host.as_str())) {
            let host = host.map_err(|_| away("no host of HTTP"))?;
            headers.entry(HOST).or_insert(host);
        }
        let head = head::write(request.method(), &uri, request.headers());
        let mut socket = self.connect(uri).await?;
        socket.write_all(&head).await.map_err(|error| unreached(&error))?;
        let (parts, framing, early) = head::read(&mut socket).await?;
        let body = QuietBody::new(socket, framing, early);
        let response = http::Response::from_parts(parts, reqwest::Body::wrap(body));
        Ok(Response::from(response))
    }

    async fn connect(&self, uri: Uri) -> Result<TcpStream, Failure> {
        let connecting = self.connector.clone().call(uri);
        let connected = timeout(CONNECT, connecting).await.map_err(|_| Failure::Slow)?;
        Ok(connected.map_err(|error| unreached(&error))?.into_inner())
    }
}

/// Where a request goes, without what is not sent.
fn address(url: &Url) -> Option<Uri> {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(Authority::try_from(host).ok()?)
        .path_and_query(
            PathAndQuery::try_from(&url[Position::BeforePath..Position::AfterQuery]).ok()?,
        )
        .build()
        .ok()
}

fn unreached(error: &(dyn Error + 'static)) -> Failure {
    let is_late = |error: &(dyn Error + 'static)| {
        error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::TimedOut)
    };
    let mut all = std::iter::successors(Some(error), |error| (*error).source());
    if all.any(is_late) { Failure::Slow } else { Failure::Away(causes(Some(error))) }
}

fn away(why: &str) -> Failure {
    Failure::Away(why.to_owned())
}
