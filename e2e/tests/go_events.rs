//! Events and sessions of plugins in Go.

use serde_json::{Value, json};
use sidegate_e2e::{Flavour, Gateway, Go, Plugin, eventually, go_story, lines_of};

/// Plugins of every flavour that subscribe to the topic `news` when their session begins.
async fn subscribers(go: Go, gateway: &Gateway) -> Vec<(Flavour, String, Plugin)> {
    let mut plugins = Vec::new();
    for flavour in Flavour::ALL {
        let name = flavour.name();
        let plugin = go.plugin(gateway, "plugin", flavour, &name).config("topic", "news");
        let plugin = plugin.ready().await;
        plugins.push((flavour, format!("/plugins/{name}"), plugin));
    }
    for (flavour, at, _) in &plugins {
        eventually(&format!("the session of {flavour:?} is ready"), async || {
            let counts = gateway.get(&format!("{at}/counts")).send().await.expect(200).json();
            (counts["ready"] == 1).then_some(())
        })
        .await;
    }
    plugins
}

#[test]
fn an_event_of_a_plugin_in_go_reaches_every_subscriber_once_and_names_its_sender() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let plugins = subscribers(go, &gateway).await;
        for (_, at, _) in &plugins {
            for topic in ["news", "other"] {
                let payload = format!("{{\"from\":\"{at}\"}}");
                gateway
                    .post(&format!("{at}/publish/{topic}"))
                    .body(payload)
                    .send()
                    .await
                    .expect(200);
            }
        }
        for (flavour, at, _) in &plugins {
            let seen = eventually(&format!("{flavour:?} has seen all"), async || {
                let shown = gateway.get(&format!("{at}/seen")).send().await.expect(200).json();
                let seen = shown["value"].as_array().unwrap().clone();
                (seen.len() >= plugins.len()).then_some(seen)
            })
            .await;
            assert_eq!(seen.len(), plugins.len(), "{flavour:?} {seen:#?}");
            for (event, (_, sender, plugin)) in seen.iter().zip(&plugins) {
                assert_eq!(event["topic"], "news", "{event}");
                let payload: Value =
                    serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
                assert_eq!(payload, json!({ "from": sender }), "in the order they were sent in");
                let origin = event["origin"].as_str().unwrap();
                assert!(origin.starts_with(&format!("plugin:{}@", plugin.id)), "{origin}");
            }
        }
    });
}

#[test]
fn a_plugin_in_go_is_told_when_its_session_begins_and_when_it_ends() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, _, plugin) in subscribers(go, &gateway).await {
            let before = plugin.pid().await;
            plugin.reload().await;
            let record = plugin.wait_ended(before).await;
            assert!(lines_of(&record).contains("session is closing"), "{record:#?}");
            assert_eq!(record.in_order, Some(true), "{flavour:?} {record:#?}");
        }
    });
}

#[test]
fn events_go_from_go_to_rust_and_back() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut told = gateway.get("/plugins/lab/events/news").open().await;
        let plugins = subscribers(go, &gateway).await;
        for (flavour, at, plugin) in &plugins {
            let path = format!("{at}/publish/news");
            gateway.post(&path).body(format!("\"from {}\"", plugin.id)).send().await.expect(200);
            let event = told.read_until("\n\n").await;
            let payload = format!("data: \"from {}\"\n\n", plugin.id);
            assert!(event.ends_with(&payload), "{flavour:?} {event}");
        }
        gateway.post("/plugins/lab/publish/news").body("\"from lab\"").send().await.expect(200);
        for (flavour, at, _) in &plugins {
            eventually(&format!("the event of the lab reaches {flavour:?}"), async || {
                let shown = gateway.get(&format!("{at}/seen")).send().await.expect(200).json();
                let last = shown["value"].as_array().unwrap().last()?.clone();
                (last["payload"] == "\"from lab\"").then_some(())
            })
            .await;
        }
    });
}
