//! Streams come as they were ordered, whole or broken off where they should be.

use serde_json::Value;
use sidegate_sdk::testing::End;
use sidegate_sdk::{Request, Result};

use crate::{lab, open};

/// The numbers of the events in a stream whose every event has the exact shape.
fn numbers(stream: &str) -> Vec<u64> {
    let number = |event: &str| {
        let (id, json) = event
            .strip_prefix("id: ")
            .and_then(|event| event.split_once("\ndata: "))
            .expect("an id, then the data");
        let json: Value = serde_json::from_str(json).expect("JSON in one line");
        let i = json["i"].as_u64().expect("a number");
        assert!(json["t"].as_u64() > Some(1_700_000_000_000));
        assert_eq!(id, i.to_string());
        i
    };
    let events = stream.split_inclusive("\n\n");
    events.map(|event| number(event.strip_suffix("\n\n").expect("a blank line"))).collect()
}

#[tokio::test]
async fn events_are_numbered_from_zero_and_the_stream_is_complete() -> Result<()> {
    let mut stream = open(&lab().await?, "/sse?n=3&interval_ms=1").await;
    assert_eq!(stream.header("Content-Type"), Some("text/event-stream"));
    let first = stream.next().await.expect("an event");
    let first = std::str::from_utf8(&first)?;
    assert!(first.starts_with("id: 0\ndata: {\"i\":0,\"t\":"), "{first}");
    assert_eq!(numbers(first), [0]);
    assert_eq!(numbers(std::str::from_utf8(&stream.rest().await)?), [1, 2]);
    assert_eq!(stream.end(), Some(&End::Done));
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_misses() -> Result<()> {
    let lab = lab().await?;
    let back = |id: &str| {
        let request = Request::builder().path("/sse?n=5&interval_ms=0");
        request.header("Last-Event-ID", id)
    };
    for (id, missing) in [("2", vec![3, 4]), ("9", vec![]), ("odd", vec![0, 1, 2, 3, 4])] {
        let mut stream = lab.stream(back(id)).await;
        assert_eq!(numbers(std::str::from_utf8(&stream.rest().await)?), missing);
        assert_eq!(stream.end(), Some(&End::Done));
    }
    Ok(())
}

#[tokio::test]
async fn events_can_be_large_and_endless() -> Result<()> {
    let mut stream = open(&lab().await?, "/sse?n=inf&interval_ms=0&size=5000").await;
    for i in 0..20 {
        let event = stream.next().await.expect("an endless stream");
        let event = std::str::from_utf8(&event)?;
        assert_eq!(numbers(event), [i]);
        assert!(event.contains(&format!("\"pad\":\"{}\"", "x".repeat(5000))));
    }
    Ok(())
}

#[tokio::test]
async fn delays_hold_back_the_headers_and_the_first_event() -> Result<()> {
    let lab = lab().await?;
    for path in ["/sse?n=1&first_delay_ms=50", "/sse?n=1&head_delay_ms=50"] {
        let start = std::time::Instant::now();
        assert_eq!(numbers(std::str::from_utf8(&open(&lab, path).await.rest().await)?), [0]);
        assert!(start.elapsed().as_millis() >= 50, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_fails_where_it_was_told_to() -> Result<()> {
    let lab = lab().await?;
    let mut late = open(&lab, "/sse?n=9&interval_ms=0&fail_at=1").await;
    assert_eq!(numbers(std::str::from_utf8(&late.rest().await)?), [0, 1]);
    assert!(matches!(late.end(), Some(End::Error(_))), "{late:?}");
    let early = open(&lab, "/sse?fail_at=head").await;
    assert_eq!(early.status(), 503);
    Ok(())
}

#[tokio::test]
async fn odd_bytes_come_in_pieces_that_cut_characters() -> Result<()> {
    let lab = lab().await?;
    let mut stream = open(&lab, "/sse-exact").await;
    let mut pieces = Vec::new();
    while let Some(piece) = stream.next().await {
        pieces.push(piece);
    }
    assert_eq!(stream.end(), Some(&End::Done));
    assert_eq!(pieces.concat(), lab.get("/sse-exact.bin").await.body().as_ref());
    let (last, full) = pieces.split_last().expect("several pieces");
    assert!(full.iter().all(|piece| piece.len() == 7) && (1..=7).contains(&last.len()));
    assert!(full.iter().any(|piece| std::str::from_utf8(piece).is_err()));
    assert!(full.windows(2).any(|two| two[0].ends_with(b"\r") && two[1].starts_with(b"\n")));
    assert!(full[0].starts_with("\u{feff}".as_bytes()) && !last.ends_with(b"\n"));
    Ok(())
}

#[tokio::test]
async fn streamed_bytes_are_the_bytes_of_the_whole_answer() -> Result<()> {
    let lab = lab().await?;
    let mut stream = open(&lab, "/stream-bytes/100000?piece=999").await;
    assert_eq!(stream.rest().await, lab.get("/bytes/100000").await.body());
    assert_eq!(stream.end(), Some(&End::Done));
    Ok(())
}
