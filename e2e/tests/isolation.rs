//! Whoever changes one thing touches no process that has nothing to do with it, and what one plugin does
//! reaches no other one.

use rustix::process::Signal;
use serde_json::json;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Plugin, Version, eventually, kill, signal, story};
use std::time::{Duration, Instant};

/// The process that serves, and how many there have been.
async fn life(plugin: &Plugin) -> (u32, usize) {
    (plugin.pid().await, plugin.records().await.len())
}

#[test]
fn only_the_plugin_that_is_meant_gets_another_process() {
    story(async {
        let gateway = Gateway::start().await;
        let routes = |name: &str| gateway.plugin(name).program("e2e-plugin-routes");
        let others = [gateway.lab().await, routes("b").ready().await];
        let lives = [life(&others[0]).await, life(&others[1]).await];
        let plugin = routes("a").ready().await;
        let mut pid = plugin.pid().await;
        plugin.reload().await;
        pid = plugin.wait_other_pid(pid).await;
        plugin.change(&json!({"config": {"slug": "a", "k": "v"}})).await;
        pid = plugin.wait_other_pid(pid).await;
        plugin.change(&json!({"config": {"slug": "moved", "k": "v"}})).await;
        pid = plugin.wait_other_pid(pid).await;
        plugin.change(&json!({"options": {"env.MODE": "test"}})).await;
        pid = plugin.wait_other_pid(pid).await;
        kill(pid);
        plugin.wait_other_pid(pid).await;
        plugin.change(&json!({"is_active": false})).await;
        plugin.wait_state(State::Stopped).await;
        plugin.change(&json!({"is_active": true})).await;
        plugin.wait_ready().await;
        plugin.remove().await;
        assert_eq!([life(&others[0]).await, life(&others[1]).await], lives);
    });
}

#[test]
fn changes_of_apps_and_tokens_touch_no_process() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").config("require_auth", "true").ready().await;
        let before = life(&plugin).await;
        let app = gateway.app("a").create().await;
        let (token, id) = app.token().create_with_id().await;
        let ask =
            async |status| gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(status);
        ask(200).await;
        app.change(&json!({"metadata": {"k": "v"}, "rate_limit": 1000})).await;
        assert_eq!(ask(200).await.json()["app"]["metadata"]["k"], "v");
        app.change(&json!({"is_active": false})).await;
        ask(401).await;
        app.change(&json!({"is_active": true})).await;
        ask(200).await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        ask(401).await;
        app.delete().await;
        assert_eq!(life(&plugin).await, before);
    });
}

#[test]
fn what_only_the_gateway_heeds_is_changed_without_another_process() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let before = life(&plugin).await;
        let options = json!({
            "pass_token": "true", "optional_auth": "true", "required": "true",
            "drain_deadline": "7s", "restart.park_after": "3", "restart.base": "10ms",
        });
        plugin.change(&json!({"options": options, "description": "what it is for"})).await;
        plugin.wait_for("it is required", |status| status.required).await;
        let token = gateway.token().await;
        let seen = gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], format!("Bearer {token}"));
        assert_eq!(life(&plugin).await, before);
    });
}

/// A single shard, so that all that waits for the one plugin waits beside what the other one answers.
#[test]
fn a_plugin_that_stops_while_it_serves_delays_no_neighbour() {
    story(async {
        let gateway = Gateway::builder().env("GATEWAY_SHARDS", "1").start().await;
        let slow = gateway.plugin("slow").program("sidegate-plugin-lab").ready().await;
        gateway.lab().await;
        let shared = gateway.connection(Version::Http2).await;
        let ask = |path: &str| shared.request("GET", path);
        // From here on both are connected, for whole answers and for streams.
        for plugin in ["slow", "lab"] {
            for path in ["pid", "sse?n=1"] {
                ask(&format!("/plugins/{plugin}/{path}")).send().await.expect(200);
            }
        }
        let pid = slow.pid().await;
        signal(pid, Signal::STOP);
        let waiting: Vec<_> = (0..100)
            .flat_map(|_| ["/plugins/slow/pid", "/plugins/slow/sse?n=1"])
            .map(|path| tokio::spawn(ask(path).try_send()))
            .collect();
        let open =
            format!("sidegate_plugin_requests_in_flight{{plugin=\"slow\"}} {}", waiting.len());
        eventually("all of them wait for the slow one", async || {
            ask("/metrics").send().await.text().contains(&open).then_some(())
        })
        .await;
        let own = gateway.connection(Version::Http1).await;
        for _ in 0..50 {
            for neighbour in [&shared, &own] {
                for path in ["/plugins/lab/pid", "/plugins/lab/sse?n=1", "/health"] {
                    let begun = Instant::now();
                    neighbour.request("GET", path).send().await.expect(200);
                    let took = begun.elapsed();
                    assert!(took < Duration::from_secs(2), "{path} took {took:?}");
                }
            }
        }
        signal(pid, Signal::CONT);
        for answer in waiting {
            answer.await.unwrap().expect("an answer").expect(200);
        }
    });
}
