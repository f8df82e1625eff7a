//! Everything but endpoint calls: passed on to the generated services, and their answers back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::service::Routes;
use tower::Service as _;

use super::answer_stream::room;

/// Answers one call. Ends when the host gives it up.
pub(super) async fn forward(
    mut routes: Routes,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let request = request.map(|body| tonic::body::Body::new(Incoming { body, data_over: false }));
    let answer = tokio::select! {
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        answer = routes.call(request) => answer,
    };
    let Ok(answer) = answer;
    if let Err(error) = send(&mut respond, answer).await {
        tracing::debug!(%error, "an answer could not be sent");
    }
}

async fn send(
    respond: &mut SendResponse<Bytes>,
    answer: Response<tonic::body::Body>,
) -> Result<(), h2::Error> {
    let (head, mut body) = answer.into_parts();
    let over = body.is_end_stream();
    let mut stream = respond.send_response(Response::from_parts(head, ()), over)?;
    if over {
        return Ok(());
    }
    loop {
        let frame = tokio::select! {
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Ok(()),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else {
            return stream.send_data(Bytes::new(), true);
        };
        let Ok(frame) = frame else {
            stream.send_reset(h2::Reason::INTERNAL_ERROR);
            return Ok(());
        };
        match frame.into_data() {
            Ok(data) => {
                room(&mut stream).await?;
                stream.send_data(data, false)?;
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_else(|_| HeaderMap::new());
                return stream.send_trailers(trailers);
            }
        }
    }
}

/// What the host sends, as the generated services read it.
struct Incoming {
    body: RecvStream,
    data_over: bool,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let broken = |error: h2::Error| Status::cancelled(error.to_string());
        if !self.data_over {
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => {
                    // It can only fail where the stream is over, which the next read tells.
                    let _ = self.body.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(error)))),
                None => self.data_over = true,
            }
        }
        Poll::Ready(match ready!(self.body.poll_trailers(cx)) {
            Ok(Some(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(None) => None,
            Err(error) => Some(Err(broken(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
