//! A plugin with a page of which the environment says what runs there: for tests of what pages can do.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Config, Error, Host, Page, Plugin, Request, Response, Result};

/// The file with the script, or the HTML, of the page.
const FILE: &str = "PAGE_FILE";
/// The element that the script defines; without one, the file is HTML.
const TAG: &str = "PAGE_TAG";
/// A content with which it does not start.
const REFUSED: &str = "no start";

struct State {
    content: String,
    host: Host,
}

#[tokio::main]
async fn main() -> Result<()> {
    let file = variable(FILE).map(std::fs::read).transpose()?.unwrap_or_default();
    let tag = variable(TAG);
    let entry = if tag.is_some() { "/ui/page.js" } else { "/ui/page.html" };
    let page = match tag {
        Some(tag) => Page::element("/admin/page/own", tag, entry),
        None => Page::html("page/own", entry),
    };
    let page =
        page.label("Own").title("Own page").prop("whose", "Jane").prop("longName", json!({"a": 1}));
    Plugin::new("page", "1.0.0")
        .page(page)
        .services(["plugins.write"])
        .asset(entry, "text/javascript", file)
        .asset("/ui/style.css", "text/css", "h1 { color: rgb(1, 2, 3) }")
        .asset(
            "/ui/script.js",
            "text/javascript",
            "document.querySelector('h1').append(' by a script')",
        )
        .initialize(async |config: Config| {
            let content = config.get("content").unwrap_or("nothing yet").to_owned();
            if content == REFUSED {
                return Err(Error::new("it starts with no such content"));
            }
            Ok(State { content, host: config.host().clone() })
        })
        .get("/*", async |_: Request, state: Arc<State>| Response::text(&*state.content))
        .rpc("get_config", async |_: Value, state: Arc<State>| {
            Ok(json!({"content": state.content}))
        })
        .rpc("save_config", async |change: Value, state: Arc<State>| {
            Ok(json!({"message": state.host.update_config(&change).await?}))
        })
        .rpc("save_config_if", async |asked: Value, state: Arc<State>| {
            let saved = state.host.update_config_if(&asked["change"], &asked["expected"]).await?;
            Ok(json!({ "message": saved }))
        })
        .rpc("pid", async |_: Value| Ok(std::process::id()))
        .rpc("fail", async |_: Value| Err::<(), _>(Error::new("the disk is full")))
        .rpc("hang", async |_: Value| -> Result<()> { std::future::pending().await })
        .rpc("crash", crash)
        .rpc("big", async |_: Value| Ok("x".repeat(10 * 1024 * 1024)))
        .serve()
        .await
}

#[expect(clippy::disallowed_methods, reason = "the test says it in a variable")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "a crash is what is asked for")]
async fn crash(_: Value) -> Result<()> {
    eprintln!("the last words of the plugin");
    std::process::exit(3)
}
