//! Whoever changes one thing touches no process that has nothing to do with it.

use serde_json::json;
use sidegate_e2e::{Gateway, Plugin, kill, story};

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
        plugin.wait_state("stopped").await;
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
        plugin.wait_for("it is required", |status| status["required"] == true).await;
        let token = gateway.token().await;
        let seen = gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], format!("Bearer {token}"));
        assert_eq!(life(&plugin).await, before);
    });
}
