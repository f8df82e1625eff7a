//! What operators are told of issuers: the state of their keys, and what of them leads nowhere.

use super::jwt::Scene;
use serde_json::{Value, json};
use sidegate_e2e::{eventually, story};

async fn needs(scene: &Scene) -> Vec<(String, String)> {
    let list = scene.gateway.admin().get("needs").await;
    let text = |need: &Value, name: &str| need["attributes"][name].as_str().unwrap().to_owned();
    let needs = list.as_array().unwrap().iter();
    needs.map(|need| (text(need, "kind"), text(need, "text"))).collect()
}

/// Waits for a need of a kind whose text holds something.
async fn needed(scene: &Scene, kind: &str, holds: &str) {
    eventually(&format!("{kind}: {holds}"), async || {
        let all = needs(scene).await;
        all.iter().any(|(its, text)| its == kind && text.contains(holds)).then_some(())
    })
    .await;
}

#[test]
fn the_state_of_an_issuers_keys_is_told_wherever_an_operator_looks() {
    story(async {
        let mut scene = Scene::with(json!({"keys_max_age": "4s"})).await;
        let path = format!("issuers/{}", scene.number);
        assert_eq!(scene.fares(&scene.token().sign()).await, 200);
        let keys = scene.gateway.admin().get(&path).await["attributes"]["keys"].clone();
        assert_eq!((&keys["count"], &keys["are_good"]), (&json!(1), &json!(true)), "{keys}");
        assert!(keys["fetched_at"].is_string() && keys["error"].is_null(), "{keys}");
        let metrics = scene.gateway.get("/metrics").send().await.expect(200);
        assert!(metrics.text().contains("sidegate_issuer_keys{issuer=\"corp\"} 1"));
        scene.issuer.stop().await;
        needed(&scene, "issuer_keys_missing", "the last ones are too old").await;
        let keys = scene.gateway.admin().get(&path).await["attributes"]["keys"].clone();
        assert!(keys["error"].as_str().unwrap().contains("refused"), "{keys}");
        let shown = scene.gateway.cli().ok(&["issuer", "show", "corp"]).await;
        assert!(shown.contains("which are too old to count"), "{shown}");
        let metrics = scene.gateway.get("/metrics").send().await.expect(200);
        assert!(metrics.text().contains("sidegate_issuer_keys{issuer=\"corp\"} 0"));
        assert!(!metrics.text().contains("outcome=\"failed\"} 0"), "{}", metrics.text());
        scene.issuer.start_again().await;
        eventually("nothing is needed", async || needs(&scene).await.is_empty().then_some(()))
            .await;
    });
}

#[test]
fn what_of_issuers_leads_nowhere_waits_for_an_operator() {
    story(async {
        let scene = Scene::new().await;
        assert_eq!(needs(&scene).await, []);
        let options = json!({"issuers": "corp,nobody", "require_auth": "true"});
        scene.plugin.change(&json!({ "options": options })).await;
        needed(&scene, "issuer_incomplete", "names nobody, which is no issuer here").await;
        scene.change_issuer(&json!({"clients": {"svc": "billing", "old": "gone"}})).await;
        needed(&scene, "issuer_incomplete", "apps that are not there: gone").await;
        let own = json!({"name": "own", "url": "plugin:oidc", "audiences": ["a"]});
        let _: Value = scene.gateway.admin().post("issuers", &own).await;
        needed(&scene, "issuer_incomplete", "it is plugin:oidc, and no active plugin").await;
        scene.change_issuer(&json!({"clients": {"svc": "billing"}})).await;
        scene.plugin.change(&json!({"options": {"issuers": "corp", "require_auth": "true"}})).await;
        scene.gateway.admin().delete("issuers/2").await;
        assert_eq!(needs(&scene).await, []);
    });
}
