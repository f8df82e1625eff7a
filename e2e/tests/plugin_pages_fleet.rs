//! A plugin's own page at a control plane: what is saved there is for its edges.

use crate::plugin_pages::PROGRAM;
use serde_json::json;
use sidegate_e2e::{ControlPlane, Gateway, eventually, lone_story};
use std::time::{Duration, Instant};

#[test]
fn what_is_saved_at_the_control_plane_is_served_at_its_edges_at_once() {
    lone_story(Duration::from_secs(100), async {
        let control = ControlPlane::start_with(None, &[]).await;
        let admin = control.admin();
        for namespace in ["berlin", "paris"] {
            admin.post("namespaces", &json!({"name": namespace})).await;
        }
        let edge = control.edge("e1", "berlin").await.start().await;
        let second = control.edge("e2", "berlin").await.start().await;
        let other = control.edge("e3", "paris").await.start().await;
        let command = format!("file://{}", sidegate_e2e::program(PROGRAM).display());
        let config = json!({"slug": "page", "content": "first"});
        // The same program under the same address, for others.
        for namespace in ["berlin", "paris"] {
            let new = json!({"name": "page", "command": command, "config": config, "namespace": namespace});
            admin.post("plugins", &new).await;
        }
        admin.post("plugins/1/grant", &json!({"scope": "plugins.write"})).await;
        let content = async |edge: &Gateway| {
            let answer = edge.get("/plugins/page/x").send().await;
            (answer.status.as_u16() == 200).then(|| answer.text().to_owned())
        };
        for edge in [&edge, &second, &other] {
            eventually("each edge serves it", async || {
                content(edge).await.filter(|text| text == "first")
            })
            .await;
        }
        // The process beside the console is there already.
        admin.post("plugins/1/rpc/get_config", &json!({})).await;
        let begun = Instant::now();
        let saved = admin.post("plugins/1/rpc/save_config", &json!({"content": "second"})).await;
        let took = begun.elapsed();
        assert_eq!(saved["success"], true, "{saved}");
        for edge in [&edge, &second] {
            assert_eq!(content(edge).await.as_deref(), Some("second"), "{saved}");
        }
        assert!(took < Duration::from_secs(2), "saved and served after {took:?}");
        assert!(saved["message"].as_str().unwrap().contains("by 2 gateways"), "{saved}");
        assert_eq!(content(&other).await.as_deref(), Some("first"), "it is for others");
        // A program that is on edges only has no page, and says so.
        let away = json!({"name": "away", "command": "file:///opt/on-the-edge", "hook_types": ["studio_ui"]});
        admin.post("plugins", &away).await;
        let pages = admin.get("plugins/3/pages").await;
        assert!(
            pages[0]["attributes"]["closed"]
                .as_str()
                .unwrap()
                .contains("machine of the control plane"),
            "{pages}"
        );
    });
}
