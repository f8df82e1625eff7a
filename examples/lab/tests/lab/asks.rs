//! What the lab asks its host, granted and not.

use sidegate_sdk::testing::Host;
use sidegate_sdk::{Config, Request, Result};

#[tokio::test]
async fn values_are_kept_read_and_deleted_when_the_scope_is_granted() -> Result<()> {
    let lab = crate::lab().await?;
    assert_eq!(lab.get("/kv/a").await.status(), 403);
    lab.grant("kv.readwrite");
    assert_eq!(lab.get("/kv/a").await.status(), 404);
    assert_eq!(lab.post("/kv/a", "1").await.status(), 200);
    assert_eq!((lab.get("/kv/a").await.text(), lab.stored("a").as_deref()), ("1", Some(&b"1"[..])));
    let delete = || lab.send(Request::builder().method("DELETE").path("/kv/a"));
    assert_eq!(delete().await.text(), r#"{"deleted":true}"#);
    assert_eq!(delete().await.text(), r#"{"deleted":false}"#);
    lab.post("/kv/b?ttl_ms=0", "2").await;
    assert_eq!(lab.get("/kv/b").await.status(), 404);
    Ok(())
}

#[tokio::test]
async fn events_are_published_and_streamed() -> Result<()> {
    let lab = crate::lab().await?;
    let mut told = crate::open(&lab, "/events/news").await;
    assert_eq!(told.status(), 200);
    lab.publish("other", "0");
    assert_eq!(lab.post("/publish/news", "1\n2").await.status(), 200);
    assert_eq!(told.next().await.as_deref(), Some(&b"id: event-2\ndata: 1\ndata: 2\n\n"[..]));
    Ok(())
}

#[tokio::test]
async fn without_a_host_the_lab_says_so() -> Result<()> {
    let lab = Host::start_plain(sidegate_plugin_lab::plugin(), Config::default()).await?;
    assert_eq!(lab.get("/kv/a").await.status(), 501);
    assert_eq!(lab.post("/publish/news", "1").await.status(), 501);
    Ok(())
}
