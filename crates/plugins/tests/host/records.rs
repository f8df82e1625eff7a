//! What is remembered of processes that ended, and what options change.

use crate::bench::{Bench, With, alive, get, limits, signal, spec, text};
use crate::eventually::becomes_true;
use crate::life::{good, open_call, ready};
use rustix::process::Signal;
use sidegate_model::plugin::{PluginId, PluginOptions, PluginSpec};
use sidegate_model::record::{InstanceRecord, ProcessExit};
use sidegate_model::status::PluginState;
use sidegate_plugins::host::HostLimits;
use std::time::Duration;

fn with_options(mut spec: PluginSpec, options: &[(&str, &str)]) -> PluginSpec {
    let raw = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    spec.options = PluginOptions::parse(&raw.collect()).unwrap();
    spec
}

fn ended(bench: &Bench, id: u32) -> Option<InstanceRecord> {
    bench.host.records(PluginId(id), 200).into_iter().find(|record| record.end.is_some())
}

#[tokio::test]
async fn a_killed_process_leaves_its_signal_its_open_calls_and_its_last_lines() {
    let bench = Bench::new();
    bench.want(good(1).with("start", "talk"));
    let (status, instance) = ready(&bench, 1).await;
    let pid = status.pid.unwrap();
    let running = bench.host.records(PluginId(1), 0).remove(0);
    assert_eq!((running.pid, running.end.as_ref(), running.lines.len()), (Some(pid), None, 0));
    assert!(running.ready_at.is_some() && running.sha256.is_some());
    assert!(status.start_duration.is_some_and(|took| took > Duration::ZERO));

    let call = open_call(&instance, "/hang").await;
    assert_eq!(bench.status(1).unwrap().in_flight, 1);
    signal(pid, Signal::KILL);
    assert!(call.await.unwrap().is_err());
    bench.status_where(1, |s| s.pid.is_some_and(|p| p != pid)).await;
    let record = ended(&bench, 1).unwrap();
    let end = record.end.unwrap();
    assert_eq!((record.pid, end.exit), (Some(pid), Some(ProcessExit::Signal(9))));
    assert_eq!((end.in_flight, end.in_order, end.out_of_memory), (1, false, None));
    assert!(end.reason.contains("signal 9 (SIGKILL)"), "{}", end.reason);
    let line = record.lines.last().unwrap();
    assert_eq!((line.message.as_str(), line.stream), ("about to serve", "stderr"));
    assert!(end.at >= record.started_at && line.at >= record.started_at);
    assert_eq!(bench.status(1).unwrap().in_flight, 0);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn an_exit_code_is_recorded_and_only_the_last_ends_are_kept() {
    let mut limits = limits();
    limits.restart.park_after = 8;
    let bench = Bench::with(limits);
    let command = bench.script("p", "echo 'memory allocation of 7 bytes failed' >&2; exit 3");
    bench.want(spec(1, "s", &command));
    bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert_eq!(bench.pids("p").len(), 8);
    let records = bench.host.records(PluginId(1), 1);
    let pids: Vec<_> = records.iter().filter_map(|record| record.pid).collect();
    assert_eq!(pids, bench.pids("p").into_iter().rev().take(5).collect::<Vec<_>>());
    for record in &records {
        let end = record.end.as_ref().unwrap();
        assert_eq!(end.exit, Some(ProcessExit::Code(3)));
        assert!(end.out_of_memory.as_ref().unwrap().contains("7 bytes"));
        assert_eq!((record.lines.len(), record.ready_at), (1, None));
    }
}

#[tokio::test]
async fn a_process_that_was_given_up_is_recorded_with_why_and_not_with_what_we_did_to_it() {
    let bench = Bench::new();
    let hanging = good(1).with("start", "hang");
    let options = [("initialize_timeout", "200ms"), ("restart.park_after", "1")];
    bench.want(with_options(hanging, &options));
    let status = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert!(status.reason.unwrap().contains("Initialize got no answer within 200ms"));
    let pid = ended(&bench, 1).unwrap().pid.unwrap();
    becomes_true("it is gone", || !alive(pid)).await;
    bench.host.shutdown().await;
    let end = ended(&bench, 1).unwrap().end.unwrap();
    assert_eq!(end.exit, None);
    assert!(end.reason.contains("Initialize") && end.out_of_memory.is_none(), "{}", end.reason);
}

#[tokio::test]
async fn an_end_in_order_is_told_apart_and_records_outlive_a_plugin_that_is_disabled() {
    let bench = Bench::new();
    bench.want(good(1));
    let pid = ready(&bench, 1).await.0.pid;
    bench.set(1, None);
    becomes_true("nothing is left", || bench.status(1).is_none()).await;
    let record = ended(&bench, 1).unwrap();
    assert_eq!((record.pid, record.end.unwrap().in_order), (pid, true));
    bench.want(good(1));
    ready(&bench, 1).await;
    assert_eq!(bench.host.records(PluginId(1), 0).len(), 2);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn options_override_the_limits_of_their_plugin_only() {
    let bench = Bench::with(HostLimits { ping: Duration::from_millis(300), ..limits() });
    bench.want(with_options(good(1), &[("ping_interval", "100ms")]));
    bench.want(good(2));
    let pids = [ready(&bench, 1).await.0.pid.unwrap(), ready(&bench, 2).await.0.pid.unwrap()];
    // Both answer nothing any more; only one is asked often enough to find out.
    pids.into_iter().for_each(|pid| signal(pid, Signal::STOP));
    bench.status_where(1, |s| s.pid.is_some_and(|p| p != pids[0])).await;
    assert_eq!(bench.status(2).unwrap().pid, Some(pids[1]));
    let end = ended(&bench, 1).unwrap().end.unwrap();
    assert!(end.reason.contains("Ping got no answer within 300ms"), "{}", end.reason);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn failed_pings_park_like_any_other_failure() {
    let bench = Bench::new();
    let options =
        [("ping_interval", "50ms"), ("ping_timeout", "200ms"), ("restart.park_after", "2")];
    bench.want(with_options(good(1), &options));
    let first = ready(&bench, 1).await.0.pid.unwrap();
    signal(first, Signal::STOP);
    let second = bench.status_where(1, |s| s.pid.is_some_and(|p| p != first)).await;
    signal(second.pid.unwrap(), Signal::STOP);
    let parked = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert!(parked.reason.unwrap().contains("parked after 2 failures"));
    becomes_true("both are gone", || !alive(first) && !alive(second.pid.unwrap())).await;
}

#[tokio::test]
async fn variables_of_the_operator_reach_the_plugin_and_never_replace_ours() {
    let bench = Bench::new();
    let seen = bench.dir.path().join("seen");
    let body = format!("env > {0}.tmp; mv {0}.tmp {0}; sleep 60", seen.display());
    let command = bench.script("p", &body);
    bench.want(with_options(
        spec(1, "s", &command),
        &[("env.MODE", "a b"), ("env.LANG", "xx"), ("env.HOME", "/h")],
    ));
    becomes_true("it wrote what it sees", || seen.exists()).await;
    let text = std::fs::read_to_string(&seen).unwrap();
    for line in ["MODE=a b", "LANG=xx", "HOME=/h", "AI_STUDIO_PLUGIN=v1"] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in:\n{text}");
    }
}

#[tokio::test]
async fn what_only_the_gateway_heeds_changes_without_another_process() {
    let bench = Bench::new();
    bench.want(good(1));
    let pid = ready(&bench, 1).await.0.pid;
    let options = [("lenient_done", "true"), ("required", "true"), ("drain_deadline", "300ms")];
    let changed = with_options(good(1), &options);
    let revision = bench.want(changed.clone());
    bench.applied(revision).await;
    assert!(bench.mount("s1").unwrap().plugin.options.lenient_done, "live with the answer");
    assert!(bench.status(1).unwrap().required);
    // The new drain deadline holds for the next reload: the open call is cut by it.
    let instance = bench.instance("s1").unwrap();
    assert_eq!(text(get(&instance, "/pid").await.unwrap()), pid.unwrap().to_string());
    let call = open_call(&instance, "/hang").await;
    drop(instance);
    bench.want(changed.reloaded());
    bench.status_where(1, |s| s.pid.is_some() && s.pid != pid).await;
    assert!(call.await.unwrap().is_err());
    becomes_true("the old one is gone", || !alive(pid.unwrap())).await;
    assert_eq!(bench.status(1).unwrap().restarts, 0);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_changed_option_wakes_a_parked_plugin_and_one_for_the_process_starts_another() {
    let bench = Bench::new();
    let command = bench.script("p", "exit 1");
    let parking = |count| with_options(spec(1, "s", &command), &[("restart.park_after", count)]);
    bench.want(parking("1"));
    bench.status_where(1, |s| s.state == PluginState::Parked).await;
    bench.want(parking("2"));
    becomes_true("it was tried again", || bench.pids("p").len() == 3).await;
    bench.want(good(2));
    let pid = ready(&bench, 2).await.0.pid;
    bench.want(with_options(good(2), &[("env.A", "b")]));
    bench.status_where(2, |s| s.pid.is_some() && s.pid != pid).await;
    bench.host.shutdown().await;
}

#[tokio::test]
async fn whether_a_plugin_is_required_is_told_whatever_state_it_is_in() {
    let bench = Bench::new();
    assert!(bench.host.settled_statuses().is_none(), "nothing was wanted yet");
    let command = bench.script("p", "exit 1");
    let required = |id| with_options(spec(id, "s", &command), &[("required", "true")]);
    bench.want(required(1));
    bench.want(required(2));
    let parked = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    let refused = bench.status_where(2, |s| s.state == PluginState::Stopped).await;
    assert!(parked.required && refused.required);
    bench.want(good(3));
    let (instance, call) = {
        let instance = ready(&bench, 3).await.1;
        let call = open_call(&instance, "/sleep").await;
        (instance, call)
    };
    drop(instance);
    bench.want(with_options(good(3), &[("required", "true")]));
    bench.status_where(3, |s| s.required).await;
    bench.set(3, None);
    let draining = bench.status_where(3, |s| s.state == PluginState::Draining).await;
    assert!(!draining.required, "nobody misses what was removed");
    assert!(call.await.unwrap().is_ok());
    bench.host.shutdown().await;
}
