//! Programs that are no good plugins: what the operator reads, and that nothing of them is left.

use crate::bench::{Bench, alive, limits, spec};
use crate::eventually::becomes_true;
use sidegate_model::status::PluginState;
use sidegate_plugins::Target;
use sidegate_plugins::host::HostLimits;
use std::fs;
use std::time::Duration;

/// Runs a script until it is parked and gives the reason.
async fn parked(bench: &Bench, body: &str) -> String {
    let command = bench.script("p", body);
    bench.want(spec(1, "s", &command));
    let status = bench.status_where(1, |s| s.state == PluginState::Parked).await;
    assert!(matches!(bench.mount("s").unwrap().target, Target::Unavailable));
    status.reason.unwrap()
}

#[tokio::test]
async fn a_line_that_is_no_handshake_is_shown_shortened() {
    let reason =
        parked(&Bench::new(), "echo hello \u{1b}[31m$(printf 'x%.0s' $(seq 500)); sleep 60").await;
    assert!(reason.contains("must not print anything"), "{reason}");
    assert!(reason.contains("hello \\u{1b}[31mxxx") && reason.ends_with("…\""), "{reason}");
    assert!(reason.len() < 500, "{reason}");
}

#[tokio::test]
async fn an_end_before_the_handshake_names_the_exit_code_and_the_last_words() {
    let reason = parked(&Bench::new(), "echo first >&2; echo 'no database' >&2; exit 3").await;
    assert!(reason.contains("exit code 3 before its handshake"), "{reason}");
    assert!(reason.ends_with("its last words: first | no database"), "{reason}");
}

#[tokio::test]
async fn a_closed_stdout_is_a_failure_although_the_process_lives_on() {
    let bench = Bench::new();
    let reason = parked(&bench, "exec >&-; sleep 60").await;
    assert!(reason.contains("closed its stdout without a handshake"), "{reason}");
    becomes_true("all are gone", || !bench.pids("p").into_iter().any(alive)).await;
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_the_process_with_it() {
    let bench = Bench::with(HostLimits { start: Duration::from_millis(200), ..limits() });
    let reason = parked(&bench, "echo waiting >&2; sleep 60").await;
    assert!(reason.contains("no handshake within 200ms; its last words: waiting"), "{reason}");
    becomes_true("all are gone", || !bench.pids("p").into_iter().any(alive)).await;
    becomes_true("no folder is left", || bench.private_dirs() == 0).await;
}

#[tokio::test]
async fn a_handshake_without_a_socket_behind_it_is_a_failure() {
    let reason = parked(&Bench::new(), "echo '1|1|unix|/nonexistent/s|grpc|'; sleep 60").await;
    assert!(reason.contains("socket /nonexistent/s cannot be reached: No such file"), "{reason}");
}

#[tokio::test]
async fn tcp_and_tls_are_refused_in_words() {
    let reason = parked(&Bench::new(), "echo '1|1|tcp|127.0.0.1:1|grpc|'; sleep 60").await;
    assert!(reason.contains("announced a TCP address, which is not supported"), "{reason}");
}

#[tokio::test]
async fn programs_that_cannot_be_run_are_told_apart() {
    let bench = Bench::new();
    let plain = bench.dir.path().join("plain");
    fs::write(&plain, "text").unwrap();
    let folder = bench.dir.path().to_owned();
    let rows = [
        ("relative/path".to_owned(), PluginState::Stopped, "absolute"),
        ("https://example.com/x".to_owned(), PluginState::Stopped, "file:///absolute"),
        ("file:///nonexistent/x".to_owned(), PluginState::Stopped, "cannot be used"),
        (format!("file://{}", plain.display()), PluginState::Stopped, "chmod +x"),
        (format!("file://{}", folder.display()), PluginState::Stopped, "not a regular file"),
    ];
    // What is wanted when the host starts is tried again: nobody waits for it.
    becomes_true("the host has started", || bench.host.settled_statuses().is_some()).await;
    for (id, (command, _, _)) in (1..).zip(&rows) {
        bench.want(spec(id, &format!("s{id}"), command));
    }
    for (id, (command, state, words)) in (1..).zip(&rows) {
        let status = bench.status_where(id, |s| s.state == *state).await;
        let reason = status.reason.unwrap();
        assert!(reason.contains(words), "{command}: {reason}");
        assert_eq!(status.restarts, 0, "{command}");
    }
}

#[tokio::test]
async fn a_start_says_what_it_waits_for() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 60");
    bench.want(spec(1, "s", &command));
    let waits = |status: &sidegate_model::status::PluginStatus| {
        status.reason.as_ref().is_some_and(|reason| reason.contains("waits for its first line"))
    };
    let status = bench.status_where(1, waits).await;
    assert_eq!(status.state, PluginState::Starting);
}

