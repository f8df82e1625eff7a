//! The task that reads and writes a connection: it begins, sleeps, wakes and ends when it should.

use super::machine::{begin, data, end, frame, settings};
use super::wire::{Wire, wired};
use super::{SETTINGS, TIMEOUT, request, soon, whole};
use crate::http2::frame::{flag, kind, setting};
use crate::http2::{Client, Driver, Failure, Reading, connect};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

const ROOM: usize = 64 * 1024;

#[tokio::test]
async fn pings_and_settings_are_answered_while_no_call_is_open() {
    let (_client, _driver, mut wire) = wired(ROOM).await;
    wire.until(kind::SETTINGS).await;
    wire.send(&frame(kind::PING, 0, 0, b"12345678")).await;
    let pong = wire.until(kind::PING).await;
    assert_eq!((pong.flags, &pong.payload[..]), (flag::ACK, &b"12345678"[..]));
    wire.send(&settings(&[(setting::MAX_CONCURRENT_STREAMS, 7)])).await;
    let ack = wire.until(kind::SETTINGS).await;
    assert_eq!((ack.flags, &ack.payload[..]), (flag::ACK, &b""[..]));
    wire.send(&frame(kind::PING, flag::ACK, 0, b"12345678")).await;
    wire.send(&frame(kind::PING, 0, 0, b"87654321")).await;
    assert_eq!(wire.next().await.unwrap().payload, b"87654321");
}

