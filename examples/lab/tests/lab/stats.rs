//! What is counted is true, also after clients have gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sidegate_sdk::testing::Host;
use sidegate_sdk::{Request, Result};

use crate::{lab, open};

/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(10);

/// Asks until the counts are as wished.
async fn stats_until(lab: &Host, wished: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let stats: Value = lab.get("/stats").await.json();
        if wished(&stats) {
            return stats;
        }
        assert!(start.elapsed() < SOON, "{stats}");
    }
}

#[tokio::test]
async fn streams_are_counted_and_their_ends_told_by_id() -> Result<()> {
    let lab = lab().await?;
    open(&lab, "/sse?n=2&interval_ms=0&id=whole").await.rest().await;
    open(&lab, "/sse?n=2&interval_ms=0&fail_at=0&id=broken").await.rest().await;
    open(&lab, "/sse-exact?id=odd").await.rest().await;
    let gone = open(&lab, "/sse?n=inf&interval_ms=3600000&id=gone").await;
    let flooded = open(&lab, "/stream-bytes/99999999999?id=flooded").await;
    let stats = stats_until(&lab, |stats| stats["streams"]["active"] == 2).await;
    assert_eq!(stats["streams"]["opened"], 5);
    drop((gone, flooded));
    let stats = stats_until(&lab, |stats| stats["streams"]["active"] == 0).await;
    assert_eq!(stats["streams"]["closed"], 5);
    let ends = json!({
        "whole": "done", "broken": "failed", "odd": "done",
        "gone": "client_gone", "flooded": "client_gone",
    });
    assert_eq!(stats["closed_by_id"], ends);
    Ok(())
}

#[tokio::test]
async fn requests_and_the_process_are_counted() -> Result<()> {
    let lab = lab().await?;
    lab.get("/anything").await;
    let stats: Value = lab.get("/stats").await.json();
    assert_eq!((&stats["requests"], &stats["pid"]), (&json!(2), &json!(std::process::id())));
    if cfg!(target_os = "linux") {
        assert!(stats["rss_bytes"].as_u64() > Some(1024 * 1024), "{stats}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_stream() -> Result<()> {
    let lab = lab().await?;
    let _unread = open(&lab, "/stream-bytes/99999999999").await;
    let sent = async || -> Option<u64> {
        let stats: Value = lab.get("/stats").await.json();
        stats["streams"]["sent_bytes"].as_u64()
    };
    let start = Instant::now();
    loop {
        let before = sent().await;
        for _ in 0..50 {
            lab.get("/").await;
        }
        if before > Some(0) && sent().await == before {
            break;
        }
        assert!(start.elapsed() < SOON, "{before:?} bytes and more were sent");
    }
    Ok(())
}

#[tokio::test]
async fn a_nonce_is_seen_once_its_request_came() -> Result<()> {
    let lab = lab().await?;
    let seen = async || lab.get("/seen?nonce=n-1").await.json::<Value>();
    assert_eq!(seen().await, json!({"seen": false}));
    lab.send(Request::builder().path("/x").header("X-Nonce", "n-1")).await;
    assert_eq!(seen().await, json!({"seen": true}));
    Ok(())
}
