//! The plugin of the guide "Give your plugin a page" word by word, which a test of the console compares and runs. Only its file
//! is the one of the guide, too.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Config, Host, Page, Plugin, Request, Result};

struct Notes {
    content: String,
    host: Host,
}

#[tokio::main]
async fn main() -> Result<()> {
    Plugin::new("notes", "1.0.0")
        .page(Page::element("/notes/edit", "notes-page", "/ui/notes.js").label("Notes"))
        .asset("/ui/notes.js", "text/javascript", script())
        .services(["plugins.write"])
        .initialize(async |config: Config| {
            let content = config.get("content").unwrap_or("nothing yet").to_owned();
            Ok(Notes { content, host: config.host().clone() })
        })
        .get("/*", async |_: Request, notes: Arc<Notes>| notes.content.clone())
        .rpc("get_config", async |_: Value, notes: Arc<Notes>| {
            Ok(json!({ "content": notes.content }))
        })
        .rpc("save_config", async |change: Value, notes: Arc<Notes>| {
            let change = json!({ "content": change["content"] });
            Ok(json!({ "message": notes.host.update_config(&change).await? }))
        })
        .serve()
        .await
}

/// The script of the guide.
fn script() -> &'static str {
    let guide = include_str!("../../../docs/plugin-pages-authors.md");
    let (_, script) = guide.split_once("```js\n").expect("the guide has a script");
    script.split_once("```").expect("the script of the guide ends").0
}
