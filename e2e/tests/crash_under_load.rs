//! Processes that die while clients ask: who was being served gets an error, everybody else waits a
//! moment and notices nothing, and nothing is ever asked twice.

use serde_json::json;
use sidegate_api::record::RecordAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{
    Gateway, Load, Plugin, Version, eventually, freeze, kill, lines_of, program, story, within,
};
use std::time::{Duration, Instant};

const CLIENTS: usize = 16;

/// `lab` behind a script that takes its time, so that requests have to wait for its start.
async fn slow_lab(gateway: &Gateway) -> Plugin {
    let lab = program("sidegate-plugin-lab");
    let command = gateway.script("slow-lab", &format!("sleep 0.6; exec {}", lab.display()));
    gateway.plugin("lab").command(&command).ready().await
}

#[test]
fn a_kill_under_load_fails_only_the_calls_in_flight() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let before = plugin.pid().await;
        let load = Load::begin(&gateway, Version::Http1, CLIENTS, "/plugins/r/pid").await;
        let mut streams = Vec::new();
        for version in [Version::Http1, Version::Http2, Version::Http2] {
            let mut stream = gateway.get("/plugins/r/stream").version(version).open().await;
            stream.read_until("begun").await;
            streams.push(stream);
        }
        gateway.get("/plugins/r/print?text=last-words").send().await.expect(200);
        load.answers(1000).await;
        kill(before);
        let killed = Instant::now();
        let after = served_by_another(&gateway, before).await;
        let gap = killed.elapsed();
        assert!(gap < Duration::from_secs(1), "back after {gap:?}");
        load.answers(1000).await;
        let tally = load.end().await;
        assert!(tally.broken.is_empty(), "an answer is never cut: {:#?}", tally.broken);
        let failed = tally.of(502);
        assert_eq!(tally.not_ok(), failed, "{:?} {:#?}", tally.statuses, tally.refusals);
        let late = tally.last_failure_began.map_or(Duration::ZERO, |at| at - killed);
        assert!(late < Duration::from_millis(250), "a request failed that came {late:?} later");
        assert!(tally.worst <= 1, "a client failed {} times", tally.worst);
        assert_eq!(tally.bodies, [before, after].map(|pid| pid.to_string()).into());
        for stream in &mut streams {
            stream.rest().await.expect_err("a clean end");
        }
        is_recorded(&gateway, &plugin, before, failed + streams.len()).await;
    });
}

/// Asks until another process answers; only the very first request may still meet the dead one.
async fn served_by_another(gateway: &Gateway, dead: u32) -> u32 {
    eventually("another process answers", async || {
        let answer = gateway.get("/plugins/r/pid").send().await;
        let pid: Option<u32> = answer.text().parse().ok();
        pid.filter(|pid| *pid != dead)
    })
    .await
}

async fn is_recorded(gateway: &Gateway, plugin: &Plugin, pid: u32, in_flight: usize) {
    let record = plugin.wait_ended(pid).await;
    let found = (record.signal, record.signal_name.as_deref(), record.in_order);
    assert_eq!(found, (Some(9), Some("SIGKILL"), Some(false)), "{record:#?}");
    // One more may have come and gone with the story's own first request after the kill.
    let told = record.in_flight.unwrap() as usize;
    assert!((in_flight..=in_flight + 1).contains(&told), "{told} of {in_flight}: {record:#?}");
    let lines = lines_of(&record);
    assert!(lines.contains("stderr last-words") && lines.contains("stdout last-words"), "{lines}");
    let failure = plugin.status().await.last_failure.unwrap();
    assert_eq!((failure.pid, failure.signal), (Some(pid), Some(9)), "{failure:?}");
    let shown = gateway.cli().ok(&["plugin", "show", "r"]).await;
    assert!(shown.contains("SIGKILL (9)") && shown.contains("stderr last-words"), "{shown}");
    let logs = gateway.cli().ok(&["plugin", "logs", "r"]).await;
    assert!(logs.contains("SIGKILL (9)") && logs.contains("stderr last-words"), "{logs}");
}

