//! The host as this plugin asks it: the socket that it announced last, and calls over one connection to it.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Method, Request};
use prost::Message;
use sidegate_wire::plugin::ConnInfo;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long is waited for an announcement.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest that is waited for an answer.
const ANSWER: Duration = Duration::from_secs(35);

#[derive(Default)]
pub(crate) struct Host {
    announced: watch::Sender<Option<String>>,
    connected: Mutex<Option<SendRequest<Bytes>>>,
}

impl Host {
    /// Takes note of what the host announces, until it ends.
    pub(crate) async fn listen(&self, mut body: RecvStream) {
        let mut all = BytesMut::new();
        while let Some(Ok(data)) = body.data().await {
            // A window that cannot be given back ends the stream by itself.
            let _ = body.flow_control().release_capacity(data.len());
            all.extend_from_slice(&data);
            while let Some(length) = all.get(1..5).map(|mut length| length.get_u32() as usize) {
                if all.len() < 5 + length {
                    break;
                }
                let message = all.split_to(5 + length).freeze().slice(5..);
                let said = ConnInfo::decode(message).unwrap_or_default();
                self.announced.send_replace(Some(said.address));
            }
        }
    }

    /// Asks the host. Gives the message of its answer, or in words what it refused.
    pub(crate) async fn ask<A: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
    ) -> Result<A, String> {
        let asked = timeout(ANSWER, self.asked(path, message)).await;
        let bytes = asked.map_err(|late| late.to_string())??;
        A::decode(bytes).map_err(|error| error.to_string())
    }

    async fn asked(&self, path: &str, message: &impl Message) -> Result<Bytes, String> {
        let sender = self.connection().await?;
        let mut sender = sender.ready().await.map_err(|error| error.to_string())?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://host{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|error| error.to_string())?;
        let sent = sender.send_request(request, false);
        let (response, mut body) = sent.map_err(|error| error.to_string())?;
        let encoded = message.encode_to_vec();
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(encoded.len()).unwrap_or_default());
        framed.put_slice(&encoded);
        body.send_data(framed.freeze(), true).map_err(|error| error.to_string())?;
        let response = response.await.map_err(|error| error.to_string())?;
        refused(response.headers())?;
        let mut body = response.into_body();
        let mut all = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(|error| error.to_string())?;
            // A window that cannot be given back ends the stream by itself.
            let _ = body.flow_control().release_capacity(data.len());
            all.extend_from_slice(&data);
        }
        if let Ok(Some(trailers)) = body.trailers().await {
            refused(&trailers)?;
        }
        all.advance(all.len().min(5));
        Ok(all.freeze())
    }

    async fn connection(&self) -> Result<SendRequest<Bytes>, String> {
        let known = self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut announced = self.announced.subscribe();
        let waits = timeout(PATIENCE, announced.wait_for(Option::is_some)).await;
        let address =
            waits.map_err(|_| "nothing is announced")?.map_err(|e| e.to_string())?.clone();
        let socket = UnixStream::connect(address.unwrap_or_default()).await;
        let socket = socket.map_err(|error| error.to_string())?;
        let opened = h2::client::handshake(socket).await.map_err(|error| error.to_string())?;
        let (sender, connection) = opened;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("the connection to the host ended: {error}");
            }
        });
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        Ok(sender)
    }
}

fn refused(headers: &http::HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(code) => {
            let words = text("grpc-message").unwrap_or_default().replace("%20", " ");
            Err(format!("code {code}: {words}"))
        }
    }
}