#[tokio::test]
async fn a_parked_plugin_is_started_no_more_until_its_spec_changes() {
    let bench = Bench::new();
    let reason = parked(&bench, "exit 1").await;
    assert!(reason.contains("parked after 3 failures"), "{reason}");
    assert_eq!(bench.pids("p").len(), 3);
    // A snapshot that does not concern it wakes nothing.
    let revision = bench.set(2, None);
    bench.applied(revision).await;
    assert_eq!(bench.status(1).unwrap().state, PluginState::Parked);
    let command = format!("file://{}", bench.dir.path().join("p").display());
    bench.want(spec(1, "other", &command));
    becomes_true("it was tried again", || bench.pids("p").len() == 6).await;
}

#[tokio::test]
async fn a_plugin_sees_nothing_of_our_environment_and_has_a_private_folder() {
    let bench = Bench::new();
    let seen = bench.dir.path().join("seen");
    let body = format!(
        "env > {0}.tmp; stat -c %a $TMPDIR >> {0}.tmp; pwd >> {0}.tmp; mv {0}.tmp {0}; sleep 60",
        seen.display()
    );
    let command = bench.script("p", &body);
    bench.want(spec(1, "s", &command));
    becomes_true("it wrote what it sees", || seen.exists()).await;
    let text = fs::read_to_string(&seen).unwrap();
    for line in [
        "AI_STUDIO_PLUGIN=v1",
        "PLUGIN_PROTOCOL_VERSIONS=1",
        "PLUGIN_RUNTIME=gateway",
        "LC_TIME=C",
        "700",
        "/",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in:\n{text}");
    }
    assert!(text.contains("PATH="), "{text}");
    assert!(!text.contains("GATEWAY_SECRET") && !text.contains("HOME="), "{text}");
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name).map(str::to_owned));
    assert_eq!(value("TMPDIR="), value("PLUGIN_UNIX_SOCKET_DIR="));
}

#[tokio::test]
async fn nothing_is_left_of_a_plugin_that_ignores_signals_and_has_children() {
    let bench = Bench::new();
    let body = "trap '' TERM INT HUP; sleep 1000 & echo $! >> $PIDS; sh -c 'echo $$ >> '$PIDS'; sleep 1000; true' & sleep 1000; true";
    let command = bench.script("p", body);
    bench.want(spec(1, "s", &command));
    becomes_true("all three run", || bench.pids("p").len() == 3).await;
    bench.host.shutdown().await;
    becomes_true("all are gone", || !bench.pids("p").into_iter().any(alive)).await;
    assert_eq!(bench.private_dirs(), 0);
}

#[tokio::test]
async fn a_plugin_removed_while_it_starts_is_gone_at_once() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000; true");
    bench.want(spec(1, "s", &command));
    becomes_true("it runs", || bench.pids("p").len() == 1).await;
    assert!(matches!(bench.mount("s").unwrap().target, Target::Starting));
    let revision = bench.set(1, None);
    bench.applied(revision).await;
    assert!(bench.mount("s").is_none());
    becomes_true("it is gone", || bench.status(1).is_none() && !alive(bench.pids("p")[0])).await;
}

#[tokio::test]
async fn identities_change_at_once_whatever_plugins_do() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000; true");
    let revision = bench.want(spec(1, "s", &command));
    bench.applied(revision).await;
    assert_eq!(bench.host.generations().load().revision, revision);
    assert!(bench.mount("s").unwrap().endpoints.endpoints().is_empty());
}

#[tokio::test]
async fn of_two_plugins_with_one_slug_the_lower_number_keeps_it() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000; true");
    bench.want(spec(7, "s", &command));
    bench.want(spec(3, "s", &command));
    let status = bench.status_where(7, |s| s.state == PluginState::Stopped).await;
    assert_eq!(
        status.reason.as_deref(),
        Some("slug 's' belongs to plugin 'plugin 3' (number 3): give this plugin another slug")
    );
    assert_eq!(bench.mount("s").unwrap().plugin.id.0, 3);
}

#[tokio::test]
async fn dropping_the_handle_stops_every_plugin() {
    let bench = Bench::new();
    let command = bench.script("p", "sleep 1000; true");
    bench.want(spec(1, "s", &command));
    becomes_true("it runs", || bench.pids("p").len() == 1).await;
    let pid = bench.pids("p")[0];
    let Bench { dir: _kept, host, .. } = bench;
    drop(host);
    becomes_true("it is gone", || !alive(pid)).await;
}
