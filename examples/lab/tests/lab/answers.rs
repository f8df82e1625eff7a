//! Whole answers come as they were ordered, and a bad order is refused.

use serde_json::{Value, json};
use sidegate_sdk::{Request, Result};

use crate::lab;

#[tokio::test]
async fn a_status_is_answered_with_and_without_a_body() -> Result<()> {
    let lab = lab().await?;
    let teapot = lab.get("/status/418").await;
    assert_eq!((teapot.status(), teapot.json::<Value>()), (418, json!({"status": 418})));
    let empty = lab.post("/status/204", "x").await;
    assert_eq!((empty.status(), empty.body().len()), (204, 0));
    Ok(())
}

#[tokio::test]
async fn a_response_is_made_of_status_headers_and_body() -> Result<()> {
    let path = "/resp?status=201&h=X-A:1&h=X-A:%202&h=Set-Cookie:a%3Db:c&body=h%26i";
    let answer = lab().await?.get(path).await;
    assert_eq!((answer.status(), answer.text()), (201, "h&i"));
    let headers: Vec<_> = answer.headers().iter().collect();
    let expected = [("X-A", &b"1"[..]), ("X-A", b"2"), ("Set-Cookie", b"a=b:c")];
    assert_eq!(headers, expected);
    Ok(())
}

#[tokio::test]
async fn cookies_come_one_by_one() -> Result<()> {
    let answer = lab().await?.get("/cookies?n=3").await;
    let cookies: Vec<_> = answer.headers().get_all("Set-Cookie").collect();
    assert_eq!(cookies, [&b"c0=v0; Path=/"[..], b"c1=v1; Path=/", b"c2=v2; Path=/"]);
    Ok(())
}

#[tokio::test]
async fn bytes_are_exactly_as_many_as_asked_for() -> Result<()> {
    let lab = lab().await?;
    for n in [0, 1, 1_048_576, 5_000_000] {
        let answer = lab.get(&format!("/bytes/{n}")).await;
        assert_eq!(answer.body().len(), n);
        assert!(answer.body().iter().zip((0..251).cycle()).all(|(byte, i)| *byte == i));
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_names_its_address() -> Result<()> {
    let answer = lab().await?.get("/redirect?to=https://example.org/a?b").await;
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.header("Location"), Some("https://example.org/a?b"));
    Ok(())
}

#[tokio::test]
async fn only_post_reaches_method_only() -> Result<()> {
    let lab = lab().await?;
    assert_eq!(lab.post("/method-only", "").await.status(), 200);
    let refused = lab.get("/method-only").await;
    assert_eq!((refused.status(), refused.header("Allow")), (405, Some("POST")));
    Ok(())
}

#[tokio::test]
async fn sleeping_takes_the_time_it_was_given() -> Result<()> {
    let lab = lab().await?;
    let start = std::time::Instant::now();
    assert_eq!(lab.get("/sleep?ms=50").await.json::<Value>(), json!({"slept_ms": 50}));
    assert!(start.elapsed().as_millis() >= 50);
    Ok(())
}

#[tokio::test]
async fn the_pid_is_that_of_the_process() -> Result<()> {
    assert_eq!(lab().await?.get("/pid").await.text(), std::process::id().to_string());
    Ok(())
}

#[tokio::test]
async fn failures_are_made_to_order() -> Result<()> {
    let lab = lab().await?;
    let told = lab.get("/error?status=409&text=taken").await;
    assert_eq!((told.status(), told.json::<Value>()), (409, json!({"error": "taken"})));
    for path in ["/fail", "/panic"] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status(), 502, "{path}");
        assert!(answer.failure().is_some(), "{path}");
    }
    assert_eq!(lab.get("/status/200").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_bad_order_is_refused_by_name() -> Result<()> {
    let lab = lab().await?;
    let orders = [
        ("/status/1000", "code"),
        ("/status/x", "code"),
        ("/resp?status=99", "status"),
        ("/resp?h=no-colon", "h"),
        ("/cookies?n=1001", "n"),
        ("/bytes/67108865", "n"),
        ("/bytes/-1", "n"),
        ("/redirect", "to"),
        ("/sleep?ms=soon", "ms"),
        ("/seen", "nonce"),
        ("/error?status=0", "status"),
        ("/sse?n=many", "n"),
        ("/sse?size=1048577", "size"),
        ("/sse?fail_at=x", "fail_at"),
        ("/stream-bytes/x", "n"),
    ];
    for (path, name) in orders {
        let answer = lab.send(Request::builder().path(path)).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert!(answer.text().contains(&format!("`{name}`")), "{path}: {}", answer.text());
    }
    Ok(())
}
