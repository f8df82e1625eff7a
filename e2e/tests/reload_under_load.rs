//! Reloads while clients ask and streams are open: nobody notices, whether the new process comes up
//! or not.

use serde_json::{Value, json};
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{
    Gateway, Load, Pace, Plugin, Stream, Streams, Version, eventually, is_alive, program, story,
};
use std::collections::BTreeSet;

/// How many times it is reloaded.
const RELOADS: usize = 10;
/// How many requests have to be made meanwhile.
const REQUESTS: usize = 3000;
const SHORT: Pace = Pace { events: 20, interval_ms: 25 };
const LONG: Pace = Pace { events: 80, interval_ms: 25 };

/// Sixteen keep-alive connections over HTTP/1.1, and as many clients over HTTP/2.
async fn clients(gateway: &Gateway) -> Load {
    let mut load = Load::begin(gateway, Version::Http1, 16, "/plugins/lab/pid").await;
    load.add(gateway, Version::Http2, 16, "/plugins/lab/pid").await;
    load
}

async fn streams(gateway: &Gateway) -> Streams {
    let mut streams = Streams::none();
    for version in [Version::Http1, Version::Http2] {
        streams.add(gateway, version, 5, SHORT).await;
        streams.add(gateway, version, 5, LONG).await;
    }
    streams
}

#[test]
fn ten_reloads_under_load_cost_no_request_and_no_stream() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let mut pids = vec![plugin.pid().await];
        let (load, streams) = (clients(&gateway).await, streams(&gateway).await);
        let slow = Load::begin(&gateway, Version::Http1, 4, "/plugins/lab/sleep?ms=40").await;
        for _ in 0..RELOADS {
            load.answers(REQUESTS / RELOADS).await;
            plugin.reload().await;
            pids.push(plugin.wait_other_pid(*pids.last().unwrap()).await);
        }
        load.answers(REQUESTS / RELOADS).await;
        let tally = load.end().await;
        tally.is_spotless(REQUESTS);
        slow.end().await.is_spotless(100);
        streams.end().await.is_spotless(20);
        let distinct: BTreeSet<_> = pids.iter().map(u32::to_string).collect();
        assert_eq!(distinct.len(), RELOADS + 1, "each one is another process: {pids:?}");
        assert_eq!(tally.bodies, distinct, "each one answered");
        let current = pids.pop().unwrap();
        eventually("the old ones are gone after their drain", async || {
            (!pids.iter().copied().any(is_alive)).then_some(())
        })
        .await;
        let status = plugin.status().await;
        let found = (status.summary.pid, status.summary.restarts);
        assert_eq!(found, (Some(current), 0), "{status:?}");
        assert_eq!(status.summary.warnings, [""; 0]);
        let ended = plugin.records().await.into_iter().filter(|record| !record.running);
        for record in ended {
            assert_eq!((record.in_order, record.in_flight), (Some(true), Some(0)));
        }
    });
}

/// What can go wrong with the next process: the changed fields, and a word of what is said of it.
fn broken_programs(gateway: &Gateway) -> Vec<(&'static str, Value, &'static str)> {
    let misbehave = format!("file://{}", program("e2e-plugin-misbehave").display());
    let garbage = gateway.script("garbage", "echo 'this is no first line'; exec sleep 60");
    let silent = gateway.script("silent", "exec sleep 60");
    let brief = json!({"start_timeout": "300ms", "initialize_timeout": "300ms"});
    let starting = |how: &str| {
        json!({
            "command": misbehave, "config": {"slug": "lab", "start": how}, "options": brief,
        })
    };
    let running = |command: &str| json!({"command": command, "options": brief});
    vec![
        ("is not there", running("file:///nonexistent"), "/nonexistent"),
        ("exits", running("file:///bin/false"), "exit code 1"),
        ("prints garbage", running(&garbage), "no first line"),
        ("is silent", running(&silent), "300ms"),
        ("dies while it is initialised", starting("crash"), "exit code 4"),
        ("refuses its configuration", starting("refuse"), "refused on purpose"),
        ("hangs while it is initialised", starting("hang"), "Initialize"),
    ]
}

