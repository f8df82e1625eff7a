//! Plugins that die at every start: they are tried a while, then left alone until somebody changes
//! something.

use serde_json::json;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Plugin, PluginBuilder, Version, cpu_ticks, eventually, pause, story};
use std::time::{Duration, Instant};

fn dies_at_its_start(gateway: &Gateway, tries: u32) -> PluginBuilder {
    gateway
        .plugin("m")
        .program("e2e-plugin-misbehave")
        .config("start", "crash")
        .option("restart.base", "10ms")
        .option("restart.max", "50ms")
        .option("restart.window", "30s")
        .option("restart.park_after", &tries.to_string())
}

/// When its last process was started.
async fn last_start(plugin: &Plugin) -> String {
    plugin.records().await[0].started_at.clone()
}

#[test]
fn a_plugin_that_dies_at_ten_starts_is_parked_and_costs_nothing_any_more() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = dies_at_its_start(&gateway, 10).add().await;
        let begun = Instant::now();
        let status = plugin.wait_state(State::Parked).await;
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!((status.summary.restarts, status.summary.pid), (9, None));
        let reason = status.summary.reason.as_deref().unwrap();
        for word in ["parked after 10 failures", "exit code 4", "reload or change"] {
            assert!(reason.contains(word), "{word:?} in {reason:?}");
        }
        assert_eq!(status.last_failure.as_ref().unwrap().exit_code, Some(4), "{status:?}");
        let shown = gateway.cli().ok(&["plugin", "show", "m"]).await;
        assert!(shown.contains("parked") && shown.contains("exit code 4"), "{shown}");
        let answer = gateway.get("/plugins/m/unary/seen").send().await;
        answer.is_error(503, "plugin_unavailable", "plugin");

        eventually("no process is left", async || gateway.processes().is_empty().then_some(()))
            .await;
        let (last, used) = (last_start(&plugin).await, cpu_ticks(gateway.pid()));
        pause(Duration::from_secs(1)).await;
        let used = cpu_ticks(gateway.pid()) - used;
        assert!(used <= 2, "{used} hundredths of a second of processor time in a second");
        assert_eq!(last_start(&plugin).await, last, "no other start");
        assert!(gateway.processes().is_empty(), "{:?}", gateway.processes());
    });
}

#[test]
fn a_reload_wakes_a_parked_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = dies_at_its_start(&gateway, 3).add().await;
        plugin.wait_state(State::Parked).await;
        let last = last_start(&plugin).await;
        plugin.reload().await;
        eventually("another start", async || (last_start(&plugin).await != last).then_some(()))
            .await;
        // It gets as many tries as before.
        let status = plugin.wait_state(State::Parked).await;
        assert!(
            status
                .summary
                .reason
                .as_deref()
                .unwrap_or_default()
                .contains("parked after 3 failures"),
            "{status:?}"
        );
    });
}

#[test]
fn a_changed_plugin_is_parked_no_more() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = dies_at_its_start(&gateway, 2).add().await;
        plugin.wait_state(State::Parked).await;
        plugin.change(&json!({"config": {"slug": "m"}})).await;
        plugin.wait_ready().await;
        gateway.get("/plugins/m/stream/good").send().await.expect(200);
        let status = plugin.status().await;
        assert_eq!((status.summary.state, &status.summary.reason), (State::Ready, &None));
    });
}

#[test]
fn a_plugin_that_dies_again_and_again_while_it_serves_is_parked_too() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway
            .plugin("lab")
            .option("restart.park_after", "3")
            .option("restart.base", "10ms")
            .ready()
            .await;
        for version in [Version::Http1, Version::Http2, Version::Http1] {
            plugin.wait_ready().await;
            let pid = plugin.pid().await;
            let answer = gateway.get("/plugins/lab/crash").version(version).send().await;
            answer.is_error(502, "plugin_broke_off", "plugin");
            plugin.wait_ended(pid).await;
        }
        let status = plugin.wait_state(State::Parked).await;
        assert!(
            status.summary.reason.as_deref().unwrap_or_default().contains("exit code 3"),
            "{status:?}"
        );
    });
}