#[test]
fn requests_that_come_while_a_plugin_restarts_wait_and_are_answered() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = slow_lab(&gateway).await;
        let before = plugin.pid().await;
        kill(before);
        plugin.wait_for("its end is noticed", |status| status.summary.pid.is_none()).await;
        let connection = gateway.connection(Version::Http2).await;
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..12 {
            let method = ["GET", "POST", "DELETE"][number % 3];
            let request = match number % 2 {
                0 => gateway.request(method, "/plugins/lab/any"),
                _ => connection.request(method, "/plugins/lab/any"),
            };
            waiting.spawn(request.body(format!("body {number}")).send());
        }
        // This client sends no body until it is asked to.
        let mut raw = gateway.raw().await;
        let head = "POST /plugins/lab/any HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n";
        raw.send(format!("{head}Expect: 100-continue\r\n\r\n")).await;
        assert_eq!(raw.interim().await, 100);
        let status = plugin.status().await;
        assert_eq!(
            status.summary.state,
            State::Ready,
            "nobody asks for a body that nobody can take"
        );
        assert_ne!(status.summary.pid, Some(before));
        raw.send("late").await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], "late");
        while let Some(answer) = waiting.join_next().await {
            let echo = answer.unwrap().expect(200).json();
            assert!(echo["body"].as_str().unwrap().starts_with("body "), "{echo}");
        }
        let stats = gateway.get("/plugins/lab/stats").send().await.json();
        assert_eq!(stats["requests"], 14, "each of them arrived once");
    });
}

#[test]
fn requests_wait_two_seconds_and_not_longer() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = slow_lab(&gateway).await;
        let endless = gateway.script("endless", "exec sleep 60");
        plugin.change(&json!({"is_active": false})).await;
        plugin.change(&json!({"is_active": true, "command": endless})).await;
        let begun = Instant::now();
        let answer = gateway.post("/plugins/lab/any").body("x").send().await;
        answer.is_error(503, "plugin_starting", "plugin");
        assert!(answer.header("retry-after").is_some(), "{}", answer.describe());
        let took = begun.elapsed().as_millis();
        assert!((1800..3500).contains(&took), "{took} ms");
    });
}

#[test]
fn a_request_that_a_crash_broke_off_is_never_asked_again() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let before = plugin.pid().await;
        let mut open = tokio::task::JoinSet::new();
        for number in 0..8 {
            let method = ["POST", "GET"][number % 2];
            let version = [Version::Http1, Version::Http2][number / 4];
            let request = gateway.request(method, "/plugins/lab/hang").version(version);
            let request = request.header("x-nonce", format!("nonce-{number}"));
            open.spawn(request.body("precious").send());
        }
        for number in 0..8 {
            eventually("it has arrived", async || seen(&gateway, number).await.then_some(())).await;
        }
        kill(before);
        let killed = Instant::now();
        while let Some(answer) = open.join_next().await {
            answer.unwrap().is_error(502, "plugin_broke_off", "plugin");
        }
        assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
        plugin.wait_other_pid(before).await;
        for number in 0..8 {
            assert!(!seen(&gateway, number).await, "request {number} was asked again");
        }
        assert_eq!(plugin.wait_ended(before).await.in_flight, Some(8));
    });
}

async fn seen(gateway: &Gateway, number: usize) -> bool {
    let path = format!("/plugins/lab/seen?nonce=nonce-{number}");
    gateway.get(&path).send().await.expect(200).json()["seen"] == true
}

#[test]
fn a_process_that_dies_during_a_reload_is_followed_by_the_one_that_starts() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = slow_lab(&gateway).await;
        let before = plugin.pid().await;
        plugin.reload().await;
        eventually("the next one starts", async || {
            let records = plugin.records().await;
            let starts = |record: &&RecordAttributes| record.running && record.pid != Some(before);
            records.iter().find(starts).map(drop)
        })
        .await;
        kill(before);
        plugin.wait_ended(before).await;
        let answer = gateway.get("/plugins/lab/pid").send().await.expect(200);
        assert_eq!(answer.text(), plugin.pid().await.to_string());
        assert_eq!(plugin.records().await.len(), 2, "no third one was started");
    });
}

