//! What the gateway waits for when it is asked to stop, and what it does not.

use sidegate_e2e::{Ending, Gateway, GatewayBuilder, Version, eventually, pause, story};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Far above what an end takes on a busy machine, far below every limit here.
const PROMPT: Duration = Duration::from_secs(8);

/// Nothing but the rule that is told of ends a connection within a story's patience.
fn patient() -> GatewayBuilder {
    Gateway::builder().env("SHUTDOWN_TIMEOUT", "60s").env("READ_HEADER_TIMEOUT", "60s")
}

fn ends_promptly(mut gateway: Gateway) {
    let begun = Instant::now();
    gateway.stop();
    let took = begun.elapsed();
    assert!(took < PROMPT, "the stop took {took:?}");
}

/// Waits until the gateway has accepted so many connections, beside the one that asks.
async fn accepted(gateway: &Gateway, wanted: u32) {
    let line = format!("sidegate_connections {}", wanted + 1);
    eventually("the connections are accepted", async || {
        let metrics = gateway.get("/metrics").send().await.expect(200);
        metrics.text().lines().any(|found| found == line).then_some(())
    })
    .await;
}

#[test]
fn connections_on_which_nothing_is_asked_do_not_hold_up_the_stop() {
    story(async {
        let gateway = patient().start().await;
        gateway.lab().await;
        let silent = gateway.raw().await;
        let mut half = gateway.raw().await;
        half.send("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\n").await;
        let mut first_letter = gateway.raw().await;
        first_letter.send("P").await;
        let mut empty_lines = gateway.raw().await;
        empty_lines.send("\r\n\r\n").await;
        let mut served = gateway.raw().await;
        served.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
        served.answer().await.expect(200);
        served.send("\r\n").await;
        let idle = gateway.connection(Version::Http1).await;
        idle.request("GET", "/plugins/lab/x").send().await.expect(200);
        let idle2 = gateway.connection(Version::Http2).await;
        idle2.request("GET", "/plugins/lab/x").send().await.expect(200);
        accepted(&gateway, 7).await;
        ends_promptly(gateway);
        drop((silent, half, first_letter, idle, idle2));
        // They end in order all the same.
        for mut raw in [empty_lines, served] {
            let (bytes, ending) = raw.rest().await;
            assert_eq!((&bytes[..], ending), (&b""[..], Ending::Closed));
        }
    });
}

#[test]
fn half_made_tls_does_not_hold_up_the_stop() {
    story(async {
        let (builder, certificate) = patient().tls();
        let gateway = builder.start().await;
        let silent = gateway.raw().await;
        let mut half = gateway.raw().await;
        half.send(b"\x16\x03\x01\x02\x00\x01").await;
        let unused = certificate.connect(gateway.addr(), &["h2", "http/1.1"]).await;
        // So that all of them are in the gateway's hands.
        pause(Duration::from_millis(300)).await;
        ends_promptly(gateway);
        drop((silent, half, unused));
    });
}

#[test]
fn http2_peers_that_have_vanished_do_not_hold_up_the_stop() {
    story(async {
        let gateway = patient().start().await;
        let mut vanished = Vec::new();
        for _ in 0..3 {
            // It says what it must, and nothing more: no word is answered.
            let mut tcp = TcpStream::connect(gateway.addr()).await.unwrap();
            tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
            vanished.push(tcp);
        }
        accepted(&gateway, 3).await;
        ends_promptly(gateway);
        drop(vanished);
    });
}

#[test]
fn open_requests_are_waited_for_whatever_else_is_open() {
    story(async {
        for version in [Version::Http1, Version::Http2] {
            let mut gateway = patient().start().await;
            gateway.lab().await;
            let silent = gateway.raw().await;
            let connection = gateway.connection(version).await;
            let slow = connection.request("GET", "/plugins/lab/sleep?ms=4000");
            let slow = tokio::spawn(async move { slow.send().await.expect(200) });
            let mut large =
                gateway.get("/plugins/lab/bytes/30000000").version(version).open().await;
            accepted(&gateway, 3).await;
            gateway.begin_to_stop();
            // Its reader takes its time as well.
            pause(Duration::from_secs(2)).await;
            let rest = large.rest().await.map(|rest| rest.len()).map_err(|broken| broken.error);
            assert_eq!(rest.unwrap_or_else(|e| panic!("{version:?}: {e}")), 30_000_000);
            assert_eq!(slow.await.unwrap().json()["slept_ms"], 4000, "{version:?}");
            ends_promptly(gateway);
            drop((silent, connection));
        }
    });
}