#[tokio::test]
async fn whoever_does_not_speak_http2_is_told_apart() {
    for (text, expected) in [("HTTP/1.1 400 Bad Request\r\n\r\n", "not HTTP/2"), ("", "hung up")] {
        let (near, mut far) = tokio::io::duplex(ROOM);
        far.write_all(text.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        let Err(Failure::Unheard(why)) = soon(connect(near, SETTINGS)).await else {
            panic!("nobody answers")
        };
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn a_connection_is_there_once_both_settings_and_the_ping_are_answered() {
    let (near, far) = tokio::io::duplex(ROOM);
    let mut connecting = pin!(connect(near, SETTINGS));
    let mut once = || connecting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(once().is_pending());
    let mut wire = Wire::accept(far).await;
    let ping = wire.until(kind::PING).await;
    wire.send(&settings(&[])).await;
    assert!(once().is_pending());
    wire.send(&frame(kind::PING, flag::ACK, 0, b"whatever")).await;
    assert!(once().is_pending());
    wire.send(&frame(kind::PING, flag::ACK, 0, &ping.payload)).await;
    assert!(matches!(once(), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn a_connection_without_client_ends_after_the_last_call() {
    let (client, driver, mut wire) = wired(ROOM).await;
    let call = client.call(request(10), TIMEOUT, Reading::Whole).unwrap();
    let second = client.call(request(10), TIMEOUT, Reading::Whole).unwrap();
    drop(client);
    wire.until(kind::DATA).await;
    wire.send(&[begin(1), data(1, b"yes"), end(1, "0")].concat()).await;
    assert_eq!(soon(whole(call)).await, (b"yes".to_vec(), Ok(())));
    assert!(!driver.is_finished());
    drop(second);
    assert_eq!(wire.until(kind::RST_STREAM).await.stream, 3);
    assert_eq!(wire.next().await, None);
    soon(driver).await.unwrap();
}

#[tokio::test]
async fn a_connection_whose_client_goes_before_any_call_ends() {
    let (client, driver, _wire) = wired(ROOM).await;
    drop(client);
    soon(driver).await.unwrap();
}

#[tokio::test]
async fn whatever_ends_the_driver_ends_every_call() {
    for hang_up in [false, true] {
        let (client, driver, wire) = wired(1000).await;
        let call = || client.call(request(20_000), TIMEOUT, Reading::Whole).unwrap();
        let (first, second) = (call(), call());
        let (first, second) = (tokio::spawn(whole(first)), tokio::spawn(whole(second)));
        // What is between them is full, and nobody reads.
        let mut wire = wire;
        wire.until(kind::HEADERS).await;
        if hang_up {
            drop(wire);
        } else {
            driver.abort();
        }
        assert!(matches!(soon(first).await.unwrap().1, Err(Failure::BrokeOff(_))));
        assert!(matches!(soon(second).await.unwrap().1, Err(Failure::Unheard(_))));
        assert!(!client.is_open());
        let late = client.call(request(10), TIMEOUT, Reading::Whole);
        assert!(matches!(late, Err(Failure::Unheard(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_callers_and_driver() {
    const CALLS: u32 = 1000;
    let (client, _driver, mut wire) = wired(ROOM).await;
    let client = Arc::new(client);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    let call = client.call(request(10), TIMEOUT, Reading::Whole).unwrap();
                    assert_eq!(soon(whole(call)).await, (b"x".to_vec(), Ok(())));
                }
            })
        })
        .collect();
    for _ in 0..4 * CALLS {
        let id = wire.until(kind::DATA).await.stream;
        wire.send(&[begin(id), data(id, b"x"), end(id, "0")].concat()).await;
    }
    for caller in callers {
        soon(caller).await.unwrap();
    }
}

#[tokio::test]
async fn a_small_piece_does_not_keep_the_memory_of_a_large_frame() {
    let (client, driver, mut wire) = wired(4 << 20).await;
    let mut call = client.call(request(10), TIMEOUT, Reading::Pieces).unwrap();
    wire.until(kind::DATA).await;
    // Of no kind that is known, so that nothing keeps it.
    wire.send(&[frame(77, 0, 0, &vec![0; 1 << 20]), begin(1)].concat()).await;
    soon(poll_fn(|cx| call.poll_answered(cx))).await.unwrap();
    wire.send(&data(1, &[7; 5000])).await;
    let piece = soon(poll_fn(|cx| call.poll_piece(cx))).await.unwrap().unwrap();
    driver.abort();
    assert!(soon(driver).await.is_err());
    let memory = piece.try_into_mut().expect("the driver's part is gone").capacity();
    assert!(memory < 64 * 1024, "{memory} bytes");
}

/// A stream that is read as it is told to be, and takes what is written until it breaks.
struct Scripted<R> {
    /// Given the number of the read.
    read: R,
    reads: usize,
    written: Arc<AtomicUsize>,
    breaks: bool,
}

impl<R: FnMut(usize) -> Option<Vec<u8>> + Unpin> AsyncRead for Scripted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads += 1;
        let nth = self.reads;
        let Some(bytes) = (self.read)(nth) else { return Poll::Pending };
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl<R: Unpin> AsyncWrite for Scripted<R> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let before = self.written.fetch_add(bytes.len(), SeqCst);
        if self.breaks && before > 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The first read gets the greeting, the others what `read` says.
async fn scripted(
    breaks: bool,
    mut read: impl FnMut(usize) -> Option<Vec<u8>> + Unpin,
) -> (Client, Driver<impl AsyncRead + AsyncWrite + Unpin>, Arc<AtomicUsize>) {
    let written = Arc::new(AtomicUsize::new(0));
    let greeting = [settings(&[]), frame(kind::PING, flag::ACK, 0, b"sidegate")].concat();
    let read = move |nth| if nth == 1 { Some(greeting.clone()) } else { read(nth) };
    let io = Scripted { read, reads: 0, written: Arc::clone(&written), breaks };
    let (client, driver) = soon(connect(io, SETTINGS)).await.unwrap();
    (client, driver, written)
}

#[tokio::test]
async fn a_server_that_sends_without_end_keeps_nothing_from_being_written() {
    let calling = Arc::new(AtomicUsize::new(0));
    let goes_on = Arc::clone(&calling);
    // Priorities, which are ignored. Once it has had as many reads as one can wish, it stops, so
    // that this ends either way.
    let priorities = frame(2, 0, 0, &[0; 5]).repeat(100);
    let read = move |_| {
        let reads = goes_on.fetch_add(usize::from(goes_on.load(SeqCst) > 0), SeqCst);
        (1..10_000).contains(&reads).then(|| priorities.clone())
    };
    let (client, mut driver, written) = scripted(false, read).await;
    let before = written.load(SeqCst);
    calling.store(1, SeqCst);
    let _call = client.call(request(1000), TIMEOUT, Reading::Whole).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut driver).poll(&mut cx).is_pending());
    assert!(calling.load(SeqCst) < 100, "it was not read from without end");
    assert!(written.load(SeqCst) > before + 1000);
}

#[tokio::test]
async fn an_answer_that_came_counts_though_nothing_can_be_written_any_more() {
    let answer = [begin(1), data(1, b"yes"), end(1, "0")].concat();
    // It comes after the driver looked, and the server hung up in the same moment.
    let read = move |nth| (nth == 4).then(|| answer.clone());
    let (client, mut driver, _) = scripted(true, read).await;
    let call = client.call(request(10), TIMEOUT, Reading::Whole).unwrap();
    let why = soon(&mut driver).await;
    assert!(why.contains("writing failed"), "{why}");
    drop(driver);
    assert_eq!(soon(whole(call)).await, (b"yes".to_vec(), Ok(())));
}
