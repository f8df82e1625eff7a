//! Pages of plugins: their files, what they call, and the configuration that they change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_sdk::testing::Host as TestHost;
use sidegate_sdk::{Config, Error, Host, HostError, Manifest, Page, Plugin, Result};

struct Notes {
    content: String,
    in_console: bool,
    host: Host,
}

#[derive(Deserialize)]
struct Change {
    content: Option<String>,
}

#[derive(Serialize)]
struct Saved {
    message: String,
}

fn plugin() -> Plugin<Notes> {
    Plugin::new("notes", "1.0.0")
        .page(Page::element("/notes", "notes-page", "/ui/page.js").label("Notes"))
        .services(["plugins.write", "kv.readwrite"])
        .asset("/ui/page.js", "text/javascript", "1")
        .asset("ui/style.css", "text/css", "b {}")
        .rpc("version", async |_: Value| Ok("1.0.0"))
        .initialize(async |config: Config| {
            let content = config.get("content").unwrap_or("nothing").to_owned();
            Ok(Notes { content, in_console: config.in_console(), host: config.host().clone() })
        })
        .rpc("get", async |_: Value, notes: Arc<Notes>| {
            Ok(json!({"content": notes.content, "in_console": notes.in_console}))
        })
        .rpc("save", save)
        .rpc("slug", async |_: Value, notes: Arc<Notes>| {
            Ok(notes.host.update_config(&json!({"slug": "mine"})).await?)
        })
        .rpc("replace", async |before: Value, notes: Arc<Notes>| {
            let (change, before) = (json!({"list": ["new"]}), json!({"list": before}));
            Ok(notes.host.update_config_if(&change, &before).await?)
        })
        .rpc("count", async |by: u64, notes: Arc<Notes>| {
            let count = notes.host.kv().get_json::<u64>("count").await?.unwrap_or(0) + by;
            notes.host.kv().set_json("count", &count).await?;
            Ok(count)
        })
        .rpc("forget", async |_: Value, notes: Arc<Notes>| {
            Ok(notes.host.kv().delete("count").await?)
        })
        .rpc("fail", async |_: Value| Err::<(), _>(Error::new("the disk is full")))
        .rpc("panic", async |_: Value| -> Result<()> { panic!("secret details") })
}

async fn save(change: Change, notes: Arc<Notes>) -> Result<Saved> {
    let change = json!({"content": change.content});
    Ok(Saved { message: notes.host.update_config(&change).await? })
}

const SCOPES: [&str; 2] = ["plugins.write", "kv.readwrite"];

async fn console() -> Result<TestHost> {
    let config = [("slug", "notes"), ("content", "first"), ("other", "kept")];
    TestHost::start(plugin(), config).granting(SCOPES).in_console().await
}

