//! What moves on an edge, asked through each of two control planes, of which it is connected to one.

use crate::fleet::save;
use crate::live::Events;
use serde_json::{Value, json};
use sidegate_e2e::{
    ControlPlane, Gateway, Need, Postgres, eventually, long_story, program, within,
};
use std::time::Duration;

/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How soon whoever watches is told of a request.
const SOON: Duration = Duration::from_secs(10);

/// The one node of an answer, which has answered.
fn answered(node: &Value) {
    assert_eq!((&node["name"], &node["answered"]), (&json!("north-1"), &json!(true)), "{node}");
}

/// Open requests, ending one, what was counted, and events of a plugin.
async fn ask_everything(control: &ControlPlane, edge: &Gateway, plugin: u32, name: &str) {
    let admin = control.admin();
    let path = format!("/plugins/lab/hang?for={name}");
    let hanging = tokio::spawn(edge.get(&path).send());
    let open = eventually("the request is listed", async || {
        let (status, open) =
            admin.call("GET", &format!("requests?plugin={plugin}&limit=5"), None).await;
        assert_eq!(status, 200, "{open}");
        answered(&open["meta"]["nodes"][0]);
        open["data"].as_array().is_some_and(|all| all.len() == 1).then(|| open["data"][0].clone())
    })
    .await;
    let told = &open["attributes"];
    assert_eq!((&told["node"], &told["path"]), (&json!("north-1"), &json!("/plugins/lab/hang")));
    let id = open["id"].as_str().unwrap();
    assert_eq!(admin.call("DELETE", &format!("requests/{id}"), None).await.0, 204);
    let ended = within(SOON, "the request is ended", hanging).await.unwrap();
    ended.is_error(503, "overloaded", "gateway");
    assert_eq!(admin.call("DELETE", &format!("requests/{id}"), None).await.0, 404);

    eventually("what was counted is told", async || {
        let told =
            admin.get(&format!("metrics/history?plugin={plugin}")).await["attributes"].clone();
        answered(&told["nodes"][0]);
        let requests = told["series"]["requests"].as_array().unwrap();
        (requests.iter().filter_map(Value::as_f64).sum::<f64>() > 0.0).then_some(())
    })
    .await;

    let publish = format!("/plugins/lab/publish/told-to-{name}");
    edge.post(&publish).body("{\"order\": 42}").send().await.expect(200);
    eventually("the event is told", async || {
        let (status, events) = admin.call("GET", &format!("plugins/{plugin}/events"), None).await;
        assert_eq!(status, 200, "{events}");
        let is_there = events["data"].to_string().contains(&format!("told-to-{name}"));
        is_there.then_some(())
    })
    .await;
}

#[test]
fn what_moves_on_an_edge_is_asked_through_any_control_plane_and_watched_at_the_one_it_is_connected_to()
 {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    long_story(LIMIT, async {
        let dsn = server.schema();
        let (a, b) = (ControlPlane::start(&dsn).await, ControlPlane::start(&dsn).await);
        // It knows the first one alone, so it can be connected to no other.
        let edge = a.edge("north-1", "").await.start().await;
        let command = format!("file://{}", program("sidegate-plugin-lab").display());
        let config = json!({"slug": "lab", "require_auth": "false"});
        let plugin = json!({"name": "lab", "command": command, "config": config});
        let plugin = save(&a, &plugin).await;
        eventually("the plugin serves", async || {
            (edge.get("/plugins/lab/pid").send().await.status == 200).then_some(())
        })
        .await;
        eventually("the other one knows where the edge is", async || {
            let open = b.admin().call("GET", "requests", None).await.1;
            let node = &open["meta"]["nodes"][0];
            (node["name"] == "north-1" && node["answered"] == true).then_some(())
        })
        .await;
        ask_everything(&a, &edge, plugin, "a").await;
        ask_everything(&b, &edge, plugin, "b").await;

        // Requests as they end are told by the process that the edge is connected to; the other one says which that is.
        let mut here = Events::open(a.admin(), "traffic?path_prefix=/plugins/lab/status").await;
        let mut elsewhere = Events::open(b.admin(), "traffic").await;
        let (name, hello) = here.next().await;
        assert_eq!(name, "hello");
        answered(&hello["nodes"][0]);
        let (name, hello) = elsewhere.next().await;
        assert_eq!(name, "hello");
        let node = &hello["nodes"][0];
        assert_eq!((&node["name"], &node["answered"]), (&json!("north-1"), &json!(false)));
        let why = node["why"].as_str().unwrap();
        assert!(why.contains("connected to another process of the control plane"), "{why}");
        assert!(why.contains("ask that one"), "{why}");
        let told = eventually("a request is told", async || {
            edge.get("/plugins/lab/status/418").send().await.expect(418);
            Some(within(SOON, "a request is told", here.next()).await)
        })
        .await;
        assert_eq!(
            (&*told.0, &told.1["node"], &told.1["status"]),
            ("request", &json!("north-1"), &json!(418))
        );
    });
}
