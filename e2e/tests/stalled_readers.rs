//! Readers that stop reading harm nobody but themselves, however many they are and however small
//! the pieces that pile up for them.

use serde_json::Value;
use sidegate_e2e::{Gateway, Version, eventually, story};
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