async fn words(host: &TestHost, method: &str, payload: impl Serialize) -> String {
    host.call(method, payload).await.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn a_page_has_its_files_and_calls_methods_with_types() -> Result<()> {
    let host = console().await?;
    let manifest = host.manifest().await?;
    assert_eq!(manifest["ui"]["slots"][0]["items"][0]["mount"]["tag"], "notes-page");
    assert_eq!(manifest["permissions"]["services"], json!(SCOPES));
    assert_eq!(manifest["capabilities"]["hooks"], json!(["custom_endpoint", "studio_ui"]));
    for path in ["/ui/page.js", "ui/page.js"] {
        assert_eq!(host.asset(path).await?, ("text/javascript".to_owned(), "1".into()));
    }
    assert_eq!(host.assets("/ui/s").await?, ["/ui/style.css"]);
    let missing = host.asset("/ui/none.js").await.expect_err("none");
    assert_eq!(missing.to_string(), "asset not found: /ui/none.js");
    assert_eq!(host.call("version", ()).await?, "1.0.0");
    let shown = json!({"content": "first", "in_console": true});
    assert_eq!(host.call("get", json!({})).await?, shown);
    Ok(())
}

#[tokio::test]
async fn a_change_of_the_configuration_merges_and_null_removes() -> Result<()> {
    let host = console().await?;
    assert_eq!(host.call("save", json!({"content": "second"})).await?, json!({"message": "saved"}));
    assert_eq!(
        (host.configured("content"), host.configured("other")),
        (Some("second".into()), Some("kept".into()))
    );
    host.call("save", json!({})).await?;
    assert_eq!(host.configured("content"), None);
    let refused = words(&host, "slug", ()).await;
    assert!(refused.contains("the slug is the operator's to change"), "{refused}");
    host.revoke("plugins.write");
    let refused = words(&host, "save", json!({"content": "third"})).await;
    assert!(refused.contains("plugins.write"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn storage_is_there_beside_the_console_as_below_a_gateway() -> Result<()> {
    let gateway = TestHost::start(plugin(), Config::default()).granting(SCOPES).await?;
    for host in [console().await?, gateway] {
        assert_eq!(host.call("count", 2).await?, 2);
        assert_eq!(host.call("count", 3).await?, 5);
        assert_eq!(host.stored("count").as_deref(), Some(&b"5"[..]));
        assert_eq!(host.call("forget", ()).await?, true);
        assert_eq!(host.call("forget", ()).await?, false);
    }
    Ok(())
}

#[tokio::test]
async fn what_fails_is_told_in_the_plugins_words_and_a_panic_without_them() -> Result<()> {
    let host = console().await?;
    assert_eq!(words(&host, "fail", ()).await, "the disk is full");
    let text = words(&host, "panic", ()).await;
    assert!(text.contains("its log has more") && !text.contains("secret"), "{text}");
    let text = words(&host, "none", ()).await;
    assert!(text.starts_with("unknown RPC method: none; there are count, fail"), "{text}");
    let text = words(&host, "count", "hunter2").await;
    assert!(text.contains("line 1, column 9") && !text.contains("hunter2"), "{text}");
    let bare = TestHost::start(Plugin::new("bare", "1"), Config::default()).await?;
    assert_eq!(words(&bare, "get", ()).await, "plugin does not provide RPC methods");
    Ok(())
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_not_overwritten() -> Result<()> {
    let host = console().await?;
    host.call("replace", Value::Null).await?;
    assert_eq!(host.configured("list"), Some(json!(["new"])));
    host.configure("list", "[\"theirs\"]");
    let refused = words(&host, "replace", json!(["new"])).await;
    assert!(refused.contains("changed meanwhile") && refused.contains("list"), "{refused}");
    assert_eq!(host.configured("list"), Some(json!("[\"theirs\"]")));
    host.call("replace", json!(["theirs"])).await?;
    Ok(())
}

#[tokio::test]
async fn a_gateway_changes_no_configuration() -> Result<()> {
    let (lend, host) = tokio::sync::oneshot::channel();
    let lender = Plugin::new("lender", "1").initialize(async move |config: Config| {
        let _ = lend.send(config.host().clone());
        Ok(())
    });
    let test = TestHost::start(lender, Config::default()).granting(SCOPES).await?;
    let refused = host.await?.update_config(&json!({"a": 1})).await;
    assert!(matches!(refused, Err(HostError::Unsupported(_))), "{refused:?}");
    drop(test);
    Ok(())
}

#[tokio::test]
async fn a_manifest_may_be_built_or_written_and_a_page_without_its_file_is_refused() -> Result<()> {
    let page = Page::html("/help", "/help.html");
    let manifest = Manifest::new("com.example.help", "Help", "2").page(page.clone());
    let plugin =
        Plugin::new("help", "1").description("Helps").asset("help.html", "text/html", "<p>");
    let host = TestHost::start(plugin.manifest(manifest), Config::default()).await?;
    let told = host.manifest().await?;
    assert_eq!((&told["id"], &told["description"]), (&json!("com.example.help"), &json!("Helps")));
    let broken = Plugin::new("help", "1").page(page);
    let refused = TestHost::start(broken, Config::default()).await.expect_err("no file");
    assert!(refused.to_string().contains("`/help.html`"), "{refused}");
    Ok(())
}
