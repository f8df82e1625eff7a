//! Streamed answers: their end, their failure, and a client that goes away or does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sidegate_sdk::testing::{End, Host};
use sidegate_sdk::{Config, Error, Plugin, Request, Response, ResponseStream, Result};
use tokio::sync::mpsc;

/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(10);

fn plugin() -> Plugin {
    Plugin::new("streams", "1")
        .stream("/three", async |_: Request, mut out: ResponseStream| {
            out.headers(Response::event_stream().with_status(201)).await?;
            for i in 0..3 {
                out.send(format!("data: {i}\n\n")).await?;
            }
            Ok(())
        })
        .stream("/nothing", async |_: Request, _: ResponseStream| Ok(()))
        .stream("/refused", async |_: Request, _: ResponseStream| Err(Error::public(403, "no")))
        .stream("/failed", async |_: Request, _: ResponseStream| Err(Error::new("secret")))
        .stream("/failed-later", async |_: Request, mut out: ResponseStream| {
            out.send("a").await?;
            Err(Error::new("secret"))
        })
        .stream("/panic", async |_: Request, _: ResponseStream| panic!("secret"))
        .stream("/panic-later", async |_: Request, mut out: ResponseStream| {
            out.send("a").await?;
            panic!("secret")
        })
        .get("/whole", async |_: Request| Response::text("whole").header("X-A", "1"))
        .get("/whole-refused", async |_: Request| Response::error(409, "taken"))
}

fn get(path: &str) -> sidegate_sdk::RequestBuilder {
    Request::builder().path(path)
}

#[tokio::test]
async fn a_stream_arrives_in_pieces_and_is_complete() -> Result<()> {
    let host = Host::start(plugin(), Config::default()).await?;
    let mut stream = host.stream(get("/three")).await;
    assert_eq!((stream.status(), stream.header("content-type")), (201, Some("text/event-stream")));
    assert_eq!(stream.next().await.as_deref(), Some(&b"data: 0\n\n"[..]));
    assert_eq!(stream.rest().await, "data: 1\n\ndata: 2\n\n");
    assert_eq!(stream.end(), Some(&End::Done));
    let mut empty = host.stream(get("/nothing")).await;
    assert_eq!((empty.status(), empty.rest().await.len()), (200, 0));
    assert_eq!(empty.end(), Some(&End::Done));
    Ok(())
}

#[tokio::test]
async fn a_failure_before_the_headers_is_an_answer_of_its_own() -> Result<()> {
    let host = Host::start(plugin(), Config::default()).await?;
    let refused = host.stream(get("/refused")).await;
    assert_eq!((refused.status(), refused.end()), (403, Some(&End::Error("no".to_owned()))));
    for path in ["/failed", "/panic"] {
        let stream = host.stream(get(path)).await;
        assert_eq!(stream.status(), 502, "{path}");
        assert!(!format!("{stream:?}").contains("secret"), "{stream:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_after_the_headers_never_looks_complete() -> Result<()> {
    let host = Host::start(plugin(), Config::default()).await?;
    for path in ["/failed-later", "/panic-later"] {
        let mut stream = host.stream(get(path)).await;
        assert_eq!((stream.status(), stream.rest().await.as_ref()), (200, &b"a"[..]), "{path}");
        let Some(End::Error(text)) = stream.end() else { panic!("{path}: {stream:?}") };
        assert!(!text.contains("secret"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn either_call_reaches_either_kind_of_handler() -> Result<()> {
    let host = Host::start(plugin(), Config::default()).await?;
    let mut whole = host.stream(get("/whole")).await;
    assert_eq!(whole.header("x-a"), Some("1"));
    assert_eq!(whole.rest().await, "whole");
    assert_eq!(whole.end(), Some(&End::Done));
    assert_eq!(host.stream(get("/whole-refused")).await.status(), 409);

    let three = host.get("/three").await;
    assert_eq!((three.status(), three.body().len()), (201, 27));
    assert_eq!(host.get("/refused").await.status(), 403);
    assert_eq!(host.get("/failed-later").await.status(), 502);
    assert_eq!(host.stream(get("/unknown")).await.status(), 404);
    Ok(())
}

/// A plugin that streams for ever and reports how it ended.
fn endless(report: mpsc::Sender<&'static str>) -> Plugin<mpsc::Sender<&'static str>> {
    type Report = Arc<mpsc::Sender<&'static str>>;
    Plugin::new("endless", "1")
        .initialize(async |_| Ok(report))
        .stream("/waits", async |_: Request, mut out: ResponseStream, report: Report| {
            out.send("first").await?;
            out.closed().await;
            report.send("closed").await?;
            Ok(())
        })
        .stream("/sends", async |_: Request, mut out: ResponseStream, report: Report| {
            while out.send("x").await.is_ok() {
                tokio::task::yield_now().await;
            }
            report.send("send failed").await?;
            Ok(())
        })
}

#[tokio::test]
async fn a_handler_learns_that_its_client_has_gone() -> Result<()> {
    let (report, mut reports) = mpsc::channel(1);
    let host = Host::start(endless(report), Config::default()).await?;
    for (path, expected) in [("/waits", "closed"), ("/sends", "send failed")] {
        let mut stream = host.stream(get(path)).await;
        assert!(stream.next().await.is_some());
        drop(stream);
        assert_eq!(tokio::time::timeout(SOON, reports.recv()).await?, Some(expected), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_handler_and_nobody_else() -> Result<()> {
    const PIECE: usize = 64 * 1024;
    /// More than windows and queues between the two can hold.
    const MUCH: u64 = 64 * 1024 * 1024;
    let sent = Arc::new(AtomicU64::new(0));
    let plugin = Plugin::new("flood", "1")
        .initialize({
            let sent = Arc::clone(&sent);
            async |_| Ok(sent)
        })
        .stream("/flood", async |_: Request, mut out: ResponseStream, sent: Arc<Arc<AtomicU64>>| {
            for _ in 0..MUCH / PIECE as u64 {
                out.send(vec![0; PIECE]).await?;
                sent.fetch_add(PIECE as u64, Ordering::Relaxed);
            }
            Ok(())
        })
        .get("/alive", async |_: Request| "alive");
    let host = Host::start(plugin, Config::default()).await?;
    let mut stream = host.stream(get("/flood")).await;
    // The handler stands still when the count does, over many answers of another handler.
    let mut before = u64::MAX;
    while before != sent.load(Ordering::Relaxed) {
        before = sent.load(Ordering::Relaxed);
        for _ in 0..100 {
            assert_eq!(host.get("/alive").await.text(), "alive");
        }
    }
    assert!(before < MUCH / 2, "{before} bytes were sent to a client that read none");
    assert_eq!(stream.rest().await.len() as u64, MUCH);
    assert_eq!(stream.end(), Some(&End::Done));
    Ok(())
}

#[tokio::test]
async fn a_thousand_streams_at_once_arrive_in_order() -> Result<()> {
    let plugin =
        Plugin::new("many", "1").stream("/*", async |_: Request, mut out: ResponseStream| {
            for i in 0..20 {
                out.send(format!("{i},")).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        });
    let host = Host::start(plugin, Config::default()).await?;
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(host.stream(Request::builder()).await);
    }
    let expected: String = (0..20).map(|i| format!("{i},")).collect();
    for mut stream in streams {
        assert_eq!(stream.rest().await, expected);
        assert_eq!(stream.end(), Some(&End::Done));
    }
    Ok(())
}
