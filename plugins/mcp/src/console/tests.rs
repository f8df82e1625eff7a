//! What the page is told.

use serde_json::json;
use sidegate_sdk::Result;
use sidegate_sdk::testing::Host;

use crate::plugin;

async fn console(server: serde_json::Value) -> Result<Host> {
    let servers = json!([server]).to_string();
    let config = [("slug", "mcp"), ("servers", servers.as_str())];
    Host::start(plugin(), config).granting(["kv.readwrite"]).in_console().await
}

#[tokio::test]
async fn nothing_that_could_be_a_secret_is_shown() -> Result<()> {
    let host = console(json!({
        "name": "files",
        "url": "https://mcp.example.com/mcp?key=s3cret#s3cret",
        "headers": [{"name": "X-Key", "value": "s3cret"}],
        "tools": {"deny": ["delete_*"]},
    }));
    let shown = host.await?.call("overview", json!({})).await?;
    assert_eq!(shown["servers"][0]["target"], "https://mcp.example.com/mcp");
    assert_eq!(shown["servers"][0]["rules"]["tools"], json!({"deny": ["delete_*"]}));
    assert!(!shown.to_string().contains("s3cret"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_or_not_pinned_is_said_in_words() -> Result<()> {
    let host = console(json!({"name": "files", "url": "http://127.0.0.1:1/mcp"})).await?;
    let digest = "sha256:0";
    for (method, payload, words) in [
        ("look", json!({"server": "other"}), "no server \"other\""),
        ("look", json!({"server": "files"}), "files: it is not reached"),
        ("check", json!({"server": "files"}), "are not pinned"),
        ("approve", json!({"server": "files", "digest": digest}), "are not pinned"),
        ("call", json!({"server": "files", "tool": "x", "arguments": "[]"}), "no object in JSON"),
    ] {
        let refused = host.call(method, payload).await.expect_err(words).to_string();
        assert!(refused.contains(words), "{method}: {refused}");
    }
    Ok(())
}
