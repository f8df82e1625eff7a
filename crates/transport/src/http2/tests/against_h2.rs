//! Calls against the server of the `h2` crate.

use super::{SETTINGS, TIMEOUT, WINDOW, pattern, request, soon, whole};
use crate::http2::{Client, Failure, Reading, connect};
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// More requests than a test lets wait; a further one would be refused.
const ENOUGH: usize = 256;

pub(super) type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// A client with a server, whose requests come out of the channel.
pub(super) struct Both {
    pub(super) client: Client,
    pub(super) driver: JoinHandle<Cow<'static, str>>,
    pub(super) asked: mpsc::Receiver<Asked>,
    /// Lets the server say farewell.
    pub(super) farewell: Arc<Notify>,
}

async fn serve(
    builder: Builder,
    io: DuplexStream,
    asked: mpsc::Sender<Asked>,
    farewell: Arc<Notify>,
) {
    let mut connection = builder.handshake::<_, Bytes>(io).await.unwrap();
    loop {
        tokio::select! {
            next = connection.accept() => match next {
                Some(Ok(next)) => drop(asked.try_send(next)),
                _ => return,
            },
            () = farewell.notified() => connection.graceful_shutdown(),
        }
    }
}

pub(super) async fn both(builder: Builder) -> Both {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (send, asked) = mpsc::channel(ENOUGH);
    let farewell = Arc::new(Notify::new());
    tokio::spawn(serve(builder, far, send, Arc::clone(&farewell)));
    let (client, driver) = soon(connect(near, SETTINGS)).await.unwrap();
    Both { client, driver: tokio::spawn(driver), asked, farewell }
}

/// All of a request.
pub(super) async fn body(request: Request<RecvStream>) -> Vec<u8> {
    let mut stream = request.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    bytes
}

fn status(code: &'static str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
}

pub(super) fn begin(mut respond: SendResponse<Bytes>) -> SendStream<Bytes> {
    respond.send_response(Response::new(()), false).unwrap()
}

pub(super) fn finish(mut stream: SendStream<Bytes>, bytes: Vec<u8>) {
    stream.send_data(bytes.into(), false).unwrap();
    stream.send_trailers(status("0")).unwrap();
}

/// Answers as many bytes as the request's first eight say, after so many turns of others as the
/// ninth says.
async fn echo((request, respond): Asked) {
    let asked = body(request).await;
    let (length, rest) = asked.split_first_chunk::<8>().unwrap();
    assert!(*rest == pattern(2, rest.len()), "the request came as it was sent");
    for _ in 0..rest.first().copied().unwrap_or(0) {
        tokio::task::yield_now().await;
    }
    let length = u64::from_le_bytes(*length);
    finish(begin(respond), pattern(length, length as usize));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_get_what_they_asked_for() {
    let mut both = both(Builder::new()).await;
    let sizes = [0, 1, 100, 4095, 4096, 16_384, 70_000, 1 << 20, 3 << 20];
    let mut calls = Vec::new();
    for (nth, (sent, asked)) in
        sizes.iter().flat_map(|s| sizes.iter().map(move |a| (*s, *a))).enumerate()
    {
        let message = Bytes::from((asked as u64).to_le_bytes().to_vec());
        let reading = super::READINGS[nth % 2];
        let call = both.client.call((message, pattern(2, sent).into()), TIMEOUT, reading);
        let call = call.unwrap();
        calls.push(tokio::spawn(async move {
            let (bytes, end) = whole(call).await;
            assert_eq!(end, Ok(()));
            assert!(bytes == pattern(asked as u64, asked), "the answer came as it was sent");
        }));
    }
    for _ in 0..calls.len() {
        let asked = soon(both.asked.recv()).await.unwrap();
        tokio::spawn(echo(asked));
    }
    for call in calls {
        soon(call).await.unwrap();
    }
}

#[tokio::test]
async fn requests_name_what_grpc_wants_each_time() {
    let mut both = both(Builder::new()).await;
    for seconds in [7, 7, 7, 9, 9, 7, 100_000_000] {
        let timeout = std::time::Duration::from_secs(seconds);
        let _call = both.client.call(request(5), timeout, Reading::Whole).unwrap();
        let (request, _respond) = soon(both.asked.recv()).await.unwrap();
        // Eight digits are all that gRPC takes.
        let expected =
            if seconds > 99_999 { "99999999S".to_owned() } else { format!("{}m", seconds * 1000) };
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "http://localhost/a.Service/Method");
        let mut fields: Vec<_> =
            request.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        fields.sort_unstable();
        let grpc = ("content-type", "application/grpc");
        assert_eq!(fields, [grpc, ("grpc-timeout", &expected), ("te", "trailers")]);
    }
}

