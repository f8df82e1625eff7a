//! An answer that is read piece by piece, and how it ends.

use crate::answer::Answer;
use crate::eventually::{PATIENCE, within};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::any::Any;

/// An answer whose body is still coming. Dropping it makes the client go away.
pub struct Stream {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
    _connection: Box<dyn Any + Send>,
}

/// An answer that ended before it was complete.
#[derive(Debug)]
pub struct BrokenOff {
    /// What the HTTP library said.
    pub error: hyper::Error,
    /// What arrived before.
    pub received: Bytes,
}

impl BrokenOff {
    /// The reason of the reset, when an HTTP/2 stream was reset.
    pub fn reset(&self) -> Option<h2::Reason> {
        let source = std::error::Error::source(&self.error)?;
        source.downcast_ref::<h2::Error>()?.reason()
    }
}

impl Stream {
    pub(crate) fn new(answer: hyper::Response<Incoming>, connection: Box<dyn Any + Send>) -> Self {
        let (head, body) = answer.into_parts();
        Self { status: head.status, headers: head.headers, body, _connection: connection }
    }

    /// The next bytes; `None` at an orderly end.
    ///
    /// # Errors
    /// When the answer was cut.
    pub async fn next(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = within(PATIENCE, "the next piece of a body", self.body.frame()).await;
            match frame.transpose()?.map(http_body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                Some(Err(_)) => {}
            }
        }
    }

    /// Reads until the text so far ends with `end`.
    ///
    /// # Panics
    /// When the answer ends first.
    pub async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let piece = self.next().await.expect("the answer goes on");
            let Some(piece) = piece else { panic!("the answer ended after {text:?}") };
            text.push_str(std::str::from_utf8(&piece).expect("the body is text"));
        }
        text
    }

    /// Everything that is still to come.
    ///
    /// # Errors
    /// [`BrokenOff`] with what came until then.
    pub async fn rest(&mut self) -> Result<Bytes, BrokenOff> {
        let mut received = BytesMut::new();
        loop {
            match self.next().await {
                Ok(Some(data)) => received.extend_from_slice(&data),
                Ok(None) => return Ok(received.freeze()),
                Err(error) => return Err(BrokenOff { error, received: received.freeze() }),
            }
        }
    }

    /// Reads the answer to its end.
    ///
    /// # Errors
    /// [`BrokenOff`] when it is cut.
    pub async fn whole(mut self) -> Result<Answer, BrokenOff> {
        let body = self.rest().await?;
        Ok(Answer { status: self.status, headers: self.headers, body })
    }
}
