//! What operators read in the gateway's log of their plugins, at the usual level.

use serde_json::Value;
use sidegate_e2e::{Gateway, Plugin, eventually, kill, story};

async fn gateway() -> Gateway {
    Gateway::builder().env("LOG_LEVEL", "info").env("LOG_FORMAT", "json").start().await
}

async fn routes(gateway: &Gateway) -> Plugin {
    gateway.plugin("r").program("e2e-plugin-routes").ready().await
}

/// The log so far, line by line.
fn log(gateway: &Gateway) -> Vec<Value> {
    gateway.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until so many lines hold a text, and gives them.
async fn lines_with(gateway: &Gateway, text: &str, count: usize) -> Vec<Value> {
    eventually(text, async || {
        let found: Vec<_> =
            log(gateway).into_iter().filter(|line| line.to_string().contains(text)).collect();
        (found.len() >= count).then_some(found)
    })
    .await
}

#[test]
fn plain_lines_of_plugins_are_seen() {
    story(async {
        let gateway = gateway().await;
        routes(&gateway).await;
        gateway.get("/plugins/r/print?text=plainly-said").send().await.expect(200);
        for stream in ["stdout", "stderr"] {
            let text = format!("\"{stream} plainly-said\"");
            let line = lines_with(&gateway, &text, 1).await.remove(0);
            assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"plugin".into()));
            assert_eq!((&line["plugin"], &line["stream"]), (&"r".into(), &stream.into()));
        }
    });
}

#[test]
fn one_panic_of_a_handler_is_one_error_that_names_its_request() {
    story(async {
        let gateway = gateway().await;
        routes(&gateway).await;
        let answer = gateway.get("/plugins/r/panic").send().await.expect(502);
        let request_id = answer.header("x-request-id").unwrap();
        let access = lines_with(&gateway, "gRPC status 13", 1).await.remove(0);
        assert!(access.to_string().contains("the handler panicked; the plugin's"), "{access}");
        lines_with(&gateway, "panic: on purpose", 1).await;
        let errors = log(&gateway).into_iter().filter(|line| line["level"] == "ERROR");
        let errors: Vec<_> = errors.filter(|line| line["target"] == "plugin").collect();
        let [error] = errors.as_slice() else { panic!("{errors:#?}") };
        assert_eq!(error["request_id"], request_id, "{error}");
        assert!(error["fields"].as_str().unwrap().starts_with("{\"place\":"), "{error}");
    });
}

#[test]
fn a_death_is_one_warning_with_all_there_is_to_know() {
    story(async {
        let gateway = gateway().await;
        let plugin = routes(&gateway).await;
        let pid = plugin.pid().await;
        kill(pid);
        plugin.wait_other_pid(pid).await;
        lines_with(&gateway, "plugin failed", 1).await;
        let of_plugins = |line: &Value| line["level"] == "WARN" && line["plugin"] == "r";
        let warnings: Vec<_> = log(&gateway).into_iter().filter(of_plugins).collect();
        let [warning] = warnings.as_slice() else { panic!("{warnings:#?}") };
        let expected = [
            ("message", Value::from("plugin failed")),
            ("plugin", "r".into()),
            ("pid", pid.into()),
            ("state", "starting".into()),
            ("restarts", 1.into()),
            ("in_flight", 0.into()),
        ];
        for (name, value) in expected {
            assert_eq!(warning[name], value, "{name}: {warning}");
        }
        assert!(warning["reason"].as_str().unwrap().contains("signal"), "{warning}");
    });
}

#[test]
fn how_much_a_plugin_logs_is_up_to_its_operator() {
    story(async {
        let gateway = Gateway::builder().env("LOG_FORMAT", "json").start().await;
        let quiet = routes(&gateway).await;
        let talkative = gateway.plugin("t").program("e2e-plugin-routes");
        talkative.option("env.PLUGIN_LOG_LEVEL", "debug").ready().await;
        let environment = gateway.get("/plugins/r/environment").send().await.json();
        assert_eq!(environment["PLUGIN_LOG_LEVEL"], Value::Null);
        for name in ["r", "t"] {
            let path = format!("/plugins/{name}/panic");
            gateway.get(&path).send().await.expect(502);
        }
        // Told at debug, because the panic itself was told before.
        let told = lines_with(&gateway, "only this request failed", 1).await;
        assert!(told.iter().all(|line| line["plugin"] == "t"), "{told:#?}");
        quiet.remove().await;
    });
}