#[tokio::test]
async fn an_error_without_an_answer_is_told() {
    let mut both = both(Builder::new()).await;
    let answers = [
        ("200", Some("5"), "5 no%20such"),
        ("200", Some("x"), "breaks"),
        ("404", None, "breaks"),
        ("200", None, "broke"),
    ];
    for (http, grpc, expected) in answers {
        let call = both.client.call(request(5), TIMEOUT, Reading::Whole).unwrap();
        let (_request, mut respond) = soon(both.asked.recv()).await.unwrap();
        let mut response = Response::builder().status(http);
        if let Some(grpc) = grpc {
            response = response.header("grpc-status", grpc).header("grpc-message", "no%20such");
        }
        respond.send_response(response.body(()).unwrap(), true).unwrap();
        let told = match soon(whole(call)).await.1.unwrap_err() {
            Failure::Status { code, message } => format!("{code} {}", message.escape_ascii()),
            Failure::Protocol(_) => "breaks".to_owned(),
            Failure::BrokeOff(_) => "broke".to_owned(),
            Failure::Unheard(_) => "unheard".to_owned(),
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_a_stream_holds_back_its_sender_and_nobody_else() {
    const ALL: usize = 1 << 20;
    let mut both = both(Builder::new()).await;
    let mut stalled = both.client.call(request(5), TIMEOUT, Reading::Pieces).unwrap();
    let (_request, respond) = soon(both.asked.recv()).await.unwrap();
    let mut stream = begin(respond);
    soon(poll_fn(|cx| stalled.poll_answered(cx))).await.unwrap();
    let bytes = Bytes::from(pattern(3, ALL));
    let mut sent = 0;
    stream.reserve_capacity(ALL);
    while sent < WINDOW as usize {
        let room = soon(poll_fn(|cx| stream.poll_capacity(cx))).await.unwrap().unwrap();
        stream.send_data(bytes.slice(sent..sent + room), false).unwrap();
        sent += room;
        stream.reserve_capacity(ALL - sent);
    }
    assert_eq!(sent, WINDOW as usize);
    let other = both.client.call((vec![0; 8].into(), Bytes::new()), TIMEOUT, Reading::Whole);
    tokio::spawn(echo(soon(both.asked.recv()).await.unwrap()));
    assert_eq!(soon(whole(other.unwrap())).await, (Vec::new(), Ok(())));
    let more = poll_fn(|cx| Poll::Ready(stream.poll_capacity(cx).is_ready())).await;
    assert!(!more, "no room was made by what was not read");
    finish(stream, bytes[sent..].to_vec());
    let (read, end) = soon(whole(stalled)).await;
    assert_eq!(end, Ok(()));
    assert!(read == bytes, "all of it came once somebody read");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled() {
    let mut both = both(Builder::new()).await;
    let call = both.client.call(request(1 << 20), TIMEOUT, Reading::Whole).unwrap();
    let (_request, mut respond) = soon(both.asked.recv()).await.unwrap();
    drop(call);
    let reason = soon(poll_fn(|cx| respond.poll_reset(cx))).await.unwrap();
    assert_eq!(reason, Reason::CANCEL);
}
