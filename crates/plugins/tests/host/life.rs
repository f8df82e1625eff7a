//! A good plugin's life: ready, crashed and back, reloaded, removed, stopped.

use crate::bench::{Bench, With, alive, example, get, limits, signal, spec, text};
use crate::eventually::becomes_true;
use rustix::process::Signal;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_plugins::host::HostLimits;
use sidegate_plugins::{Instance, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

fn subject() -> String {
    format!("file://{}", example("host_subject").display())
}

pub(crate) fn good(id: u32) -> PluginSpec {
    spec(id, &format!("s{id}"), &subject())
}

pub(crate) async fn ready(bench: &Bench, id: u32) -> (PluginStatus, Arc<Instance>) {
    let status = bench.status_where(id, |s| s.state == PluginState::Ready).await;
    (status, bench.instance(&format!("s{id}")).unwrap())
}

/// A call that is open when this returns.
pub(crate) async fn open_call(
    instance: &Arc<Instance>,
    path: &'static str,
) -> JoinHandle<Result<String, String>> {
    // A call that still waits for its connection would not break with the process.
    let _ = get(instance, "/connected").await;
    let called = instance.clone();
    let call = tokio::spawn(async move { get(&called, path).await.map(text) });
    becomes_true("the call is open", || instance.in_flight() == 1).await;
    call
}

#[tokio::test]
async fn a_plugin_becomes_ready_and_answers() {
    let bench = Bench::new();
    bench.want(good(1));
    let (status, instance) = ready(&bench, 1).await;
    assert_eq!(status.reason, None);
    assert_eq!(status.warnings, Vec::<String>::new());
    assert_eq!(status.endpoints.len(), 4);
    assert!(status.ready_since.is_some());
    let pid = text(get(&instance, "/pid").await.unwrap());
    assert_eq!(pid, status.pid.unwrap().to_string());
    bench.host.shutdown().await;
}

#[tokio::test]
async fn the_end_is_orderly_and_leaves_nothing() {
    let bench = Bench::new();
    let farewell = bench.dir.path().join("farewell");
    bench.want(good(1).with("farewell", farewell.to_str().unwrap()));
    bench.want(good(2));
    let pids = [ready(&bench, 1).await.0.pid.unwrap(), ready(&bench, 2).await.0.pid.unwrap()];
    bench.host.shutdown().await;
    assert!(!pids.into_iter().any(alive));
    assert_eq!(std::fs::read_to_string(&farewell).unwrap(), "shut down in order");
    assert_eq!(bench.private_dirs(), 0);
    assert!(bench.mount("s1").is_none());
}

#[tokio::test]
async fn a_killed_plugin_fails_open_calls_at_once_and_is_back_at_once() {
    let bench = Bench::new();
    bench.want(good(1));
    let (status, instance) = ready(&bench, 1).await;
    let call = open_call(&instance, "/hang").await;
    let pid = status.pid.unwrap();
    let killed = std::time::Instant::now();
    signal(pid, Signal::KILL);
    assert!(call.await.unwrap().is_err());
    let again = bench.status_where(1, |s| s.pid.is_some_and(|p| p != pid)).await;
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    assert_eq!((again.restarts, again.state), (1, PluginState::Ready));
    let answer = get(&bench.instance("s1").unwrap(), "/pid").await.unwrap();
    assert_eq!(text(answer), again.pid.unwrap().to_string());
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_crashed_plugin_keeps_its_endpoints_known() {
    let mut limits = limits();
    limits.restart.park_after = 1;
    let bench = Bench::with(limits);
    bench.want(good(1));
    let (status, _) = ready(&bench, 1).await;
    signal(status.pid.unwrap(), Signal::KILL);
    let status = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert!(status.reason.unwrap().contains("ended by signal 9"));
    let mount = bench.mount("s1").unwrap();
    assert!(matches!(mount.target, Target::Unavailable));
    assert_eq!(mount.endpoints.endpoints().len(), 4);
}

#[tokio::test]
async fn a_plugin_that_answers_no_pings_is_replaced() {
    let bench = Bench::with(HostLimits {
        ping: Duration::from_millis(300),
        ping_every: Duration::from_millis(100),
        ..limits()
    });
    bench.want(good(1));
    let pid = ready(&bench, 1).await.0.pid.unwrap();
    signal(pid, Signal::STOP);
    bench.status_where(1, |s| s.pid.is_some_and(|p| p != pid)).await;
    becomes_true("the old one is gone", || !alive(pid)).await;
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_reload_swaps_processes_and_the_old_one_finishes_its_calls() {
    let bench = Bench::new();
    bench.want(good(1));
    let (before, instance) = ready(&bench, 1).await;
    let call = open_call(&instance, "/sleep").await;
    drop(instance);
    let old = before.pid.unwrap();
    bench.want(good(1).reloaded());
    let after = bench.status_where(1, |s| s.pid.is_some_and(|p| p != old)).await;
    assert_eq!(after.restarts, 0);
    assert!(alive(old), "the old one still answers");
    assert_eq!(call.await.unwrap(), Ok(old.to_string()));
    becomes_true("the old one is gone", || !alive(old)).await;
    assert_eq!(bench.status(1).unwrap().pid, after.pid);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn no_call_fails_through_reloads() {
    let bench = Arc::new(Bench::new());
    bench.want(good(1));
    ready(&bench, 1).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let caller = tokio::spawn({
        let bench = bench.clone();
        async move {
            let mut answered = 0;
            while !*stopped.borrow() {
                // As the edge does: one generation, then the call.
                let generation = bench.host.generations().load();
                let Target::Ready(instance) = &generation.mount("s1").unwrap().target else {
                    panic!("no instance serves")
                };
                get(instance, "/pid").await.unwrap();
                answered += 1;
            }
            answered
        }
    });
    let mut spec = good(1);
    for _ in 0..4 {
        let pid = bench.status(1).unwrap().pid;
        spec = spec.reloaded();
        bench.want(spec.clone());
        bench.status_where(1, |s| s.pid.is_some() && s.pid != pid).await;
    }
    stop.send_replace(true);
    assert!(caller.await.unwrap() > 0);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_failed_reload_leaves_the_old_instance_serving_and_says_why() {
    let bench = Bench::new();
    bench.want(good(1));
    let pid = ready(&bench, 1).await.0.pid;
    for (start, words) in [
        ("refuse", "refused its configuration: "),
        ("crash", "exit code 4; its last words: cannot go on"),
    ] {
        bench.want(good(1).with("start", start));
        let status = bench.status_where(1, |s| s.warnings.iter().any(|w| w.contains(words))).await;
        assert_eq!((status.state, status.pid), (PluginState::Ready, pid));
        assert!(status.reload_failure.is_some_and(|reason| reason.contains(words)));
        assert!(get(&bench.instance("s1").unwrap(), "/pid").await.is_ok());
    }
    bench.want(good(1).reloaded());
    let status = bench.status_where(1, |s| s.pid.is_some() && s.pid != pid).await;
    assert_eq!((status.warnings, status.reload_failure), (Vec::new(), None));
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_that_hangs_in_initialize_delays_nobody_and_is_ended_at_its_deadline() {
    let bench = Bench::with(HostLimits {
        initialize: Duration::from_secs(1),
        concurrent_starts: 1,
        start_slot: Duration::from_millis(50),
        ..limits()
    });
    bench.want(good(1).with("start", "hang"));
    bench.want(good(2));
    ready(&bench, 2).await;
    let status = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert!(status.reason.unwrap().contains("Initialize got no answer within 1s"));
    assert!(get(&bench.instance("s2").unwrap(), "/pid").await.is_ok());
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_removed_plugin_loses_its_routes_at_once_and_finishes_its_calls() {
    let bench = Bench::new();
    bench.want(good(1));
    let (status, instance) = ready(&bench, 1).await;
    let call = open_call(&instance, "/sleep").await;
    drop(instance);
    let revision = bench.set(1, None);
    bench.applied(revision).await;
    assert!(bench.mount("s1").is_none());
    bench.status_where(1, |s| s.state == PluginState::Draining).await;
    assert!(call.await.unwrap().is_ok());
    becomes_true("nothing is left", || bench.status(1).is_none()).await;
    assert!(!alive(status.pid.unwrap()));
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_deadline_is_ended_with_its_process() {
    let bench = Bench::with(HostLimits { drain: Duration::from_millis(300), ..limits() });
    bench.want(good(1));
    let (status, instance) = ready(&bench, 1).await;
    let call = open_call(&instance, "/hang").await;
    bench.set(1, None);
    assert!(call.await.unwrap().is_err());
    becomes_true("it is gone", || !alive(status.pid.unwrap())).await;
}

#[tokio::test]
async fn endpoints_without_a_slug_are_warned_about_and_not_mounted() {
    let bench = Bench::new();
    bench.want(spec(1, "", &subject()));
    let status = bench.status_where(1, |s| s.state == PluginState::Ready).await;
    assert_eq!(status.warnings, ["Plugin has endpoint registrations but no 'slug' in config"]);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn what_a_plugin_prints_is_kept() {
    let bench = Bench::new();
    bench.want(good(1).with("start", "crash"));
    bench.status_where(1, |s| s.state == PluginState::Parked).await;
    let output = bench.host.recent_output(PluginId(1));
    let line = output.iter().find(|line| line.message == "cannot go on").unwrap();
    assert_eq!(line.stream, "stderr");
}
