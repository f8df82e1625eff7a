//! The long call by which a plugin knows its host: opened again and again, closed in order.

use crate::asking::{asked, bare};
use crate::bench::{Bench, With, limits};
use crate::eventually::{PATIENCE, becomes_true};
use crate::life::ready;
use sidegate_plugins::host::HostLimits;
use std::fs;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_session_is_opened_again_when_its_time_is_up_and_closed_at_the_end() {
    let bench = Bench::with(HostLimits { session: Duration::from_millis(1100), ..limits() });
    let notes = bench.dir.path().join("notes");
    bench.want(bare(7).with("notes", notes.to_str().unwrap()));
    ready(&bench, 7).await;
    let noted = || fs::read_to_string(&notes).unwrap_or_default();
    becomes_true("it is opened again", || noted().lines().count() >= 3).await;
    assert!(noted().lines().all(|line| line == "open 1 7 1100"), "{}", noted());
    bench.host.shutdown().await;
    assert_eq!(noted().lines().last(), Some("close unload"));
}

#[tokio::test]
async fn a_plugin_without_sessions_is_asked_once() {
    let bench = Bench::with(HostLimits { session: Duration::from_millis(1), ..limits() });
    bench.want(bare(7).with("sessions", "none"));
    let (_, instance) = ready(&bench, 7).await;
    let begun = Instant::now();
    // The next one would follow after a second.
    while begun.elapsed() < Duration::from_millis(1500) {
        let opened = asked(&instance, "/asked").await;
        assert!(opened.is_empty() || opened == "open 1 7 1", "{opened}");
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_eq!(asked(&instance, "/asked").await, "open 1 7 1");
    bench.host.shutdown().await;
}
