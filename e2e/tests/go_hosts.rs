//! Plugins in Rust serve under hosts in Go: the library starts them, speaks to them and ends them as
//! it would any other.

use serde_json::{Value, json};
use sidegate_e2e::{Go, Library, go_story, program};
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// Starts a plugin under a host in Go and gives what the host saw.
async fn seen(go: Go, library: Library, mtls: bool, plugin: &Path, steps: &[&str]) -> Value {
    let mut command = Command::new(go.program(library, "host"));
    command.args(mtls.then_some("-mtls")).arg(plugin).args(steps);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("the host can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{library:?} mtls {mtls}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Every kind of host.
const HOSTS: [(Library, bool); 4] =
    [(Library::Today, false), (Library::Today, true), (Library::Old, false), (Library::Old, true)];

#[test]
fn the_example_plugin_serves_under_a_host_in_go() {
    go_story(async |go| {
        let echo = program("sidegate-plugin-echo");
        for (library, mtls) in HOSTS {
            let seen = seen(go, library, mtls, &echo, &["GET /a/b?x=1", "GET /"]).await;
            for (field, value) in [
                ("protocol", json!("grpc")),
                ("version", json!(1)),
                ("health", json!("SERVING")),
                ("healthy", json!(true)),
                ("initialized", json!(true)),
                ("registrations", json!(["/*"])),
                ("session", json!("EXPLICIT_CLOSE")),
                ("exited", json!(true)),
            ] {
                assert_eq!(seen[field], value, "{field} with {library:?} mtls {mtls}");
            }
            assert!(seen["manifest"].as_str().unwrap().contains("custom_endpoint"));
            let step = &seen["steps"][0];
            assert_eq!((&step["status"], &step["error"]), (&json!(200), &json!("")), "{step}");
            assert_eq!(step["headers"]["Content-Type"], "application/json", "{step}");
            let body: Value = serde_json::from_str(step["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["path_segments"], json!(["a", "b"]));
            assert_eq!(body["query_string"], "x=1");
            assert!(seen["kill_ms"].as_u64().unwrap() < 1500, "it ends when told: {seen}");
        }
    });
}

#[test]
fn streams_of_a_plugin_in_rust_reach_a_host_in_go_whole() {
    go_story(async |go| {
        let lab = program("sidegate-plugin-lab");
        let steps = [
            "STREAM /sse?n=3&interval_ms=1&id=whole",
            "LEAVE /sse?n=1000&interval_ms=20&id=left",
            "GET /fail",
            "GET /panic",
            "AWAIT /stats \"active\":0",
        ];
        for (library, mtls) in HOSTS {
            let seen = seen(go, library, mtls, &lab, &steps).await;
            let [whole, left, fail, panic, stats] =
                [0, 1, 2, 3, 4].map(|number| &seen["steps"][number]);
            assert_eq!(whole["chunks"], json!(["HEADERS", "BODY", "BODY", "BODY", "DONE"]));
            assert_eq!(whole["headers"]["Content-Type"], "text/event-stream", "{whole}");
            assert_eq!(left["chunks"], json!(["HEADERS", "BODY"]), "{left}");
            assert!(fail["error"].as_str().unwrap().contains("rpc error"), "{fail}");
            assert!(panic["error"].as_str().unwrap().contains("Internal"), "{panic}");
            let stats: Value = serde_json::from_str(stats["body"].as_str().unwrap()).unwrap();
            assert_eq!(stats["streams"]["opened"], 2, "{stats}");
        }
    });
}

#[test]
fn a_plugin_in_rust_reaches_the_services_of_a_host_in_go() {
    go_story(async |go| {
        let lab = program("sidegate-plugin-lab");
        let steps = ["GET /kv/key", "PUT /kv/key value", "GET /kv/key", "PUT /kv/other 1"];
        for (library, mtls) in HOSTS {
            let seen = seen(go, library, mtls, &lab, &steps).await;
            let statuses: Vec<_> = (0..4).map(|step| &seen["steps"][step]["status"]).collect();
            assert_eq!(statuses, [404, 200, 200, 200], "{library:?} mtls {mtls}: {seen}");
            assert_eq!(seen["steps"][2]["body"], "value");
            assert_eq!(seen["written"], json!({"key": "value", "other": "1"}));
            assert_eq!(seen["callers"], json!([42, 42]), "it says who it is");
        }
    });
}
