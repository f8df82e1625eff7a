//! What goes in comes out, in order, and nothing stays behind.

use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Duration, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that counts its writes.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Writes pieces of these sizes, each in two parts, and tells what the other end read.
async fn through(sizes: &[usize], capacity: usize) -> (Vec<u8>, Vec<u8>) {
    let (near, mut far) = duplex(capacity);
    let (mut stream, held) = Deferred::new(near);
    let mut sent = Vec::new();
    for (at, size) in sizes.iter().enumerate() {
        sent.extend((0..*size).map(|i| u8::try_from((at * 31 + i) % 251).unwrap()));
    }
    let writing = async {
        let mut from = 0;
        for size in sizes {
            let mut left = &sent[from..from + size];
            from += size;
            while !left.is_empty() {
                let (head, tail) = left.split_at(left.len().min(9));
                let parts = [IoSlice::new(head), IoSlice::new(tail)];
                let written = stream.write_vectored(&parts).await.unwrap();
                left = &left[written..];
            }
            stream.flush().await.unwrap();
        }
        stream.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let both = async { tokio::join!(drive(writing, held), far.read_to_end(&mut read)) };
    timeout(PATIENCE, both).await.unwrap().1.unwrap();
    (sent, read)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bytes_come_out_in_order_whatever_the_sizes(
        sizes in proptest::collection::vec(prop_oneof![0_usize..50, 0_usize..40_000], 0..12),
        capacity in 1_usize..100_000,
    ) {
        let (sent, read) = runtime().block_on(through(&sizes, capacity.max(64)));
        prop_assert!(sent == read);
    }
}

#[test]
fn a_stream_of_one_byte_at_a_time_still_gets_everything() {
    let (sent, read) = runtime().block_on(through(&[10, 9000, 3, 70_000, 8192, 8193], 1));
    assert!(sent == read);
}

#[tokio::test]
async fn many_small_writes_leave_as_one_and_none_stays_behind_when_all_is_idle() {
    let (near, mut far) = duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    let (mut stream, held) = Deferred::new(Counted(near, writes.clone()));
    let busy = drive(
        async move {
            for _ in 0..100 {
                stream.write_all(b"frame").await.unwrap();
                stream.flush().await.unwrap();
            }
            // The connection lives on and has nothing to do.
            std::future::pending::<()>().await;
        },
        held,
    );
    let mut read = [0; 500];
    tokio::select! {
        () = busy => {}
        got = timeout(PATIENCE, far.read_exact(&mut read)) => { got.unwrap().unwrap(); }
    }
    assert_eq!(writes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_full_socket_stops_the_writer() {
    let (near, mut far) = duplex(1000);
    let (mut stream, held) = Deferred::new(near);
    let written = AtomicUsize::new(0);
    let writing = async {
        while let Ok(n) = stream.write(&[7; 1000]).await {
            written.fetch_add(n, Ordering::Relaxed);
        }
    };
    let mut writing = Box::pin(drive(writing, held));
    let polled = std::future::poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    let bound = written.load(Ordering::Relaxed);
    assert!((BUFFER_BYTES - 1000..=BUFFER_BYTES + 1000).contains(&bound), "{bound}");
    let mut read = vec![0; 3 * BUFFER_BYTES];
    tokio::select! {
        () = writing => panic!("ended"),
        got = timeout(PATIENCE, far.read_exact(&mut read)) => { got.unwrap().unwrap(); }
    }
}

#[tokio::test]
async fn an_end_that_is_gone_is_told_to_who_reads() {
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    drop(far);
    let (mut stream, held) = Deferred::new(near);
    let doing = async {
        stream.write_all(b"x").await.unwrap();
        stream.read_u8().await.unwrap_err()
    };
    timeout(PATIENCE, drive(doing, held)).await.unwrap();
}
