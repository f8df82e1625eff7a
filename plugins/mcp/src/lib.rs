//! MCP servers as a plugin: clients reach them by one address of the gateway, behind its tokens, limits and log. It is
//! built on the SDK and knows nothing of the gateway.
//!
//! In reading order: [`plugin`] has the endpoints; `front` is the client's end, which speaks Streamable HTTP; `server` is what
//! every message to a server and from it comes by, with the `policy` that decides and the `audit` that tells; `upstream` is how servers are reached; `federation` is several servers as one.
//! `era` is which version of the protocol a message is of: a `door` is an address as clients with sessions meet it, `wrap` is for clients without any, `present` for servers without any. Between them go a `message`
//! and a `reply`, which know nothing of HTTP. `sessions` are carried by the clients.

mod about;
mod audit;
mod caller;
mod clock;
mod console;
mod door;
mod era;
mod failure;
mod federation;
mod fields;
mod front;
mod health;
mod hub;
mod known;
mod message;
mod pins;
mod policy;
mod present;
mod presented;
mod quota;
mod refusal;
mod reply;
mod reporting;
mod server;
mod sessions;
mod settings;
mod sse;
mod unknown;
mod upstream;
mod visit;
mod wrap;

use std::sync::Arc;

use serde_json::Value;
use sidegate_sdk::{Endpoint, Endpoints, Page, Plugin};

use console::{AccessOf, Approval, Call, ServerName};

pub use hub::Hub;

/// The plugin, ready to serve.
pub fn plugin() -> Plugin<Hub> {
    let plugin = Plugin::new("mcp", env!("CARGO_PKG_VERSION"))
        .description("MCP servers behind the gateway's apps, scopes, limits and log")
        .config_schema(include_str!("../config.schema.json"))
        .services([sessions::NEEDED])
        .initialize(Hub::start)
        .on_session(reporting::tell)
        .endpoints(addresses);
    with_page(plugin)
}

/// A page is one file.
const SCRIPT: &str = concat!(include_str!("../ui/parts.js"), include_str!("../ui/servers.js"));

/// Where operators see servers, try tools and approve definitions.
fn with_page(plugin: Plugin<Hub>) -> Plugin<Hub> {
    type State = Arc<Hub>;
    plugin
        .page(
            Page::element("/mcp/servers", "sidegate-mcp", "/ui/servers.js")
                .label("MCP servers")
                .title("MCP servers"),
        )
        .asset("/ui/servers.js", "text/javascript", SCRIPT.as_bytes())
        .rpc("overview", async |_: Value, hub: State| console::overview(&hub).await)
        .rpc("look", async |at: ServerName, hub: State| console::look(&hub, &at).await)
        .rpc("call", async |call: Call, hub: State| console::call(&hub, call).await)
        .rpc("access", async |of: AccessOf, hub: State| console::access(&hub, of).await)
        .rpc("pins", async |_: Value, hub: State| console::pins(&hub).await)
        .rpc("check", async |at: ServerName, hub: State| console::check(&hub, &at).await)
        .rpc("approve", async |it: Approval, hub: State| console::approve(&hub, &it).await)
}

/// An address for each server, and one for all of them.
fn addresses(hub: &Hub) -> Endpoints<Hub> {
    let at = |path: String, text: &str| {
        let endpoint = Endpoint::new(path).methods(["POST", "GET", "DELETE"]);
        endpoint.require_auth(hub.require_auth).description(text)
    };
    let all = Endpoints::new().stream(at("/mcp".to_owned(), "MCP"), front::answer);
    hub.servers.iter().fold(all, |all, server| {
        all.stream(at(format!("/{}/mcp", server.name), "MCP of one server"), front::answer)
    })
}
