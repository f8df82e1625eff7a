//! The MCP proxy of the page of the plugin interface, as a plugin in Go: who gets in, sessions, and events at once in both ways.

use serde_json::{Value, json};
use sidegate_e2e::{Answer, Flavour, Gateway, Go, Plugin, Request, eventually, go_story};

const SESSION: &str = "mcp-session-id";
const EVENTS: &str = "application/json, text/event-stream";

/// The proxy in every flavour, and a client of each that it lets in.
async fn all(go: Go, gateway: &Gateway) -> Vec<(Flavour, Client, Plugin)> {
    let app = gateway.app("desk").metadata(json!({"mcp_access": "allowed"})).create().await;
    let token = app.token().create().await;
    let mut plugins = Vec::new();
    for flavour in Flavour::ALL {
        let name = format!("mcp-{}", flavour.name());
        let plugin = go.plugin(gateway, "mcp", flavour, &name).ready().await;
        let client = Client { at: format!("/plugins/{name}/mcp"), token: token.clone() };
        plugins.push((flavour, client, plugin));
    }
    plugins
}

/// A client of one of them.
struct Client {
    at: String,
    token: String,
}

impl Client {
    fn request(&self, gateway: &Gateway, method: &str, session: &str) -> Request {
        let request = gateway.request(method, &self.at).bearer(&self.token);
        if session.is_empty() { request } else { request.header(SESSION, session) }
    }

    fn post(&self, gateway: &Gateway, session: &str, message: &Value) -> Request {
        let request = self.request(gateway, "POST", session).body(message.to_string());
        request.header("content-type", "application/json").header("accept", EVENTS)
    }

    /// Begins a session; gives its id.
    async fn begin(&self, gateway: &Gateway) -> String {
        let params = json!({"protocolVersion": "2025-06-18"});
        let answer = self.post(gateway, "", &asked(1, "initialize", &params)).send().await;
        let answer = answer.expect(200);
        assert_eq!(answer_in(&answer)["result"]["protocolVersion"], "2025-06-18");
        answer.header(SESSION).expect("a session has an id").to_owned()
    }

    async fn call(&self, gateway: &Gateway, session: &str, tool: &str) -> Answer {
        self.post(gateway, session, &called(2, tool, &json!({"text": "hi"}))).send().await
    }
}

fn asked(id: u32, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn called(id: u32, tool: &str, arguments: &Value) -> Value {
    let meta = json!({"progressToken": "p"});
    asked(id, "tools/call", &json!({"name": tool, "arguments": arguments, "_meta": meta}))
}

/// The last event of a stream.
fn answer_in(answer: &Answer) -> Value {
    let text = answer.text();
    let last = text.trim_end().rsplit("data: ").next().expect("there is an event");
    serde_json::from_str(last).expect("an event is a message")
}

fn words(answer: &Answer) -> String {
    let text = &answer_in(answer)["result"]["content"][0]["text"];
    text.as_str().expect("a tool answers with text").to_owned()
}

#[test]
fn the_pages_mcp_proxy_lets_in_whom_the_apps_metadata_let_in() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let other = gateway.token().await;
        for (flavour, client, _) in all(go, &gateway).await {
            let nobody = gateway.post(&client.at).body("{}").send().await;
            nobody.is_error(401, "unauthorized", "client");
            let other = Client { at: client.at.clone(), token: other.clone() };
            let refused = other.call(&gateway, "", "echo").await.expect(403);
            assert_eq!(refused.text(), "Forbidden", "{flavour:?}");
            let wrong = client.request(&gateway, "PUT", "").send().await;
            wrong.is_error(405, "method_not_allowed", "client");
        }
    });
}

#[test]
fn a_session_of_the_pages_mcp_proxy_lasts_until_it_is_ended_and_is_of_one_app() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let neighbour = gateway.app("other").metadata(json!({"mcp_access": "allowed"}));
        let neighbour = neighbour.create().await.token().create().await;
        for (flavour, client, _) in all(go, &gateway).await {
            let session = client.begin(&gateway).await;
            let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            client.post(&gateway, &session, &told).send().await.expect(202);
            let answer = client.call(&gateway, &session, "echo").await.expect(200);
            assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{flavour:?}");
            assert_eq!(words(&answer), "hi", "{flavour:?}");
            // Who takes no events gets the answer by itself.
            let plain = called(3, "echo", &json!({"text": "ho"})).to_string();
            let plain = client.request(&gateway, "POST", &session).body(plain).send().await;
            assert_eq!(plain.json()["result"]["content"][0]["text"], "ho", "{flavour:?}");
            client.call(&gateway, "", "echo").await.expect(400);
            client.call(&gateway, "unknown", "echo").await.expect(404);
            let neighbour = Client { at: client.at.clone(), token: neighbour.clone() };
            neighbour.call(&gateway, &session, "echo").await.expect(404);
            client.request(&gateway, "DELETE", &session).send().await.expect(200);
            client.call(&gateway, &session, "echo").await.expect(404);
        }
    });
}

#[test]
fn events_of_the_pages_mcp_proxy_come_at_once_in_answers_and_to_who_listens() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, client, _) in all(go, &gateway).await {
            let session = client.begin(&gateway).await;
            let mut listening = client.request(&gateway, "GET", &session).open().await;
            client.call(&gateway, &session, "announce").await.expect(200);
            assert!(listening.read_until("\n\n").await.contains("\"hi\""), "{flavour:?}");
            let waits = client.post(&gateway, &session, &called(7, "wait", &json!({})));
            let mut waits = waits.open().await;
            let progress = waits.read_until("\n\n").await;
            assert!(progress.contains("notifications/progress"), "{flavour:?} {progress}");
            client.call(&gateway, &session, "go").await.expect(200);
            assert!(waits.read_until("\n\n").await.contains("done"), "{flavour:?}");
            // What a client cancels, and what it goes away from, ends.
            for by_leaving in [false, true] {
                let waits = client.post(&gateway, &session, &called(8, "wait", &json!({})));
                let mut waits = waits.open().await;
                waits.read_until("\n\n").await;
                if by_leaving {
                    drop(waits);
                } else {
                    let params = json!({"requestId": 8});
                    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
                    client.post(&gateway, &session, &cancel).send().await.expect(202);
                }
                assert!(listening.read_until("\n\n").await.contains("cancelled"), "{flavour:?}");
            }
            client.request(&gateway, "DELETE", &session).send().await.expect(200);
            assert!(listening.rest().await.expect("it ends in order").is_empty(), "{flavour:?}");
        }
    });
}

#[test]
fn clients_of_the_pages_mcp_proxy_begin_anew_after_a_reload_and_a_crash() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, client, plugin) in all(go, &gateway).await {
            for by_crash in [false, true] {
                let session = client.begin(&gateway).await;
                let before = words(&client.call(&gateway, &session, "pid").await);
                let pid = plugin.pid().await;
                assert_eq!(before, pid.to_string(), "{flavour:?}");
                if by_crash {
                    sidegate_e2e::kill(pid);
                } else {
                    plugin.reload().await;
                }
                plugin.wait_other_pid(pid).await;
                // Its sessions were in memory; 404 is what clients begin anew by.
                let gone = async || {
                    let answer = client.call(&gateway, &session, "pid").await;
                    (answer.status == 404).then_some(())
                };
                eventually("the session is gone", gone).await;
                let session = client.begin(&gateway).await;
                let after = words(&client.call(&gateway, &session, "pid").await);
                assert_ne!(after, before, "{flavour:?}");
            }
        }
    });
}
