//! An edge of today at a control plane of tomorrow, which needs of one plugin what no edge of today knows.

use super::control_plane::ControlPlane;
use super::{TOKEN, answers, lab, snapshot, status};
use serde_json::json;
use sidegate_e2e::{Gateway, eventually, story};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;

/// What one of today knows, and what one of tomorrow knows beside.
const TODAY: &str = "0.5.0 max_staleness sealed_settings";
const TOMORROW: &str = "0.6.0 max_staleness sealed_settings of_tomorrow";
/// The plugin whose object is of tomorrow.
const NEW: PluginId = PluginId(2);

async fn edge(control: &ControlPlane, name: &str, version: Option<&str>) -> Gateway {
    let token = control.token(name, "");
    let edge = Gateway::builder().edge(&control.url()).env("SIDEGATE_JOIN_TOKEN", token);
    match version {
        Some(version) => edge.env("SIDEGATE_STORY_VERSION", version).start().await,
        None => edge.start().await,
    }
}

/// The plugins 1, 2 and 3 below slugs that tell this revision.
fn of_revision(revision: u64) -> Snapshot {
    (1..=3).fold(snapshot(&[]), |all, number| {
        let spec = lab(number, &format!("p{number}-{revision}"));
        all.with_plugin(PluginId(number), Some(spec))
    })
}

async fn serves(gateway: &Gateway, slug: &str, expected: u16) {
    answers(gateway, &format!("/plugins/{slug}/pid"), Some(TOKEN), expected).await;
}

#[test]
fn an_edge_rejects_just_the_one_thing_that_a_later_control_plane_needs_more_for() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 1, &of_revision(1));
        // This very build, the same said in words, and one that knows more.
        let this = edge(&control, "this", None).await;
        let today = edge(&control, "today", Some(TODAY)).await;
        let tomorrow = edge(&control, "tomorrow", Some(TOMORROW)).await;
        for edge in [&this, &today, &tomorrow] {
            for number in 1..=3 {
                serves(edge, &format!("p{number}-1"), 200).await;
            }
        }

        // All three are other ones by now; of the second an edge has to know what it is.
        control.publish_needing("", 2, &of_revision(2), (NEW, "of_tomorrow"));
        for edge in [&this, &today] {
            serves(edge, "p1-2", 200).await;
            serves(edge, "p3-2", 200).await;
            // Its last good version, and nothing of the new one.
            serves(edge, "p2-1", 200).await;
            serves(edge, "p2-2", 404).await;
            serves(edge, "p1-1", 404).await;
            let rejected = eventually("the edge says what it rejects", async || {
                let rejected = status(edge).await["rejected"].clone();
                rejected.as_array().is_some_and(|all| !all.is_empty()).then_some(rejected)
            })
            .await;
            let [only] = rejected.as_array().unwrap().as_slice() else { panic!("{rejected}") };
            assert_eq!(only["object"], format!("plugin/{}", NEW.0), "{rejected}");
            let reason = only["reason"].as_str().unwrap();
            assert!(
                reason.contains("it needs of_tomorrow") && reason.contains("upgrade the edge"),
                "{reason}"
            );
            let ready = edge.get("/ready").send().await.expect(200).json();
            assert_eq!(ready["positions"][0]["revision"], 2, "{ready}");
        }
        for number in 1..=3 {
            serves(&tomorrow, &format!("p{number}-2"), 200).await;
            serves(&tomorrow, &format!("p{number}-1"), 404).await;
        }
        assert_eq!(status(&tomorrow).await["rejected"], json!([]));

        // An edge that never had an earlier version of it serves the rest.
        let late = edge(&control, "late", None).await;
        serves(&late, "p1-2", 200).await;
        serves(&late, "p3-2", 200).await;
        serves(&late, "p2-2", 404).await;

        // What is published next, and needs no more than before, is served by all.
        control.publish("", 3, &of_revision(3));
        for edge in [&this, &today, &tomorrow, &late] {
            for number in 1..=3 {
                serves(edge, &format!("p{number}-3"), 200).await;
            }
        }
        assert_eq!(status(&this).await["rejected"], json!([]));
    });
}

#[test]
fn an_edge_goes_on_after_a_restart_and_an_upgrade_with_what_it_rejected() {
    story(async {
        let mut control = ControlPlane::start();
        control.publish("", 1, &of_revision(1));
        let gateway = edge(&control, "edge", None).await;
        serves(&gateway, "p2-1", 200).await;
        control.publish_needing("", 2, &of_revision(2), (NEW, "of_tomorrow"));
        serves(&gateway, "p1-2", 200).await;
        // It starts without its control plane by what it has: the last good version, too.
        control.go_away();
        let mut gateway = gateway.restart().await;
        serves(&gateway, "p1-2", 200).await;
        serves(&gateway, "p2-1", 200).await;
        // Upgraded on the same folder, it knows what it is; its control plane need not publish it again.
        control.come_back();
        gateway.env("SIDEGATE_STORY_VERSION", TOMORROW);
        let gateway = gateway.restart().await;
        serves(&gateway, "p2-2", 200).await;
        serves(&gateway, "p2-1", 404).await;
    });
}
