//! Readers that stop reading harm nobody but themselves, however many they are and however small
//! the pieces that pile up for them.

use serde_json::Value;
use sidegate_e2e::{Gateway, GatewayBuilder, Unread, Version, eventually, pause, story};
use std::time::{Duration, Instant};

/// Far above what an answer takes on a busy machine, far below every deadline.
const PROMPT: Duration = Duration::from_secs(3);

/// Small frames that nobody reads must not use up what the connection to the plugin can bear.
#[test]
fn stalled_readers_of_a_flood_of_small_events_end_no_other_stream() {
    // Each version of HTTP holds data back in its own way.
    for version in [Version::Http1, Version::Http2] {
        story(async move {
            let gateway = Gateway::start().await;
            gateway.lab().await;
            let flood = "/plugins/lab/sse?n=inf&interval_ms=0";
            let mut stalled = Vec::new();
            for _ in 0..3 {
                stalled.push(gateway.get(flood).version(version).open().await);
            }
            let innocent = "/plugins/lab/sse?n=300&interval_ms=10";
            let innocent = gateway.get(innocent).version(version).send();
            let innocent = tokio::spawn(async move { innocent.await.expect(200) });
            standstill(&gateway).await;
            answers_promptly(&gateway, version).await;
            let text = innocent.await.expect("the story's own task").text().to_owned();
            let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
            let ids: Vec<u32> = ids.map(|id| id.parse().expect("a number")).collect();
            assert_eq!(ids, (0..300).collect::<Vec<_>>(), "{version:?}");
            drop(stalled);
        });
    }
}

/// What waits for stalled readers must not take the room of plain answers.
#[test]
fn many_stalled_readers_of_large_streams_hold_up_no_plain_answer() {
    for version in [Version::Http1, Version::Http2] {
        story(async move {
            let gateway = Gateway::start().await;
            gateway.lab().await;
            let mut stalled = Vec::new();
            for _ in 0..24 {
                let path = "/plugins/lab/stream-bytes/10000000000";
                stalled.push(gateway.get(path).version(version).open().await);
            }
            standstill(&gateway).await;
            answers_promptly(&gateway, version).await;
            // Nor that of another stream.
            let begun = Instant::now();
            gateway.get("/plugins/lab/sse?n=3&interval_ms=1").send().await.expect(200);
            assert!(begun.elapsed() < PROMPT, "{version:?}: {:?}", begun.elapsed());
            drop(stalled);
        });
    }
}

/// A gateway that waits two seconds for its readers.
fn impatient() -> GatewayBuilder {
    Gateway::builder()
        .env("PLUGIN_ENDPOINT_TIMEOUT", "1s")
        .env("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "1s")
}

const LATE: &str = "aborted=\"the client did not take it in time\"";

#[test]
fn a_large_http2_answer_that_nobody_reads_is_given_up_and_nothing_beside_it() {
    story(async {
        let gateway = impatient().start().await;
        gateway.lab().await;
        let mut unread = Unread::open(&gateway, "/plugins/lab/bytes/300000", None).await;
        gateway.logged(LATE).await;
        is_given_up_alone(&mut unread).await;
    });
}

/// Whatever the operator allows a stream: that is for readers who read.
#[test]
fn a_stream_that_may_last_long_is_given_up_when_nobody_reads_it() {
    story(async {
        for limit in ["1h", "0"] {
            let gateway = impatient().start().await;
            gateway.plugin("lab").option("stream_timeout", limit).ready().await;
            let path = "/plugins/lab/stream-bytes/10000000000?id=unread";
            let mut unread = Unread::open(&gateway, path, None).await;
            cancelled(&gateway, "unread").await;
            gateway.logged(LATE).await;
            is_given_up_alone(&mut unread).await;
        }
    });
}

#[test]
fn a_stream_that_may_last_long_is_not_given_up_while_somebody_reads_it() {
    story(async {
        for limit in ["1h", "0"] {
            let gateway = impatient().start().await;
            gateway.plugin("lab").option("stream_timeout", limit).ready().await;
            // Small pieces, faster than they are read, so that there is always something to be read.
            let path = "/plugins/lab/sse?n=inf&interval_ms=0";
            let mut slow = Unread::open(&gateway, path, None).await;
            let begun = Instant::now();
            // Far longer than a reader may take nothing.
            while begun.elapsed() < Duration::from_secs(6) {
                slow.read_at_least(20_000).await;
                pause(Duration::from_millis(100)).await;
            }
        }
    });
}

/// At its limit a stream ends for its reader too, not only for its plugin.
#[test]
fn a_stream_that_nobody_reads_ends_at_its_limit_and_nothing_beside_it() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").option("stream_timeout", "1s").ready().await;
        let path = "/plugins/lab/stream-bytes/10000000000?id=unread";
        let mut unread = Unread::open(&gateway, path, None).await;
        let mut raw = gateway.raw().await;
        let http1 =
            "GET /plugins/lab/stream-bytes/10000000000?id=http1 HTTP/1.1\r\nHost: a\r\n\r\n";
        raw.send(http1).await;
        cancelled(&gateway, "unread").await;
        cancelled(&gateway, "http1").await;
        is_given_up_alone(&mut unread).await;
        eventually("the log tells both", async || {
            (gateway.log().matches(LATE).count() == 2).then_some(())
        })
        .await;
    });
}

#[test]
fn a_stream_that_nobody_reads_ends_with_the_drain_of_its_process() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").option("drain_deadline", "1s").ready().await;
        let path = "/plugins/lab/stream-bytes/10000000000";
        let mut unread = Unread::open(&gateway, path, None).await;
        plugin.reload().await;
        is_given_up_alone(&mut unread).await;
        gateway.logged("the drain of the plugin's old process was over").await;
    });
}

#[test]
fn a_stream_that_nobody_reads_ends_with_the_gateways_stop() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "1s").start().await;
        gateway.lab().await;
        let path = "/plugins/lab/stream-bytes/10000000000";
        let _unread = Unread::open(&gateway, path, None).await;
        gateway.stop();
        let log = gateway.log();
        assert!(log.contains("aborted=\"the gateway stopped\""), "{log}");
    });
}

/// The stream that nobody reads is reset, and its connection goes on.
async fn is_given_up_alone(unread: &mut Unread) {
    assert_eq!(unread.reset().await, h2::Reason::CANCEL);
    assert_eq!(unread.ask("/plugins/lab/x").await, 200, "the connection goes on");
}

async fn cancelled(gateway: &Gateway, id: &str) {
    eventually("the plugin's call is cancelled", async || {
        let stats: Value = gateway.get("/plugins/lab/stats").send().await.json();
        (stats["closed_by_id"][id] == "client_gone").then_some(())
    })
    .await;
}

async fn answers_promptly(gateway: &Gateway, version: Version) {
    for _ in 0..20 {
        let begun = Instant::now();
        gateway.get("/plugins/lab/pid").version(version).send().await.expect(200);
        assert!(begun.elapsed() < PROMPT, "{version:?}: {:?}", begun.elapsed());
    }
}

/// Waits until streams that nobody reads have filled all there is to fill: others go on meanwhile,
/// so little more is sent each time, and no more than they can account for.
async fn standstill(gateway: &Gateway) {
    let mut last = u64::MAX;
    eventually("the flood is held up", async || {
        let stats: Value = gateway.get("/plugins/lab/stats").send().await.json();
        let now = stats["streams"]["sent_bytes"].as_u64()?;
        let is_still = now > 0 && now.saturating_sub(last) < 64 * 1024;
        last = now;
        is_still.then_some(())
    })
    .await;
}
