//! Nothing that a plugin started outlives it, or the gateway, however either ends.

use serde_json::json;
use sidegate_api::state::State;
use sidegate_e2e::{
    Gateway, Plugin, PluginBuilder, descendants, eventually, is_alive, kill, story,
};
use std::time::{Duration, Instant};

/// Two children with a child each, and an orphan.
const FAMILY: usize = 5;

fn with_family(gateway: &Gateway, name: &str) -> PluginBuilder {
    gateway.plugin(name).program("e2e-plugin-misbehave").config("family", "true")
}

/// Waits until the whole family is there; gives every process of it, the plugin's among them.
async fn family(gateway: &Gateway, plugin: &Plugin) -> Vec<u32> {
    let pid = plugin.pid().await;
    eventually("the whole family runs", async || {
        let guards = gateway.processes().into_iter();
        let families = guards.map(descendants).filter(|family| family.contains(&pid));
        let family = families.max_by_key(Vec::len)?;
        let alive: Vec<_> = family.into_iter().filter(|pid| is_alive(*pid)).collect();
        (alive.len() > FAMILY).then_some(alive)
    })
    .await
}

async fn gone(what: &str, pids: &[u32]) {
    eventually(what, async || (!pids.iter().copied().any(is_alive)).then_some(())).await;
}

#[test]
fn a_killed_gateway_leaves_no_process_of_its_plugins() {
    story(async {
        let mut gateway = Gateway::start().await;
        gateway.lab().await;
        let parent = with_family(&gateway, "m").config("stop", "ignore").ready().await;
        let family = family(&gateway, &parent).await;
        // One that hangs at its start, and one that is on its way out.
        let hangs = gateway.plugin("h").program("e2e-plugin-misbehave").config("start", "hang");
        hangs.add().await;
        let old = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let mut stream = gateway.get("/plugins/r/stream").open().await;
        stream.read_until("begun").await;
        let old_pid = old.pid().await;
        old.reload().await;
        old.wait_other_pid(old_pid).await;
        eventually("all of them run", async || {
            // A guard for each of five processes, and what is below.
            (gateway.processes().len() >= 10 + FAMILY && is_alive(old_pid)).then_some(())
        })
        .await;
        let everything = gateway.processes();
        assert!(family.iter().all(|pid| everything.contains(pid)), "{family:?} {everything:?}");
        gateway.kill();
        let killed = Instant::now();
        gone("all are gone", &everything).await;
        assert!(killed.elapsed() < Duration::from_secs(1), "it took {:?}", killed.elapsed());
    });
}

#[test]
fn a_gateway_starts_again_where_one_was_killed() {
    story(async {
        let mut gateway = Gateway::start().await;
        let before = gateway.lab().await.pid().await;
        gateway.kill();
        let gateway = gateway.start_again().await;
        let plugin = gateway.plugin_by_id(1);
        plugin.wait_ready().await;
        assert_ne!(plugin.pid().await, before);
        gateway.get("/plugins/lab/x").send().await.expect(200);
    });
}

#[test]
fn a_killed_plugin_takes_its_children_along() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = with_family(&gateway, "m").ready().await;
        let family = family(&gateway, &plugin).await;
        let pid = plugin.pid().await;
        kill(pid);
        plugin.wait_other_pid(pid).await;
        gone("its family is gone", &family).await;
    });
}

#[test]
fn a_plugin_that_takes_no_hint_is_gone_after_its_deadline() {
    story(async {
        let gateway = Gateway::start().await;
        let deaf = with_family(&gateway, "m").config("stop", "ignore");
        let plugin = deaf.option("drain_deadline", "300ms").ready().await;
        let family = family(&gateway, &plugin).await;
        let open = tokio::spawn(gateway.get("/plugins/m/unary/deaf").try_send());
        plugin.wait_for("it is being asked", |status| status.in_flight == 1).await;
        plugin.change(&json!({"is_active": false})).await;
        let begun = Instant::now();
        gateway.get("/plugins/m/unary/seen").send().await.expect(404);
        gone("it is gone, with its family", &family).await;
        // The drain, the call that it never answers, and a last moment.
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
        let answer = open.await.unwrap().unwrap();
        answer.is_error(502, "plugin_broke_off", "plugin");
        plugin.wait_state(State::Stopped).await;
        assert!(gateway.plugin_pids().is_empty(), "{:?}", gateway.plugin_pids());
    });
}

#[test]
fn a_gateway_that_stops_takes_along_who_takes_no_hint() {
    story(async {
        let mut gateway = Gateway::start().await;
        let plugin = with_family(&gateway, "m").config("stop", "ignore").ready().await;
        let family = family(&gateway, &plugin).await;
        // Checks as well that it ends well and leaves nothing.
        gateway.stop();
        assert!(!family.into_iter().any(is_alive));
    });
}
