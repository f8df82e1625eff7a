//! The guard between a client in memory and whoever reads and writes behind it, with a clock that waits for
//! nobody.

use super::test_socket::{TestClient, TestSocket, connection, pair};
use super::*;
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stalled_write: Duration::from_secs(300),
};
const LIMITS: HeadLimits = HeadLimits { max_bytes: 64 * 1024, max_headers: 100 };
const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const CHUNKED: &str = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Guarded {
    io: GuardedIo<TestSocket>,
    client: TestClient,
    connection: Arc<ClientConnection>,
}

fn guarded_by(limits: Option<HeadLimits>, capacity: usize) -> Guarded {
    let (socket, client) = pair(capacity);
    let connection = connection();
    let io = GuardedIo::new(socket, connection.clone(), TIMEOUTS, BytesMut::new(), limits);
    Guarded { io, client, connection }
}

fn guarded() -> Guarded {
    guarded_by(Some(LIMITS), 64 * 1024)
}

impl Guarded {
    /// Reads exactly this.
    async fn reads(&mut self, text: &str) {
        let mut read = vec![0; text.len()];
        self.io.read_exact(&mut read).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&read), text);
    }

    /// Whether nothing is to be read for so long.
    async fn waits(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.io.read(&mut [0; 64])).await.is_err()
    }

    /// Reads the end, or an error; tells after what time.
    async fn ends(&mut self) -> (io::Result<usize>, Duration) {
        let begun = Instant::now();
        let ended = self.io.read(&mut [0; 64]).await;
        (ended, begun.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_passes_unchanged_in_whatever_pieces_it_comes() {
    let chunked = format!("{CHUNKED}3;a=b\r\nabc\r\n0\r\nX-A: b\r\n\r\n");
    for request in [GET, POST, &chunked] {
        for size in [1, 2, 7, 4096] {
            let Guarded { mut io, mut client, .. } = guarded();
            let mut read = vec![0; request.len()];
            let sending = async {
                for piece in request.as_bytes().chunks(size) {
                    client.send(piece).await;
                    tokio::task::yield_now().await;
                }
            };
            let ((), all) = tokio::join!(sending, io.read_exact(&mut read));
            all.unwrap();
            assert_eq!(String::from_utf8_lossy(&read), request);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_to_its_end_is_refused_in_time() {
    let mut guarded = guarded();
    guarded.client.send("GET /a HTT").await;
    let (ended, after) = guarded.ends().await;
    assert_eq!((ended.unwrap(), after), (0, TIMEOUTS.head));
    let (closed, said) = tokio::join!(guarded.io.shutdown(), guarded.client.read_until("in time"));
    closed.unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go_without_a_word() {
    let mut guarded = guarded();
    let (ended, after) = guarded.ends().await;
    assert_eq!((ended.unwrap(), after), (0, TIMEOUTS.head));
    guarded.io.shutdown().await.unwrap();
    assert_eq!(guarded.client.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_ends_when_it_was_idle_for_long() {
    let mut guarded = guarded();
    guarded.client.send(GET).await;
    guarded.reads(GET).await;
    let open = guarded.connection.begin(None);
    assert!(guarded.io.read(&mut [0; 64]).now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(1000)).await;
    assert!(guarded.io.read(&mut [0; 64]).now_or_never().is_none(), "it is being answered");
    drop(open);
    let (ended, after) = guarded.ends().await;
    assert_eq!(ended.unwrap(), 0);
    assert!(after >= TIMEOUTS.idle && after <= TIMEOUTS.idle * 2, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_request_waits_until_the_one_before_is_answered() {
    let mut guarded = guarded();
    guarded.client.send(format!("{POST}{GET}")).await;
    guarded.reads(POST).await;
    let open = guarded.connection.begin(None);
    assert!(guarded.waits(Duration::from_secs(5)).await);
    drop(open);
    guarded.reads(GET).await;
}

#[tokio::test(start_paused = true)]
async fn who_ends_his_half_gets_the_first_letter_early_and_the_answer_once() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\n\r\n";
    for vectored in [false, true] {
        let mut guarded = guarded();
        guarded.client.send(GET).await;
        guarded.reads(GET).await;
        let _open = guarded.connection.begin(None);
        guarded.client.end().await;
        assert!(guarded.waits(Duration::from_secs(5)).await, "it is still to be answered");
        assert_eq!(guarded.client.read_until("H").await, "H");
        if vectored {
            let parts = [&ANSWER[..0], &ANSWER[..4], &ANSWER[4..]];
            let parts = parts.map(|part| io::IoSlice::new(part.as_bytes()));
            let written = guarded.io.write_vectored(&parts).await.unwrap();
            guarded.io.write_all(&ANSWER.as_bytes()[written..]).await.unwrap();
        } else {
            guarded.io.write_all(ANSWER.as_bytes()).await.unwrap();
        }
        guarded.io.flush().await.unwrap();
        assert_eq!(guarded.client.read_until("\r\n\r\n").await, ANSWER[1..]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_his_half_of_a_stream_or_breaks_off_has_gone() {
    let mut guarded = guarded();
    guarded.client.send(GET).await;
    guarded.reads(GET).await;
    let _open = guarded.connection.begin(None);
    guarded.connection.streams();
    guarded.client.end().await;
    assert_eq!(guarded.ends().await.0.unwrap(), 0);

    let mut guarded = self::guarded();
    guarded.client.send(GET).await;
    guarded.reads(GET).await;
    let _open = guarded.connection.begin(None);
    guarded.client.end().await;
    guarded.client.fail();
    let (ended, _) = guarded.ends().await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_his_answer_is_cut() {
    let mut guarded = guarded_by(Some(LIMITS), 64);
    let begun = Instant::now();
    let cut = guarded.io.write_all(&[b'x'; 1000]).await.unwrap_err();
    assert_eq!((cut.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, TIMEOUTS.stalled_write));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_rules_is_refused_although_its_client_goes_on_sending() {
    let mut guarded = guarded_by(Some(LIMITS), 4096);
    let sending = async {
        guarded.client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
        for _ in 0..100 {
            guarded.client.send([b'x'; 100]).await;
        }
        guarded.client.end().await;
        guarded.client.rest().await
    };
    let refusing = async {
        assert_eq!(guarded.io.read(&mut [0; 64]).await.unwrap(), 0);
        guarded.io.shutdown().await.unwrap();
        drop(guarded.io);
    };
    let (said, ()) = tokio::join!(sending, refusing);
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_reader_of_a_body_learns_that_it_is_broken() {
    let mut guarded = guarded();
    guarded.client.send(format!("{CHUNKED}zz\r\n")).await;
    guarded.reads(CHUNKED).await;
    let (ended, _) = guarded.ends().await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_ends_its_connection_with_a_reset() {
    for (is_cut, in_order) in [(false, false), (true, false), (true, true)] {
        let Guarded { mut io, client, connection } = guarded();
        if is_cut {
            connection.reset_on_close();
        }
        if in_order {
            connection.ends_in_order();
        }
        io.shutdown().await.unwrap();
        drop(io);
        assert_eq!(client.was_reset(), is_cut && !in_order);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_pass_unchanged_and_show_that_somebody_is_there() {
    let mut guarded = guarded_by(None, 64 * 1024);
    let settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for piece in settings.as_bytes().chunks(5) {
        guarded.client.send(piece).await;
    }
    guarded.reads(settings).await;
    assert!(guarded.connection.was_heard() && !guarded.connection.was_heard());
    // There are no limits on waiting here: the frames have their own.
    assert!(guarded.waits(Duration::from_secs(3600)).await);
}