#[test]
fn an_old_process_that_dies_while_it_drains_harms_only_whom_it_served() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let before = plugin.pid().await;
        let endless = "/plugins/lab/sse?n=inf&interval_ms=20";
        let mut old = gateway.get(endless).open().await;
        old.read_until("\n\n").await;
        plugin.reload().await;
        let after = plugin.wait_other_pid(before).await;
        let load = Load::begin(&gateway, Version::Http1, 4, "/plugins/lab/pid").await;
        let mut new = gateway.get(endless).http2().open().await;
        new.read_until("\n\n").await;
        kill(before);
        old.rest().await.expect_err("a clean end");
        load.answers(200).await;
        new.read_until("\n\n").await;
        let tally = load.end().await;
        tally.is_spotless(200);
        assert_eq!(tally.bodies, [after.to_string()].into());
        let record = plugin.wait_ended(before).await;
        let found = (record.signal, record.in_order, record.in_flight);
        assert_eq!(found, (Some(9), Some(false), Some(1)), "{record:#?}");
        let status = plugin.status().await;
        assert_eq!((status.summary.pid, status.summary.restarts), (Some(after), 0));
    });
}

#[test]
fn a_plugin_that_answers_no_pings_is_replaced() {
    story(async {
        let gateway = Gateway::builder().env("GATEWAY_SHARDS", "1").start().await;
        let plugin = gateway
            .plugin("lab")
            .option("ping_interval", "100ms")
            .option("ping_timeout", "300ms")
            .ready()
            .await;
        let (_, other) =
            (gateway.plugin("r").program("e2e-plugin-routes").ready().await, plugin.pid().await);
        // A request that has not been sent yet would be sent to the next process.
        gateway.get("/plugins/lab/x").send().await.expect(200);
        let hanging = tokio::spawn(gateway.get("/plugins/lab/hang").send());
        plugin.wait_for("it is being asked", |status| status.in_flight == 1).await;
        freeze(other);
        let frozen = Instant::now();
        let after = plugin.wait_other_pid(other).await;
        assert!(frozen.elapsed() < Duration::from_secs(4), "{:?}", frozen.elapsed());
        hanging.await.unwrap().is_error(502, "plugin_broke_off", "plugin");
        let answer = gateway.get("/plugins/lab/pid").send().await.expect(200);
        assert_eq!(answer.text(), after.to_string());
        assert_eq!(plugin.status().await.summary.restarts, 1);
        let record = plugin.wait_ended(other).await;
        assert!(record.reason.as_deref().unwrap_or_default().contains("Ping"), "{record:#?}");
        assert_eq!(record.in_flight, Some(1), "{record:#?}");
        eventually("the frozen one is gone", async || {
            (!sidegate_e2e::is_alive(other)).then_some(())
        })
        .await;
        gateway.get("/plugins/r/exact").send().await.expect(200);
    });
}

#[test]
fn a_plugin_that_hangs_at_its_start_delays_nobody() {
    story(async {
        let gateway = Gateway::start().await;
        let hangs = |name: &str| {
            gateway.plugin(name).program("e2e-plugin-misbehave").config("start", "hang")
        };
        let stuck = [hangs("a").add().await, hangs("b").add().await, hangs("c").add().await];
        let start = async {
            gateway.lab().await;
            gateway.get("/plugins/lab/x").send().await.expect(200);
            gateway.get("/health").send().await.expect(200);
            gateway.get("/ready").send().await.expect(200);
        };
        within(Duration::from_secs(3), "the start of another plugin", start).await;
        for plugin in &stuck {
            assert_eq!(plugin.status().await.summary.state, State::Starting);
        }
        // One that hangs can be taken away as well.
        let [first, ..] = stuck;
        within(Duration::from_secs(3), "its removal", first.remove()).await;
        gateway.get("/plugins/a/unary/seen").send().await.expect(404);
    });
}
