//! The body of a response, which has no buffer of its own while nothing comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::net::TcpStream;

use super::framing::Framing;

/// How much is read at a time, on the stack.
const STEP: usize = 4096;

/// A body that comes by a connection of its own, which is closed with it.
pub(super) struct QuietBody {
    socket: TcpStream,
    framing: Framing,
    /// What has come with the head.
    early: Vec<u8>,
    /// What ends it after the content that came before.
    failed: Option<io::Error>,
}

impl QuietBody {
    /// What follows a head.
    pub(super) fn new(socket: TcpStream, framing: Framing, early: Vec<u8>) -> Self {
        Self { socket, framing, early, failed: None }
    }

    /// Takes bytes that came. What is content is passed on before what is wrong behind it.
    fn take(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        match self.framing.read(piece, &mut content) {
            Err(error) if content.is_empty() => return Err(error),
            read => self.failed = read.err(),
        }
        Ok(content)
    }

    /// Content, once there is some; `None` at the end.
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let early = std::mem::take(&mut self.early);
        let mut content = self.take(&early)?;
        while content.is_empty() {
            if self.framing.has_ended() {
                return Poll::Ready(Ok(None));
            }
            ready!(self.socket.poll_read_ready(cx))?;
            let mut piece = [0; STEP];
            content = match self.socket.try_read(&mut piece) {
                Ok(0) => return Poll::Ready(self.framing.closed().map(|()| None)),
                Ok(length) => self.take(&piece[..length])?,
                // It only seemed so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        Poll::Ready(Ok(Some(content)))
    }
}

impl Body for QuietBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let content = ready!(this.poll_content(cx)).transpose();
        Poll::Ready(content.map(|content| content.map(|it| Frame::data(it.into()))))
    }
}
