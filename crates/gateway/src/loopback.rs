//! A client of the gateway's own port, for a request that an operator tries out: the whole way that a client's goes,
//! over loopback, and nowhere else.

use crate::edge::tls::ShownIdentity;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sidegate_model::node::ClientAddress;
use sidegate_model::trial::{
    FOLLOW_EVENTS, LONGEST_TRIAL, MOST_BODY_BYTES, MOST_EVENTS, Trial, TrialEnd, Tried,
};
use sidegate_transport::pinned;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// What was to be sent is no request.
    #[error("this is no request that can be sent: {0}")]
    Request(String),
    /// The own port does not answer.
    #[error("the gateway's own port for clients, {0}, does not answer: {1}")]
    Unreached(SocketAddr, String),
    /// Nothing came in time.
    #[error("no answer began within {LONGEST_TRIAL:?}")]
    TooLate,
}

/// Asks the gateway what its clients ask it. A clone asks the same one.
#[derive(Debug, Clone)]
pub struct Loopback {
    addr: SocketAddr,
    tls: Option<Arc<ShownIdentity>>,
}

impl Loopback {
    /// A client of the port that is listened on there.
    pub(crate) fn new(clients: ClientAddress, tls: Option<Arc<ShownIdentity>>) -> Self {
        let ip = match clients.addr.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            own => own,
        };
        Self { addr: SocketAddr::new(ip, clients.addr.port()), tls }
    }

    /// Makes the request, and reads of its answer what there is room and time for.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn attempt(&self, trial: Trial) -> Result<Tried, NoAnswer> {
        let (begun, deadline) = (Instant::now(), Instant::now() + LONGEST_TRIAL);
        let request = self.request(trial)?;
        let answered = timeout_at(deadline, self.answer(request)).await;
        let (response, _connection) = answered.map_err(|_| NoAnswer::TooLate)??;
        let mut tried = Tried { status: response.status().as_u16(), ..Tried::default() };
        tried.headers = (response.headers().iter())
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())
            })
            .collect();
        (tried.body, tried.end) = read(response, deadline).await;
        tried.duration = begun.elapsed();
        Ok(tried)
    }

    fn request(&self, trial: Trial) -> Result<Request<Full<Bytes>>, NoAnswer> {
        let Trial { method, target, headers, body } = trial;
        let mut request = Request::builder()
            .method(method.as_str())
            .uri(target)
            .header(HOST, self.addr.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into()));
        let mut request = request.map_err(|error| NoAnswer::Request(error.to_string()))?;
        let ours = HeaderValue::from_static("sidegate-try");
        request.headers_mut().entry(USER_AGENT).or_insert(ours);
        Ok(request)
    }

    /// The head of the answer, and what carries the connection until it is dropped.
    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), NoAnswer> {
        let socket = TcpStream::connect(self.addr).await.map_err(|error| self.unreached(error))?;
        let Some(tls) = &self.tls else { return self.ask(socket, request).await };
        // Nobody else is to get the token that may be in the request.
        let own = pinned::PeerCertificate::from_der(&tls.certificate());
        let own = own.map_err(|error| self.unreached(error))?;
        let connector = TlsConnector::from(Arc::new(pinned::config_for(&own)));
        let name = ServerName::IpAddress(self.addr.ip().into());
        let socket = connector.connect(name, socket).await;
        self.ask(socket.map_err(|error| self.unreached(error))?, request).await
    }

    async fn ask<S>(
        &self,
        socket: S,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), NoAnswer>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = begun.map_err(|error| self.unreached(error))?;
        let carried = AbortOnDropHandle::new(tokio::spawn(async move {
            // What breaks it is told where the answer is read.
            let _ = connection.await;
        }));
        let response = sender.send_request(request).await;
        Ok((response.map_err(|error| self.unreached(error))?, carried))
    }

    fn unreached(&self, error: impl Display) -> NoAnswer {
        NoAnswer::Unreached(self.addr, error.to_string())
    }
}

/// What came of an answer, and why no more of it is read.
async fn read(response: Response<Incoming>, deadline: Instant) -> (Vec<u8>, TrialEnd) {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_events = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    let deadline = if is_events { deadline.min(Instant::now() + FOLLOW_EVENTS) } else { deadline };
    let (mut body, mut response) = (Vec::new(), response.into_body());
    let mut events = Events::default();
    loop {
        let frame = match timeout_at(deadline, response.frame()).await {
            Err(_) if is_events => return (body, TrialEnd::EnoughEvents),
            Err(_) => return (body, TrialEnd::TooLate),
            Ok(None) => return (body, TrialEnd::Whole),
            Ok(Some(Err(error))) => return (body, TrialEnd::Broken(error.to_string())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let room = MOST_BODY_BYTES - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (body, TrialEnd::TooLong);
        }
        if is_events && events.count(&data) >= MOST_EVENTS {
            return (body, TrialEnd::EnoughEvents);
        }
    }
}

/// Counts events as they come in pieces: each ends with an empty line.
#[derive(Debug, Default)]
struct Events {
    ended: usize,
    in_event: bool,
    in_line: bool,
}

impl Events {
    fn count(&mut self, piece: &[u8]) -> usize {
        for byte in piece {
            match byte {
                b'\r' => {}
                b'\n' if self.in_line => self.in_line = false,
                b'\n' => self.ended += usize::from(std::mem::take(&mut self.in_event)),
                _ => (self.in_event, self.in_line) = (true, true),
            }
        }
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_however_they_come_in_pieces() {
        let mut events = Events::default();
        assert_eq!(events.count(b"data: 1\n"), 0);
        assert_eq!(events.count(b"\n\n\r\n"), 1);
        assert_eq!(events.count(b"id: 2\r\ndata: 2\r\n\r\ndata: 3\n"), 2);
        assert_eq!(events.count(b"\n"), 3);
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_this_machine() {
        for (listens, asked) in [
            ("http://0.0.0.0:8081", "127.0.0.1:8081"),
            ("http://[::]:8081", "[::1]:8081"),
            ("http://192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let clients = ClientAddress::parse(listens).unwrap();
            assert_eq!(Loopback::new(clients, None).addr.to_string(), asked);
        }
    }
}