#[test]
fn a_reload_to_a_program_that_does_not_start_costs_nothing_and_says_why() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let good = format!("file://{}", program("sidegate-plugin-lab").display());
        let before = plugin.pid().await;
        let (load, streams) = (clients(&gateway).await, streams(&gateway).await);
        for (what, fields, word) in broken_programs(&gateway) {
            plugin.change(&fields).await;
            let told =
                |status: &WholeStatusAttributes| status.summary.warnings.join("\n").contains(word);
            let status = plugin.wait_for(&format!("a warning: it {what}, {word}"), told).await;
            let found = (status.summary.state, status.summary.pid, status.summary.restarts);
            assert_eq!(found, (State::Ready, Some(before), 0), "{what}: {status:?}");
        }
        let shown = gateway.cli().ok(&["plugin", "show", "lab"]).await;
        assert!(shown.contains("reload failed") && shown.contains("Initialize"), "{shown}");
        load.answers(REQUESTS / 10).await;
        plugin.change(&json!({"command": good, "config": {"slug": "lab"}, "options": {}})).await;
        let after = plugin.wait_other_pid(before).await;
        load.answers(REQUESTS / 10).await;
        let tally = load.end().await;
        tally.is_spotless(1000);
        assert_eq!(tally.bodies, [before, after].map(|pid| pid.to_string()).into());
        streams.end().await.is_spotless(20);
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
        eventually("nothing else is left", async || {
            (gateway.plugin_pids() == [after]).then_some(())
        })
        .await;
    });
}

/// Holds a stream open on the process that serves.
async fn held(gateway: &Gateway) -> Stream {
    let mut stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=20").open().await;
    stream.read_until("\n\n").await;
    stream
}

async fn reload(plugin: &Plugin) -> u32 {
    let before = plugin.pid().await;
    plugin.reload().await;
    plugin.wait_other_pid(before).await
}

#[test]
fn reloads_wait_visibly_rather_than_cut_streams() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let mut streams = vec![held(&gateway).await];
        let mut serving = plugin.pid().await;
        let warning = loop {
            plugin.reload().await;
            let next = plugin
                .wait_for("another process, or a word on why not", |status| {
                    status.summary.pid != Some(serving) || !status.summary.warnings.is_empty()
                })
                .await;
            if next.summary.pid == Some(serving) {
                break next.summary.warnings.join("\n");
            }
            serving = plugin.pid().await;
            streams.push(held(&gateway).await);
            assert!(streams.len() < 30, "the number of old processes has a bound");
        };
        assert!(warning.contains("waits"), "{warning}");
        let processes = gateway.plugin_pids().len();
        assert_eq!(processes, streams.len(), "each of them has a stream");
        // Further ones are one with the one that waits.
        plugin.reload().await;
        plugin.reload().await;
        assert_eq!(plugin.pid().await, serving);
        for stream in &mut streams {
            stream.read_until("\n\n").await;
        }
        streams.remove(0);
        let last = plugin.wait_other_pid(serving).await;
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
        for stream in &mut streams {
            stream.read_until("\n\n").await;
        }
        drop(streams);
        eventually("only the last one is left", async || {
            (gateway.plugin_pids() == [last]).then_some(())
        })
        .await;
    });
}

#[test]
fn an_old_process_drains_no_longer_than_its_deadline() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").option("drain_deadline", "400ms").ready().await;
        let before = plugin.pid().await;
        let mut stream = held(&gateway).await;
        reload(&plugin).await;
        let rest = stream.rest().await.expect("events end in order");
        assert!(rest.ends_with(b"\n\n"));
        eventually("the old one is gone", async || (!is_alive(before)).then_some(())).await;
        let record = plugin.wait_ended(before).await;
        assert_eq!((record.in_order, record.in_flight), (Some(true), Some(0)));
    });
}

#[test]
fn a_program_that_was_built_anew_runs_after_a_reload() {
    story(async {
        let gateway = Gateway::start().await;
        let path = gateway.folder().join("program");
        std::fs::copy(program("e2e-plugin-routes"), &path).unwrap();
        let command = format!("file://{}", path.display());
        let plugin = gateway.plugin("r").command(&command).ready().await;
        gateway.get("/plugins/r/exact").send().await.expect(200);
        let before = plugin.status().await.instance.unwrap().sha256.unwrap();
        // As a linker does it: the running file is not written to.
        std::fs::copy(program("sidegate-plugin-lab"), path.with_extension("new")).unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
        reload(&plugin).await;
        let after = plugin.status().await.instance.unwrap().sha256.unwrap();
        assert_ne!(before, after);
        let echo = gateway.get("/plugins/r/exact").send().await.expect(200).json();
        assert_eq!(echo["relative_path"], "/exact");
    });
}
