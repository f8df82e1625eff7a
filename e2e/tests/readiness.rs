//! When a gateway is ready: while every plugin that it must have serves, whatever the others do.

use serde_json::{Value, json};
use sidegate_e2e::{Gateway, eventually, kill, program, story};

/// The status and the body of `/ready`.
async fn ready(gateway: &Gateway) -> (u16, Value) {
    let answer = gateway.get("/ready").send().await;
    (answer.status.as_u16(), answer.json())
}

async fn becomes(gateway: &Gateway, wanted: u16) -> Value {
    eventually(&format!("/ready says {wanted}"), async || {
        let (status, body) = ready(gateway).await;
        (status == wanted).then_some(body)
    })
    .await
}

#[test]
fn a_required_plugin_that_does_not_serve_makes_the_gateway_unready() {
    story(async {
        let gateway = Gateway::start().await;
        assert_eq!(ready(&gateway).await.0, 200, "nothing is required of it");
        let missing = gateway.plugin("must").command("file:///nonexistent");
        let missing = missing.option("required", "true").add().await;
        gateway.lab().await;
        let body = becomes(&gateway, 503).await;
        assert_eq!((&body["missing"], &body["status"]), (&json!(["must"]), &json!("not ready")));
        let plugins = body["plugins"].as_array().unwrap().iter();
        let told: Vec<_> =
            plugins.map(|p| [&p["name"], &p["required"]].map(Value::clone)).collect();
        assert_eq!(told, [[json!("must"), json!(true)], [json!("lab"), json!(false)]]);
        // Others are served, and the process lives.
        gateway.get("/plugins/lab/x").send().await.expect(200);
        gateway.get("/health").send().await.expect(200);
        let command = format!("file://{}", program("e2e-plugin-routes").display());
        missing.change(&json!({"command": command})).await;
        assert_eq!(becomes(&gateway, 200).await["missing"], json!([]));
        assert!(missing.status().await.required);
    });
}

#[test]
fn a_required_plugin_that_dies_makes_the_gateway_unready_until_it_is_back() {
    story(async {
        let gateway = Gateway::start().await;
        let lab = program("sidegate-plugin-lab");
        let command = gateway.script("slow-lab", &format!("sleep 0.4; exec {}", lab.display()));
        let plugin = gateway.plugin("lab").command(&command).option("required", "true");
        let plugin = plugin.ready().await;
        becomes(&gateway, 200).await;
        kill(plugin.pid().await);
        assert_eq!(becomes(&gateway, 503).await["missing"], json!(["lab"]));
        becomes(&gateway, 200).await;
        // A reload has no moment in which it is missing.
        let before = plugin.pid().await;
        plugin.reload().await;
        while plugin.pid().await == before {
            assert_eq!(ready(&gateway).await.0, 200);
        }
        assert_eq!(ready(&gateway).await.0, 200);
    });
}

#[test]
fn a_required_plugin_that_nobody_wants_any_more_is_not_missed() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("must").command("file:///nonexistent");
        let plugin = plugin.option("required", "true").add().await;
        becomes(&gateway, 503).await;
        plugin.change(&json!({"options": {}})).await;
        becomes(&gateway, 200).await;
        plugin.change(&json!({"options": {"required": "true"}})).await;
        becomes(&gateway, 503).await;
        plugin.change(&json!({"is_active": false})).await;
        becomes(&gateway, 200).await;
        plugin.remove().await;
        becomes(&gateway, 200).await;
    });
}

#[test]
fn health_is_told_before_any_plugin_is_ready() {
    story(async {
        let gateway = Gateway::start().await;
        for name in ["a", "b"] {
            let hangs = gateway.plugin(name).program("e2e-plugin-misbehave");
            hangs.config("start", "hang").option("required", "true").add().await;
        }
        // The harness waits for the listener only.
        let gateway = gateway.restart().await;
        gateway.get("/health").send().await.expect(200);
        assert_eq!(becomes(&gateway, 503).await["missing"], json!(["a", "b"]));
    });
}
