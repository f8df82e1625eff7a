//! Signals that reach every process of the service at once, as a service manager sends them that ends a
//! whole control group.

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::Signal;
use sidegate_api::record::RecordAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{
    Flavour, Gateway, Plugin, descendants, eventually, go_story, signal, story, terminate,
};
use std::fs::{File, read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Sends SIGTERM to every process below the gateway, and to the gateway.
fn terminate_all(gateway: &mut Gateway) {
    for pid in gateway.processes() {
        terminate(pid);
    }
    gateway.begin_to_stop();
}

fn patient() -> sidegate_e2e::GatewayBuilder {
    Gateway::builder().env("SHUTDOWN_TIMEOUT", "20s")
}

/// Opens a slow answer and a stream at each place, lets everything read its settings again, which ends
/// nobody, ends everything, and sees both end well.
async fn nothing_open_is_lost(mut gateway: Gateway, slow: &[String], streams: &[String]) {
    let answers: Vec<_> =
        slow.iter().map(|path| tokio::spawn(gateway.get(path).try_send())).collect();
    let mut open = Vec::new();
    for path in streams {
        let mut stream = gateway.get(path).open().await;
        stream.read_until("\n\n").await;
        open.push(stream);
    }
    let wanted = (slow.len() + streams.len()).to_string();
    eventually("all are being answered", async || {
        let metrics = gateway.get("/metrics").send().await;
        let metrics = metrics.text();
        let of_plugins =
            metrics.lines().filter(|l| l.starts_with("sidegate_plugin_requests_in_flight{"));
        let sum: u64 =
            of_plugins.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        (sum.to_string() == wanted).then_some(())
    })
    .await;
    for pid in gateway.processes().into_iter().chain([gateway.pid()]) {
        signal(pid, Signal::HUP);
    }
    gateway.logged("the settings are reloaded").await;
    terminate_all(&mut gateway);
    for answer in answers {
        answer.await.unwrap().expect("an answer").expect(200);
    }
    for stream in &mut open {
        let rest = stream.rest().await.expect("the stream ends well");
        assert!(String::from_utf8_lossy(&rest).contains("\"i\":39"), "it is whole");
    }
    gateway.stop();
    let log = gateway.log();
    assert!(!log.contains("plugin failed"), "nothing has failed");
}

#[test]
fn a_signal_to_all_processes_of_the_service_loses_nothing_that_is_open() {
    story(async {
        let gateway = patient().start().await;
        gateway.lab().await;
        let slow = ["/plugins/lab/sleep?ms=2000".to_owned()];
        let stream = ["/plugins/lab/sse?n=40&interval_ms=50".to_owned()];
        nothing_open_is_lost(gateway, &slow, &stream).await;
    });
}

#[test]
fn a_signal_to_all_processes_of_the_service_loses_nothing_of_plugins_in_go() {
    go_story(async |go| {
        let gateway = patient().start().await;
        let (mut slow, mut streams) = (Vec::new(), Vec::new());
        for flavour in Flavour::ALL {
            let name = flavour.name();
            go.plugin(&gateway, "plugin", flavour, &name).ready().await;
            slow.push(format!("/plugins/{name}/slow?ms=2000"));
            streams.push(format!("/plugins/{name}/events?n=40&interval_ms=50"));
        }
        nothing_open_is_lost(gateway, &slow, &streams).await;
    });
}

#[test]
fn a_plugin_that_ends_by_the_signal_that_stops_the_gateway_has_not_failed_and_starts_no_more() {
    story(async {
        let mut gateway = patient().start().await;
        gateway.lab().await;
        // It knows nothing of signals.
        let plain = gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        let pid = plain.pid().await;
        let mut stream = gateway.get("/plugins/lab/sse?n=60&interval_ms=50").open().await;
        stream.read_until("\n\n").await;
        terminate_all(&mut gateway);
        let record = ended(&plain, pid).await;
        assert_eq!(record.in_order, Some(true), "{record:#?}");
        assert_eq!(record.signal, Some(15), "{record:#?}");
        let status = plain.status().await;
        assert_eq!(
            (status.summary.state, status.summary.restarts),
            (State::Stopped, 0),
            "{status:?}"
        );
        // What comes late starts nothing either.
        plain.reload().await;
        stream.rest().await.expect("the stream of the other plugin ends well");
        gateway.stop();
        let log = gateway.log();
        assert_eq!(log.matches("plugin is ready").count(), 2, "each was started once");
        assert!(!log.contains("plugin failed"), "nothing has failed");
    });
}

#[test]
fn a_plugin_that_ends_by_that_signal_only_when_it_is_asked_to_end_has_not_failed_either() {
    story(async {
        let mut gateway = Gateway::start().await;
        let late = gateway.plugin("m").program("e2e-plugin-misbehave").config("stop", "late");
        let late = late.ready().await;
        let (id, pid) = (late.id, late.pid().await);
        gateway.begin_to_stop();
        gateway.logged("asked to end").await;
        terminate(pid);
        let gateway = gateway.restart().await;
        let record = gateway.plugin_by_id(id).record_of(pid).await;
        assert_eq!(record.in_order, Some(true), "{record:#?}");
    });
}

/// The process that was started for this folder.
fn started_in(folder: &Path) -> Option<u32> {
    let folder = folder.to_str().unwrap();
    let names = |pid: &u32| {
        let arguments = read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(folder)
    };
    descendants(std::process::id()).into_iter().find(names)
}

/// The writing end of a pipe with a name, once somebody reads from it.
async fn read_by_somebody(pipe: &Path) -> File {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let open = || File::options().write(true).custom_flags(flags).open(pipe).ok();
    eventually("the settings are read", async || open()).await
}

#[test]
fn a_hangup_while_the_gateway_starts_ends_nothing_and_counts_once_it_serves() {
    story(async {
        let builder = Gateway::builder();
        let folder = builder.folder().to_owned();
        let settings = folder.join("settings");
        mknodat(CWD, &settings, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let hangup = async {
            // It is about to read its settings, and cannot go on before it has.
            let _writer = read_by_somebody(&settings).await;
            signal(started_in(&folder).unwrap(), Signal::HUP);
        };
        let starting = builder.env("SIDEGATE_CONFIG", &settings).start();
        let (gateway, ()) = tokio::join!(starting, hangup);
        drop(read_by_somebody(&settings).await);
        gateway.logged("the settings are reloaded").await;
    });
}

/// The admin API answers until the end.
async fn ended(plugin: &Plugin, pid: u32) -> RecordAttributes {
    let record = plugin.wait_ended(pid).await;
    plugin.wait_state(State::Stopped).await;
    record
}
