//! The page's table of lifecycle events: what becomes of a plugin's routes, and of open requests.

use serde_json::json;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Plugin, Version, eventually, is_alive, kill, story};

async fn routes(gateway: &Gateway) -> Plugin {
    gateway.plugin("r").program("e2e-plugin-routes").ready().await
}

async fn status(gateway: &Gateway, path: &str) -> u16 {
    gateway.get(path).send().await.status.as_u16()
}

async fn serves(gateway: &Gateway, path: &str) {
    eventually("it serves", async || (status(gateway, path).await == 200).then_some(())).await;
}

#[test]
fn a_loaded_plugin_has_its_routes_as_soon_as_it_is_ready() {
    story(async {
        let gateway = Gateway::start().await;
        assert_eq!(status(&gateway, "/plugins/r/exact").await, 404);
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").add().await;
        plugin.wait_ready().await;
        assert_eq!(status(&gateway, "/plugins/r/exact").await, 200);
        let status = plugin.status().await;
        assert!(
            status.summary.ready_since.is_some() && status.summary.reason.is_none(),
            "{status:?}"
        );
        assert!(gateway.plugin_pids().contains(&plugin.pid().await));
    });
}

#[test]
fn a_deactivated_plugin_loses_its_routes_and_its_process() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let pid = plugin.pid().await;
        plugin.change(&json!({"is_active": false})).await;
        assert_eq!(status(&gateway, "/plugins/r/exact").await, 404, "with the very next request");
        eventually("its process is gone", async || (!is_alive(pid)).then_some(())).await;
        plugin.wait_state(State::Stopped).await;
        assert_eq!(gateway.admin().get("routes").await, json!([]));
        plugin.change(&json!({"is_active": true})).await;
        plugin.wait_ready().await;
        assert_eq!(status(&gateway, "/plugins/r/exact").await, 200);
    });
}

#[test]
fn a_deleted_plugin_loses_its_routes_and_is_forgotten() {
    story(async {
        let gateway = Gateway::start().await;
        let (plugin, other) = (routes(&gateway).await, gateway.lab().await);
        let pid = plugin.pid().await;
        plugin.remove().await;
        assert_eq!(status(&gateway, "/plugins/r/exact").await, 404);
        assert_eq!(status(&gateway, "/plugins/lab/x").await, 200, "others keep theirs");
        eventually("its process is gone", async || (!is_alive(pid)).then_some(())).await;
        let path = format!("plugins/{}", plugin.id);
        assert_eq!(gateway.admin().call("GET", &path, None).await.0, 404);
        assert!(gateway.plugin_pids().contains(&other.pid().await));
    });
}

#[test]
fn a_reload_swaps_the_process_and_loses_no_request() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let before = plugin.pid().await;
        let connection = gateway.connection(Version::Http2).await;
        let slow = connection.clone();
        let slow = tokio::spawn(async move {
            slow.request("GET", "/plugins/lab/sleep?ms=1000").send().await.expect(200);
        });
        let mut stream =
            connection.request("GET", "/plugins/lab/sse?n=60&interval_ms=25").open().await;
        stream.read_until("\n\n").await;
        plugin.reload().await;
        let after = loop {
            // Asked without a pause: there is no moment without an answer.
            let answer = connection.request("GET", "/plugins/lab/pid").send().await.expect(200);
            let pid: u32 = answer.text().trim().parse().unwrap();
            if pid != before {
                break pid;
            }
        };
        assert_eq!(plugin.wait_other_pid(before).await, after);
        slow.await.unwrap();
        let rest = stream.rest().await.unwrap();
        assert!(String::from_utf8_lossy(&rest).contains("\"i\":59"), "the stream ends well");
        eventually("the old process is gone", async || (!is_alive(before)).then_some(())).await;
        assert_eq!(plugin.status().await.summary.restarts, 0, "a reload is no failure");
    });
}

#[test]
fn a_reload_that_fails_leaves_the_old_process_serving() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        let before = plugin.pid().await;
        plugin.change(&json!({"config": {"slug": "m", "start": "refuse"}})).await;
        let warned = |status: &WholeStatusAttributes| {
            status.summary.warnings.join("\n").contains("refused on purpose")
        };
        let status = plugin.wait_for("a warning about the failure", warned).await;
        assert_eq!((status.summary.state, status.summary.pid), (State::Ready, Some(before)));
        gateway.get("/plugins/m/stream/good").send().await.expect(200);
        plugin.change(&json!({"config": {"slug": "m"}})).await;
        plugin.wait_other_pid(before).await;
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
    });
}

