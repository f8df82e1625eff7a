//! One gRPC call as bytes on an HTTP/2 stream: every step can be done, left out or done wrongly.

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;

/// The answering half of a call.
pub(crate) struct Call {
    respond: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
}

type Done = Result<(), h2::Error>;

impl Call {
    pub(crate) fn new(respond: SendResponse<Bytes>) -> Self {
        Self { respond, body: None }
    }

    /// Sends one message, with the head before the first.
    pub(crate) fn message(&mut self, message: &impl Message) -> Done {
        let encoded = message.encode_to_vec();
        self.bytes(&encoded)
    }

    /// Sends bytes as if they were a message.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Done {
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(bytes.len()).unwrap_or_default());
        framed.put_slice(bytes);
        self.body()?.send_data(framed.freeze(), false)
    }

    /// Ends the call with a gRPC status.
    pub(crate) fn end(&mut self, code: u8, text: &'static str) -> Done {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(u16::from(code)));
        if !text.is_empty() {
            trailers.insert("grpc-message", HeaderValue::from_static(text));
        }
        self.body()?.send_trailers(trailers)
    }

    /// Answers with one message and success.
    pub(crate) fn answer(&mut self, message: &impl Message) -> Done {
        self.message(message)?;
        self.end(0, "")
    }

    /// Answers like a web server that knows nothing of gRPC.
    pub(crate) fn http_status(&mut self, status: u16) -> Done {
        let mut head = Response::new(());
        *head.status_mut() = status.try_into().unwrap_or_default();
        self.respond.send_response(head, true).map(drop)
    }

    /// Resets the stream.
    pub(crate) fn reset(&mut self) {
        match &mut self.body {
            Some(body) => body.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }

    /// Waits until the host has let go of the call.
    pub(crate) async fn cancelled(&mut self) {
        let _ = match &mut self.body {
            Some(body) => std::future::poll_fn(|cx| body.poll_reset(cx)).await,
            None => std::future::poll_fn(|cx| self.respond.poll_reset(cx)).await,
        };
    }

    fn body(&mut self) -> Result<&mut SendStream<Bytes>, h2::Error> {
        let body = match self.body.take() {
            Some(body) => body,
            None => {
                let mut head = Response::new(());
                let kind = HeaderValue::from_static("application/grpc");
                head.headers_mut().insert("content-type", kind);
                self.respond.send_response(head, false)?
            }
        };
        Ok(self.body.insert(body))
    }
}
