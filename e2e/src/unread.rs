//! A reader of HTTP/2 that leaves its answer unread, or reads it slowly, while its connection is alive.

use crate::eventually::{PATIENCE, within};
use crate::gateway::Gateway;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};

/// So much is sent to it before it reads anything, in bytes.
const WINDOW: u32 = 1000;

/// An answer that has begun, on a connection of its own.
pub struct Unread {
    sender: SendRequest<Bytes>,
    authority: String,
    body: RecvStream,
}

impl Unread {
    /// Asks for it, and reads nothing but its head.
    ///
    /// # Panics
    /// When it is not answered with 200.
    pub async fn open(gateway: &Gateway, path: &str, token: Option<&str>) -> Self {
        let tcp = tokio::net::TcpStream::connect(gateway.addr()).await;
        let tcp = tcp.expect("the gateway accepts connections");
        let mut client = h2::client::Builder::new();
        client.initial_window_size(WINDOW);
        let greeted = client.handshake::<_, Bytes>(tcp).await;
        let (mut sender, connection) = greeted.expect("the gateway speaks HTTP/2");
        // It ends with the connection.
        tokio::spawn(connection);
        let authority = gateway.addr().to_string();
        let answer = ask(&mut sender, &authority, path, token).await;
        assert_eq!(answer.status(), 200, "{path}");
        Self { sender, authority, body: answer.into_body() }
    }

    /// Reads so much of it.
    ///
    /// # Panics
    /// When it ends before.
    pub async fn read_at_least(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let data = within(PATIENCE, "more of the answer", self.body.data()).await;
            let data = data.expect("there is more").expect("the stream is open");
            let release = self.body.flow_control().release_capacity(data.len());
            release.expect("what was read is given back");
            left = left.saturating_sub(data.len());
        }
    }

    /// Waits until the stream is reset, without taking any more of it.
    ///
    /// # Panics
    /// When it comes to another end.
    pub async fn reset(&mut self) -> Reason {
        loop {
            match within(PATIENCE, "the reset of the stream", self.body.data()).await {
                Some(Ok(_)) => {}
                Some(Err(error)) if error.is_reset() => {
                    return error.reason().expect("a reset has a reason");
                }
                other => panic!("no reset of the stream: {other:?}"),
            }
        }
    }

    /// Asks for something else on the same connection; the status of the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask(&mut self, path: &str) -> u16 {
        ask(&mut self.sender, &self.authority, path, None).await.status().as_u16()
    }
}

async fn ask(
    sender: &mut SendRequest<Bytes>,
    authority: &str,
    path: &str,
    token: Option<&str>,
) -> http::Response<RecvStream> {
    let mut request = http::Request::get(format!("http://{authority}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(()).expect("a request");
    let mut ready = sender.clone().ready().await.expect("the connection is open");
    let (answer, _) = ready.send_request(request, true).expect("the connection is open");
    within(PATIENCE, "an answer", answer).await.expect("an answer")
}
