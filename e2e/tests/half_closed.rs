//! Clients that send nothing more: one that waits for its answer gets it, one that has gone ends
//! its call.

use sidegate_e2e::{Ending, Gateway, eventually, story};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn get(path: &str) -> String {
    format!("GET /plugins/lab/{path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_client_that_closes_its_half_gets_its_whole_answers() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send([get("sleep?ms=1500"), get("bytes/3000000"), get("sleep?ms=300")].concat()).await;
        raw.finish().await;
        assert_eq!(raw.answer().await.expect(200).json()["slept_ms"], 1500);
        assert_eq!(raw.answer().await.expect(200).body.len(), 3_000_000);
        assert_eq!(raw.answer().await.expect(200).json()["slept_ms"], 300);
        assert_eq!(raw.rest().await, (bytes::Bytes::new(), Ending::Closed));
        // Also a client of HTTP/1.0, and one that sent a body.
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/sleep?ms=300 HTTP/1.0\r\n\r\n").await;
        raw.finish().await;
        assert_eq!(raw.answer().await.expect(200).json()["slept_ms"], 300);
        let mut raw = gateway.raw().await;
        raw.send(
            "POST /plugins/lab/sleep?ms=300 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
        )
        .await;
        raw.finish().await;
        assert_eq!(raw.answer().await.expect(200).json()["slept_ms"], 300);
    });
}

#[test]
fn a_client_that_closes_its_half_over_tls_gets_its_whole_answer() {
    story(async {
        let (builder, certificate) = Gateway::builder().tls();
        let gateway = builder.start().await;
        gateway.lab().await;
        let mut tls = certificate.connect(gateway.addr(), &["http/1.1"]).await;
        tls.write_all(get("sleep?ms=700").as_bytes()).await.unwrap();
        tls.shutdown().await.unwrap();
        let mut answer = Vec::new();
        tls.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("{\"slept_ms\":700}"), "{answer}");
    });
}

/// What a client may have sent beyond its request: nothing, another request, or more of them than
/// the gateway looks at.
fn more() -> [String; 3] {
    [String::new(), get("x"), get("x").repeat(3000)]
}

#[test]
fn a_client_that_goes_away_ends_its_stream_whatever_else_it_has_asked_for() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for (number, more) in more().iter().enumerate() {
            for resets in [false, true] {
                let id = format!("{number}-{resets}");
                let mut raw = gateway.raw().await;
                raw.send(get(&format!("sse?n=inf&interval_ms=600000&id={id}"))).await;
                raw.head().await;
                raw.chunk().await.unwrap();
                raw.send(more).await;
                if resets {
                    raw.reset();
                } else {
                    drop(raw);
                }
                eventually("the plugin's stream is cancelled", async || {
                    let stats = gateway.get("/plugins/lab/stats").send().await.json();
                    (stats["closed_by_id"][&id] == "client_gone").then_some(())
                })
                .await;
            }
        }
    });
}

#[test]
fn a_client_that_goes_away_ends_its_call_whatever_else_it_has_asked_for() {
    story(async {
        // Nothing else ends these calls.
        let gateway = Gateway::builder().env("PLUGIN_ENDPOINT_TIMEOUT", "300s").start().await;
        gateway.lab().await;
        for more in more() {
            for resets in [false, true] {
                let mut raw = gateway.raw().await;
                raw.send(get("hang")).await;
                raw.send(&more).await;
                eventually("the call is open", async || open(&gateway, 1).await).await;
                if resets {
                    raw.reset();
                } else {
                    drop(raw);
                }
                eventually("the call has ended", async || open(&gateway, 0).await).await;
            }
        }
    });
}

/// Whether so many requests are open.
async fn open(gateway: &Gateway, wanted: u32) -> Option<()> {
    let metrics = gateway.get("/metrics").send().await.expect(200);
    // The request for the metrics is open itself.
    let line = format!("sidegate_requests_in_flight {}", wanted + 1);
    metrics.text().lines().any(|found| found == line).then_some(())
}

#[test]
fn a_stream_without_length_that_ends_with_its_clients_half_ends_with_a_reset() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/sse?n=inf&interval_ms=20 HTTP/1.0\r\n\r\n").await;
        raw.head().await;
        raw.take_through("\n\n").await;
        raw.finish().await;
        assert_eq!(raw.rest().await.1, Ending::Reset, "a plain close would look complete");
    });
}