#[test]
fn a_changed_configuration_and_slug_arrive_without_a_restart_of_the_gateway() {
    story(async {
        let gateway = Gateway::start().await;
        let builder = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin =
            builder.config("a", "1").config("n", 5).config("l", json!(["x"])).ready().await;
        let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
        assert_eq!((&config["a"], &config["n"]), (&json!("1"), &json!("5")));
        assert_eq!(config["l"], "[\"x\"]");
        assert_eq!(config["slug"], "r");
        plugin.change(&json!({"config": {"slug": "moved", "a": "2"}})).await;
        serves(&gateway, "/plugins/moved/config").await;
        let config = gateway.get("/plugins/moved/config").send().await.expect(200).json();
        assert_eq!(config, json!({"slug": "moved", "a": "2"}));
        assert_eq!(status(&gateway, "/plugins/r/config").await, 404);
    });
}

#[test]
fn options_for_the_gateway_never_reach_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").option("pass_token", "true");
        plugin.ready().await;
        let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
        assert_eq!(config, json!({"slug": "r"}));
        let (status, reason) = gateway
            .plugin("x")
            .program("e2e-plugin-routes")
            .option("pass-token", "true")
            .refused()
            .await;
        assert_eq!(status, 400);
        assert!(reason.contains("pass_token"), "it names the known ones: {reason}");
    });
}

#[test]
fn a_crashed_plugin_is_started_again_and_gets_its_routes_back() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let pid = plugin.pid().await;
        kill(pid);
        let after = plugin.wait_other_pid(pid).await;
        assert_eq!(plugin.status().await.summary.restarts, 1);
        let answer = gateway.get("/plugins/r/pid").send().await.expect(200);
        assert_eq!(answer.text(), after.to_string());
    });
}

#[test]
fn everything_is_served_again_after_a_restart_of_the_gateway() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let token =
            gateway.app("a").metadata(json!({"k": "v"})).create().await.token().create().await;
        let pids = gateway.plugin_pids();
        let gateway = gateway.restart().await;
        assert!(!pids.into_iter().any(is_alive));
        eventually("the plugin serves", async || {
            let answer = gateway.get("/plugins/lab/x").bearer(&token).send().await;
            // While it starts it is unavailable, and never unknown.
            assert_ne!(answer.status, 404, "{}", answer.describe());
            (answer.status == 200).then(|| assert_eq!(answer.json()["app"]["metadata"]["k"], "v"))
        })
        .await;
        gateway.get("/plugins/lab/x").send().await.is_error(401, "unauthorized", "client");
    });
}

#[test]
fn requests_that_are_open_when_the_gateway_stops_may_finish() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "10s").start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let connection = gateway.connection(version).await;
            let mut stream =
                connection.request("GET", "/plugins/lab/sse?n=30&interval_ms=30").open().await;
            stream.read_until("\n\n").await;
            if version == Version::Http2 {
                gateway.begin_to_stop();
            }
            let rest = stream.rest().await.unwrap();
            assert!(String::from_utf8_lossy(&rest).contains("\"i\":29"), "{version:?}");
        }
        gateway.stop();
        assert!(tokio::net::TcpStream::connect(gateway.addr()).await.is_err());
    });
}

#[test]
fn a_stream_that_outlasts_the_stop_is_cut_with_an_error_and_no_process_is_left() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "300ms").start().await;
        gateway.lab().await;
        routes(&gateway).await;
        gateway.plugin("m").program("e2e-plugin-misbehave").config("start", "hang").add().await;
        let flood = "/plugins/lab/stream-bytes/10000000000?piece=1";
        let mut stream = gateway.get(flood).open().await;
        stream.next().await.unwrap();
        eventually("all three run", async || (gateway.plugin_pids().len() >= 3).then_some(()))
            .await;
        let pids = gateway.plugin_pids();
        gateway.begin_to_stop();
        stream.rest().await.expect_err("a clean end");
        gateway.stop();
        assert!(!pids.into_iter().any(is_alive));
    });
}

#[test]
fn many_plugins_start_at_the_same_time() {
    story(async {
        let gateway = Gateway::start().await;
        let mut plugins = Vec::new();
        for i in 0..12 {
            let plugin = gateway.plugin(&format!("p{i}")).program("e2e-plugin-routes");
            plugins.push(plugin.add().await);
        }
        for (i, plugin) in plugins.iter().enumerate() {
            plugin.wait_ready().await;
            serves(&gateway, &format!("/plugins/p{i}/exact")).await;
        }
    });
}
